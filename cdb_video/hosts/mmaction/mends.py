"""Mends for faults of MMAction2 1.2.0.

Each mend looks for its fault and does nothing where the host is sound; each can be applied again.

* It was published without ``mmaction/models/localizers/drn``, which its own package imports
  (https://github.com/open-mmlab/mmaction2/issues/2714).
* It imports ``importlib_metadata`` without declaring it.
* Its PackActionInputs drops the name of a clip unless `meta_keys` asks for it, so dumps of `mim test` do not say whose
  scores they hold, and reports cannot name the clips that were misclassified.

What fails before this package is imported cannot be mended here: ``import mmaction`` refuses mmcv >= 2.2.
``tools/setup_env.sh`` checks for that.
"""

import functools
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from cdb_video.watched_imports import when_imported

DRN_MODULE = 'mmaction.models.localizers.drn'
PACKING_MODULE = 'mmaction.datasets.transforms.formatting'
NAME_KEYS = ('frame_dir', 'filename', 'total_frames')
"""What tells a clip, in the samples of all datasets of MMAction2 and ours."""


def _mmaction_folder() -> Path | None:
    """Return the folder of mmaction without importing it, or None where there is none."""
    loaded = sys.modules.get('mmaction')
    spec = loaded.__spec__ if loaded else importlib.util.find_spec('mmaction')
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def stub_missing_drn() -> bool:
    """Stand in for ``mmaction.models.localizers.drn`` where MMAction2 came without it.

    The folder is looked for on disk: ``find_spec`` of a submodule imports its parents, which is
    the import that fails, and leaves half of MMAction2's classes registered.

    Returns:
        Whether the stub was put in place.
    """
    folder = _mmaction_folder()
    if folder is None or DRN_MODULE in sys.modules:
        return False
    localizers = folder / 'models' / 'localizers'
    if not localizers.is_dir() or (localizers / 'drn').is_dir():
        return False

    package = ModuleType(DRN_MODULE, 'Stand-in for a folder that MMAction2 came without.')
    package.__path__ = []
    module = ModuleType(f'{DRN_MODULE}.drn', 'Stand-in for a file that MMAction2 came without.')
    module.__getattr__ = _make_drn  # type: ignore[method-assign]
    package.drn = module  # type: ignore[attr-defined]
    sys.modules[DRN_MODULE] = package
    sys.modules[f'{DRN_MODULE}.drn'] = module
    return True


def _make_drn(name: str) -> type:
    """Make and register the stand-in for the class, at the moment MMAction2 imports it."""
    if name != 'DRN':
        raise AttributeError(name)
    from mmaction.registry import MODELS

    drn = type(name, (), {'__init__': _refuse_drn, '__module__': f'{DRN_MODULE}.drn'})
    MODELS.register_module(module=drn, force=True)
    return drn


def _refuse_drn(self: object, *args: object, **kwargs: object) -> NoReturn:
    raise NotImplementedError(
        'DRN cannot be built: the installed MMAction2 came without mmaction/models/localizers/drn '
        '(https://github.com/open-mmlab/mmaction2/issues/2714). Install MMAction2 from source to '
        'use DRN.'
    )


def stub_importlib_metadata() -> bool:
    """Let the standard library stand in for an absent ``importlib_metadata``.

    MMAction2 takes ``distribution`` and ``PackageNotFoundError`` from it, and both have the
    standard library's meaning there.

    Returns:
        Whether the standard library's module was put in place.
    """
    name = 'importlib_metadata'
    if name in sys.modules or importlib.util.find_spec(name) or _mmaction_folder() is None:
        return False
    sys.modules[name] = importlib.metadata
    return True


def keep_clip_names() -> bool:
    """Let PackActionInputs hand on the names of clips, whatever `meta_keys` it is given.

    MMAction2 is not imported for it. What is packed for the model stays as it is.

    Returns:
        Whether names would have been dropped.
    """
    return _mmaction_folder() is not None and when_imported(PACKING_MODULE, _keep_names)


def _keep_names(module: ModuleType) -> bool:
    """Add `NAME_KEYS` to the keys of each PackActionInputs that is made; in workers, too, which get it ready-made."""
    packing = module.PackActionInputs
    create = packing.__init__
    if hasattr(create, '__wrapped__'):
        return False

    @functools.wraps(create)
    def create_with_names(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        taken = {*self.meta_keys, *self.algorithm_keys}
        self.meta_keys = (*self.meta_keys, *(key for key in NAME_KEYS if key not in taken))

    packing.__init__ = create_with_names
    return True
