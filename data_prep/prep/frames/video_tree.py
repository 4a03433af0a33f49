"""What lies below a folder of videos: the videos, and whatever is there beside them. Looks at names alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prep.command import first_few
from prep.frames.data_root import CUT_RECORD, EXTENSIONS, SYSTEM_FILES, is_video
from prep.frames.manifest import FolderError


@dataclass
class VideoTree:
    """What was found; all paths are relative to the folder, and sorted.

    Attributes:
        videos: Videos by their endings; links and files that cannot be opened are among them.
        hidden: Videos whose name, or that of a folder above them, begins with a dot: `._a.mp4` is what macOS leaves
            beside `a.mp4`.
        others: Files of other endings. Hidden ones, what file browsers leave and our own record are not counted.
        folders: All folders that were read, but hidden ones; the folder itself is `Path()`.
        repeated: Links to folders that were read under another name, with that name.
    """

    videos: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    repeated: list[tuple[Path, Path]] = field(default_factory=list)

    def add(self, folder: Path, names: Sequence[str]) -> None:
        """Sort a folder and its files in."""
        if not _is_hidden(folder):
            self.folders.append(folder)
        for file in (folder / name for name in names):
            if is_video(file.name):
                (self.hidden if _is_hidden(file) else self.videos).append(file)
            elif not _is_hidden(file) and file.name not in (CUT_RECORD, *SYSTEM_FILES):
                self.others.append(file)


def _is_hidden(place: Path) -> bool:
    return any(part.startswith('.') for part in place.parts)


def read_video_tree(folder: Path) -> VideoTree:
    """Read the names of all below a folder; each folder is read once, under its own name rather than that of a link.

    Raises:
        FolderError: If a folder cannot be read.
    """
    tree = VideoTree()
    first: dict[Path, Path] = {}
    tops = [folder]
    # Downloads are often linked in from another disk; a link back up must not loop for ever.
    while tops:
        for parent, folders, names in os.walk(tops.pop(0), onerror=_refuse):
            folders.sort()
            place = Path(parent).relative_to(folder)
            earlier = first.setdefault(Path(parent).resolve(), place)
            if earlier != place:
                folders.clear()
                if earlier not in place.parents:
                    tree.repeated.append((place, earlier))
                continue
            tree.add(place, names)
            tops += [path for name in folders if (path := Path(parent, name)).is_symlink()]
    for found in (tree.videos, tree.hidden, tree.others, tree.folders):
        found.sort()
    return tree


def _refuse(error: OSError) -> None:
    raise FolderError(f'{error.filename} cannot be read ({error.strerror}). Mend its permissions, or move it away')


def other_files_note(folder: Path, others: Sequence[Path]) -> list[str]:
    """A sentence on files that no ending shows to be videos; none where there are none."""
    if not others:
        return []
    named = first_few([str(folder / file) for file in others])
    return [
        f'{counted(len(others), "file")} left out, no video by the ending: {named}. Known are {", ".join(EXTENSIONS)}: '
        'give a video one of these, whatever it holds'
    ]


def hidden_note(folder: Path, hidden: Sequence[Path]) -> list[str]:
    """A sentence on videos that are left out for a dot at the beginning of a name; none where there are none."""
    if not hidden:
        return []
    named = first_few([str(folder / file) for file in hidden])
    return [
        f'{counted(len(hidden), "video")} left out, whose names or those of their folders begin with a dot: {named}. '
        'Remove or rename them'
    ]


def repeated_note(folder: Path, repeated: Sequence[tuple[Path, Path]]) -> list[str]:
    """A sentence on folders that are there under two names; none where there are none."""
    if not repeated:
        return []
    named = first_few([f'{folder / place} is {folder / earlier}' for place, earlier in repeated])
    return [f'{counted(len(repeated), "link")} left out, to folders that were read already: {named}']


def counted(number: int, noun: str) -> str:
    """'1 file is', '2 files are'."""
    return f'1 {noun} is' if number == 1 else f'{number} {noun}s are'
