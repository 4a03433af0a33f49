"""Files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, synced: bool = True) -> Path:
    """Write a file under a temporary name, see it reach the disk, and rename it.

    Args:
        path: Where the file goes.
        content: All of it.
        synced: Whether to wait for the disk; not for a file that is soon written anew.

    Raises:
        OSError: If writing fails, with the path, which a full disk does not say; a file that was there is then
            unchanged, and nothing is left of the temporary one.
    """
    temporary = temporary_name(path)
    try:
        with temporary.open('wb') as file:
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        return temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def temporary_name(path: Path) -> Path:
    """The file that `write_atomically` writes before it is renamed; a kill leaves it there."""
    return path.with_name(f'{path.name}.tmp')
