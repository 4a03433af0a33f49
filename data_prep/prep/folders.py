"""Names of what is not finished yet, the removal of what a killed run left under them, and a hash over files."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_ENDINGS = ('.partial', '.old')


def partial_name(name: str) -> str:
    """A hidden name for `name` while it is made; another one at every call.

    No two writers share one, be they on two machines: a cluster may give a clip to a second worker
    while the first, believed dead, still writes.
    """
    return f'.{name}.{secrets.token_hex(6)}.partial'


def remove_leftovers(targets: Iterable[Path]) -> None:
    """Remove what earlier runs began to make of `targets` and did not finish.

    Raises:
        OSError: If something cannot be removed.
    """
    wanted: dict[Path, set[str]] = defaultdict(set)
    for target in targets:
        wanted[target.parent].add(target.name)
    for folder, names in wanted.items():
        if not folder.is_dir():
            continue
        for left in [name for name in os.listdir(folder) if _belongs_to(name) in names]:
            path = folder / left
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def digest(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the names (relative to ``root``) and bytes of files, in sorted order."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.relative_to(root).as_posix().encode() + b'\0')
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _belongs_to(name: str) -> str | None:
    """The finished name of a partial one; None if it is no partial name."""
    if not name.startswith('.') or not name.endswith(_ENDINGS):
        return None
    inner = name[1:].rpartition('.')[0]
    return inner if name.endswith('.old') else inner.rpartition('.')[0]
