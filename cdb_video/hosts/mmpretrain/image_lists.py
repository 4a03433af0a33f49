"""The images of a CustomDataset, looked for when its list is read, before the first step. Opens no image.

A folder is read once, however many of its images are listed, so that a million take a second or two. Lists and images
that are not on a disk of this machine are left to mmpretrain.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cdb_video.class_names import counted
from cdb_video.data.missing_files import Fault, check_file, faults_message
from cdb_video.hosts.mmpretrain.loading import WatchedLoading
from cdb_video_files.images.pictures import is_picture
from cdb_video_files.images.roots import find_other_root
from cdb_video_files.records import AnnotationError, read_lines

_LOG = logging.getLogger('cdb_video')
_SHOWN = 3
_SEVERAL = re.compile(r'\[?[0-9]+([,;][0-9]+)+\]?')
_LINE = 'Write lines `path label`, with a blank between the two and one whole number as the label'

Infos = list[dict[str, Any]]


def check_class_list(classes: Any) -> None:
    """See that a file of class names is there, where `classes` names one.

    Raises:
        FileNotFoundError: If it is not.
    """
    if isinstance(classes, str) and '://' not in classes and not os.path.isfile(os.path.expanduser(classes)):
        raise FileNotFoundError(
            f'classes={classes!r}: there is no such file, seen from {os.getcwd()}. Set classes of the dataset to the '
            'file with the names of its classes, one a line, or to the names; data_prep/make_images.py writes '
            'classes.txt (in the configs of configs/images an environment variable names its folder)'
        )


def load_checked(dataset: Any, load: Callable[[Any], Infos]) -> Infos:
    """The entries of a CustomDataset, whose images are there.

    Args:
        dataset: Of mmpretrain, with its options.
        load: Its own `load_data_list`.

    Raises:
        AnnotationError: If a line of its list is none.
        FileNotFoundError: If its list, its folder or images are missing.
    """
    prefix = str(dataset.img_prefix)
    if '://' in prefix or '://' in dataset.ann_file:
        return load(dataset)
    _tell_loaders(dataset, prefix)
    if not dataset.ann_file:
        return _load_folder(dataset, prefix, load)
    check_file('ann_file', dataset.ann_file, 'its lines `path label`')
    try:
        infos = load(dataset)
    except ValueError as error:
        if dataset.with_label:
            _raise_for_line(dataset.ann_file, error)
        raise
    missing = missing_files([info['img_path'] for info in infos])
    if missing:
        _report_missing(dataset, prefix, missing, len(infos))
    return infos


def missing_files(paths: Sequence[str]) -> list[str]:
    """Those that are no files, in their order."""
    there: dict[str, set[str] | None] = {}
    missing = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in there:
            there[folder] = _files_in(folder)
        names = there[folder]
        if name not in names if names is not None else not os.path.isfile(path):
            missing.append(path)
    return missing


def _files_in(folder: str) -> set[str] | None:
    """The names of the files in a folder; None = it cannot be listed, and its files can perhaps be read."""
    try:
        with os.scandir(folder or '.') as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError:
        return None


def _report_missing(dataset: Any, prefix: str, missing: Sequence[str], total: int) -> None:
    names = [os.path.relpath(path, prefix or '.') for path in missing]
    loaders = _loaders(dataset)
    if loaders and all(loading.passes_over_missing for loading in loaders):
        _LOG.warning(
            f'{len(names)} of the {total} images in {dataset.ann_file} are missing in {prefix or "."}, and passed over '
            f'(ignore_empty=True): {", ".join(names[:_SHOWN])}'
        )
        return
    faults = [Fault(name, 'missing', name) for name in names]
    remedy = _cause(Path(prefix), names[0])
    raise FileNotFoundError(faults_message(faults, total, dataset.ann_file, prefix, remedy, may_go_on=False))


def _cause(root: Path, name: str) -> str:
    """What to do first about an image that is missing; ends so that more advice can follow."""
    before, _, last = name.rpartition(' ')
    if last.isdecimal() and (root / before).is_file():
        return f'{before} is there, so the line has several labels: leave one. Otherwise '
    other = find_other_root(root, name)
    if other is None:
        return 'Put the images there, '
    if other.folder is not None:
        return f'The list is written for {other.folder}: set data_prefix (with data_root before it) to that. Otherwise '
    return f'Without {other.lead!r} they are there: take that off the lines. Otherwise '


def _raise_for_line(path: str, error: ValueError) -> None:
    """Raise an AnnotationError that names the first line that mmpretrain cannot take; do nothing if there is none."""
    lines = list(read_lines(path))
    for number, line in lines if lines[-1][1] else lines[:-1]:
        words = line.strip().rsplit(' ', 1)
        if len(words) == 2 and _is_number(words[1]):
            continue
        if not line.strip():
            rule = 'the line is empty'
        elif len(words) < 2:
            rule = 'there is no label'
        elif _SEVERAL.fullmatch(words[1]):
            rule = f'{words[1]!r} are several labels, and class difficulty needs one label an image'
        else:
            rule = f'label {words[1]!r} is not a whole number'
        raise AnnotationError(rule, _LINE).at(path, number, line) from error


def _is_number(text: str) -> bool:
    """Whether mmpretrain takes it for a label."""
    try:
        int(text)
    except ValueError:
        return False
    return True


def _load_folder(dataset: Any, prefix: str, load: Callable[[Any], Infos]) -> Infos:
    """The images of a folder for every class; what is left out is named."""
    if not os.path.isdir(prefix):
        raise FileNotFoundError(
            f'{prefix!r}: there is no such folder, seen from {os.getcwd()}. Set data_prefix of the dataset, relative '
            'to data_root, to the folder that holds a folder for every class; or name a list by ann_file'
        )
    valid, left_out = dataset.is_valid_file, []

    def is_valid(name: str) -> bool:
        if not (is_valid := valid(name)) and is_picture(name):
            left_out.append(name)
        return bool(is_valid)

    dataset.is_valid_file = is_valid  # of this object alone, while it looks through its folder
    try:
        infos = load(dataset)
    finally:
        del dataset.is_valid_file
    if left_out:
        _LOG.warning(
            f'{counted(len(left_out), "image")} in {prefix} left out, whose endings are none of extensions='
            f'{tuple(sorted(dataset.extensions))}: {", ".join(sorted(left_out)[:_SHOWN])}. Name all of them there'
        )
    loose = sorted(name for name in _files_in(prefix) or () if is_picture(name)) if dataset.with_label else []
    if loose:
        _LOG.warning(
            f'{counted(len(loose), "image")} in {prefix} left out, in no folder of a class: '
            f'{", ".join(loose[:_SHOWN])}. Move them, or list all images and name the list by ann_file'
        )
    return infos


def _loaders(dataset: Any) -> list[WatchedLoading]:
    steps = getattr(dataset.pipeline, 'transforms', ())
    return [step.transform for step in steps if isinstance(getattr(step, 'transform', None), WatchedLoading)]


def _tell_loaders(dataset: Any, prefix: str) -> None:
    """Tell the steps that load images the command that looks for all that cannot be read."""
    words = ['cdb-video', 'check', '--source', 'images', '--images', os.path.abspath(prefix or '.')]
    if dataset.ann_file:
        words += ['--lists', os.path.abspath(dataset.ann_file)]
    for loading in _loaders(dataset):
        loading.find_all = f'To find all such files: {shlex.join(words)}'
