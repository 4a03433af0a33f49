"""Mends for faults of mmpretrain 1.2.0, and of mmcv where mmpretrain reads images with it.

Each mend looks for its fault and does nothing where the host is sound; each can be applied again.

* mmcv's LoadImageFromFile asserts that an image was read, and takes what a decoder makes of a file that was cut off, or
  has 16 bits (https://github.com/open-mmlab/mmpretrain/issues/1427).
* CustomDataset takes a list as it is: a file that is not there, or another root, is met in the middle of an epoch, a
  line with a fault raises an error of Python without the line. Of a folder it leaves out silently what has other
  endings than it knows, and what lies in no class.
* MNIST and its kin read IDX files without looking whether they are whole, and pass over images without a label.
* A file of class names that is not there is said without the option that names it.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from cdb_video.host_words import IMAGES, words_now
from cdb_video.watched_imports import when_imported

LOADING_MODULE = 'mmcv.transforms.loading'
CUSTOM_MODULE = 'mmpretrain.datasets.custom'
BASE_MODULE = 'mmpretrain.datasets.base_dataset'
MNIST_MODULE = 'mmpretrain.datasets.mnist'
CIFAR_MODULE = 'mmpretrain.datasets.cifar'


def _folder(package: str) -> Path | None:
    """The folder of a package without importing it; None = there is none."""
    loaded = sys.modules.get(package)
    spec = loaded.__spec__ if loaded else importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _text(module: str) -> str:
    """A module of a package as it stands on disk; empty where there is none."""
    package, _, rest = module.partition('.')
    folder = _folder(package)
    path = None if folder is None else folder.joinpath(*rest.split('.')).with_suffix('.py')
    return path.read_text(encoding='utf-8') if path is not None and path.is_file() else ''


def name_unreadable_images() -> bool:
    """Let LoadImageFromFile name an image that cannot be read, or would be misread; see `WatchedLoading`.

    Steps that are made in the scope of mmpretrain alone are watched, and none of a class that loads in its own way.

    Returns:
        Whether it asserts instead.
    """
    if _folder('mmpretrain') is None or 'failed to load image' not in _text(LOADING_MODULE):
        return False
    return when_imported(LOADING_MODULE, _watch_loading)


def _watch_loading(module: ModuleType) -> bool:
    loading = module.LoadImageFromFile
    create, transform = loading.__init__, loading.transform
    if hasattr(create, '__wrapped__'):
        return False

    @functools.wraps(create)
    def create_watched(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        if type(self).transform is transform and words_now() is IMAGES:
            from cdb_video.hosts.mmpretrain.loading import watch  # late: OpenCV comes with it

            watch(self)

    loading.__init__ = create_watched
    return True


def check_image_lists() -> bool:
    """Let CustomDataset, and what derives from it, look for the images of a list and name what a folder leaves out.

    Returns:
        Whether it takes lists as they are.
    """
    if 'list_from_file(self.ann_file)' not in _text(CUSTOM_MODULE):
        return False
    return when_imported(CUSTOM_MODULE, functools.partial(_load_by, 'CustomDataset', 'image_lists', 'load_checked'))


def name_damaged_archives() -> bool:
    """Let the sets of the MNIST and CIFAR families name the files that are damaged or others than those released.

    Returns:
        Whether they read IDX files without a check.
    """
    if 'strict=False' not in _text(MNIST_MODULE):
        return False
    awaited = (
        when_imported(MNIST_MODULE, functools.partial(_load_by, 'MNIST', 'archives', 'load_mnist')),
        when_imported(CIFAR_MODULE, functools.partial(_load_by, 'CIFAR10', 'archives', 'load_cifar')),
    )
    return any(awaited)


def _load_by(name: str, room: str, function: str, module: ModuleType) -> bool:
    """Let the `load_data_list` of a dataset go through a function of ours, which is given the dataset and theirs."""
    kind = getattr(module, name)
    theirs = kind.load_data_list
    if hasattr(theirs, '__wrapped__'):
        return False

    @functools.wraps(theirs)
    def load_data_list(self: Any) -> list[dict[str, Any]]:
        ours = getattr(importlib.import_module(f'cdb_video.hosts.mmpretrain.{room}'), function)
        found: list[dict[str, Any]] = ours(self, theirs)
        return found

    kind.load_data_list = load_data_list
    return True


def name_missing_class_lists() -> bool:
    """Let the datasets name the option of a file of class names that is not there.

    Returns:
        Whether they open it as it is.
    """
    if 'mmengine.list_from_file(expanduser(classes))' not in _text(BASE_MODULE):
        return False
    return when_imported(BASE_MODULE, _check_class_lists)


def _check_class_lists(module: ModuleType) -> bool:
    theirs = module.BaseDataset._compat_classes
    if hasattr(theirs, '__wrapped__'):
        return False

    @functools.wraps(theirs)
    def compat_classes(self: Any, metainfo: Any, classes: Any) -> Any:
        from cdb_video.hosts.mmpretrain.image_lists import check_class_list

        check_class_list(classes)
        return theirs(self, metainfo, classes)

    module.BaseDataset._compat_classes = compat_classes
    return True
