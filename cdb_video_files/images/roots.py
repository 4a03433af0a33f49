"""Another folder that the names of a list could be relative to, where they are not below the one that was named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class OtherRoot:
    """Where a name was found.

    Attributes:
        folder: That the list is written for; None = the one that was named, but for `lead`.
        lead: What stands before the names in the list and not on the disk, such as 'ILSVRC/'; '' = nothing.
    """

    folder: Path | None = None
    lead: str = ''


def find_other_root(root: Path, name: str) -> OtherRoot | None:
    """Look for a file that is not below `root`: from the folders around it, and without its own first folders.

    Args:
        root: A folder, which need not be there.
        name: Relative, with forward slashes.
    """
    above = [place for place in root.absolute().parents if (place / name).is_file()]
    if above:
        return OtherRoot(above[0])
    beside = root if root.is_dir() else root.parent
    others = [place for place in beside.iterdir() if (place / name).is_file()] if beside.is_dir() else []
    if others:
        # Of train/ and val/ with the same names nobody knows which is meant.
        return OtherRoot(others[0]) if len(others) == 1 else None
    parts = PurePosixPath(name).parts
    for skipped in range(1, len(parts)):
        if (root / PurePosixPath(*parts[skipped:])).is_file():
            return OtherRoot(lead=f'{PurePosixPath(*parts[:skipped])}/')
    return None
