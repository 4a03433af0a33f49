"""Values as JSON can hold them, numbers in sentences, and files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """`value` in plain Python types: arrays and tensors become lists or numbers, NaN and infinity None."""
    if hasattr(value, 'tolist'):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number and what it counts, as '1 class' and '2 classes'.

    Args:
        number: How many.
        singular: The name of one.
        plural: The name of several; None = with an s.
    """
    return f'{number} {singular if number == 1 else plural or singular + "s"}'


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
    temporary = path.with_name(f'{path.name}.tmp')
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
