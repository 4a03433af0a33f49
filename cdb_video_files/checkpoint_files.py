"""Files that torch has saved, told from others by how they begin and end, without reading them."""

from __future__ import annotations

import zipfile
from pathlib import Path

_PICKLE = b'\x80'  # with which every pickle begins that torch has ever written


def check_checkpoint_file(path: str | Path, purpose: str) -> None:
    """See that a file can be a checkpoint: a whole zip archive, or a pickle, as torch wrote them before 1.6.

    Args:
        path: A file that is there. Folders, as several devices write them, and addresses with '://' are not looked at.
        purpose: What it is for, in the words of the user: '--resume'.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is something else, or is cut off.
    """
    file = Path(path).expanduser()
    if '://' in str(path) or file.is_dir():
        return
    with file.open('rb') as opened:
        is_pickle = opened.read(len(_PICKLE)) == _PICKLE
    if not is_pickle and not zipfile.is_zipfile(file):
        raise ValueError(f'{purpose}: {path} is no checkpoint, or is cut off: name a .pth file that a training saved')
