"""Folders of lists: written whole, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cdb_video_files.class_lists import write_class_names
from prep.command import first_few
from prep.frames.data_root import SYSTEM_FILES
from prep.frames.folder import FolderError, put_in_place
from prep.lists.split_clips import PARTS

CLASSES, SUMMARY, PLOT = 'classes.txt', 'summary.json', 'class_counts.png'


def write_folder(
    folder: Path,
    write_lists: Callable[[Path], None],
    names: Sequence[str],
    summary: Mapping[str, Any],
    overwrite: bool,
) -> str:
    """Write all files beside `folder`, then let them appear together.

    Args:
        folder: The folder of the lists.
        write_lists: Writes the list files into a folder.
        names: Class names in the order of the labels.
        summary: What summary.json holds.
        overwrite: Whether lists that differ may be replaced.

    Returns:
        What happened, for the user.

    Raises:
        FolderError: If `folder` holds other lists that may not be replaced, or something else.
    """
    partial = folder.with_name(f'.{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write_lists(partial)
        write_class_names(partial / CLASSES, names)
        text = json.dumps(summary, indent=1, ensure_ascii=False)
        (partial / SUMMARY).write_text(text + '\n', encoding='utf-8')
        if folder.exists():
            if _same_files(folder, partial):
                return 'these lists were there already'
            _check_replaceable(folder, overwrite)
        put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return 'written'


def check_folder(folder: Path) -> None:
    """See that lists may be written into a folder at all, before the long work; whether they differ shows after it.

    Raises:
        FolderError: If it is a file, or holds something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FolderError(f'{folder} is a file. Name a folder for the lists')
    ours = {f'{part}{kind}.txt' for part in PARTS for kind in ('', '_videos')} | {CLASSES, SUMMARY, PLOT}
    foreign = sorted(name for name in _names(folder) if name not in ours)
    if foreign:
        raise FolderError(
            f'{folder} holds something else: {first_few(foreign)}. build_lists replaces only its own '
            'files: move these away.'
        )


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name not in SYSTEM_FILES}


def _same_files(folder: Path, other: Path) -> bool:
    names = _names(folder) - {PLOT}
    return names == {path.name for path in other.iterdir()} and all(
        (folder / name).read_bytes() == (other / name).read_bytes() for name in names
    )


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    check_folder(folder)
    if not overwrite:
        raise FolderError(f'{folder} holds other lists than these. Keep them, or replace them with --overwrite.')
