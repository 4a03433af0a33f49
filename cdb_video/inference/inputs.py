"""What a user names to predict on: videos or images, folders of them and lists -> the files, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdb_video.class_names import counted
from cdb_video_files.images.pictures import PICTURE_ENDINGS, is_picture
from cdb_video_files.records import read_lines
from cdb_video_files.video.containers import VIDEO_ENDINGS, is_video, video_path

_LIST_ENDING = '.txt'


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes:
        name: In the singular.
        endings: Of the names of its files.
        is_one: Whether a file is one, by its name.
        complete: Makes the path of an entry in a list that of a file.
    """

    name: str
    endings: tuple[str, ...]
    is_one: Callable[[str], bool]
    complete: Callable[[str], str]


VIDEOS = Kind('video', VIDEO_ENDINGS, is_video, video_path)
PICTURES = Kind('image', PICTURE_ENDINGS, is_picture, str)


@dataclass(frozen=True)
class Inputs:
    """The samples that were named.

    Attributes:
        paths: Of the files, in order.
        labels: Of those whose line in a list has one; from 0.
        notes: What was passed over, in words.
    """

    paths: tuple[str, ...]
    labels: dict[str, int]
    notes: tuple[str, ...]


def find_inputs(named: Sequence[Path], root: Path | None = None, kind: Kind = VIDEOS) -> Inputs:
    """The samples in files, folders and lists.

    Args:
        named: Files of the kind; folders, of which all such files are taken, at any depth; lists (.txt) of lines
            `<file>` or `<file> <label>`, where '.mp4' may be left out as in training.
        root: Folder that relative paths of lists are relative to; None = that of the list.
        kind: What is looked for.

    Raises:
        FileNotFoundError: If something is not there, or of a list nothing is.
        ValueError: If a folder or a list holds no such file, or there is a `root` and no list.
    """
    if root is not None and not any(_is_list(place) for place in named):
        raise ValueError(f'--root {root} goes with a list (.txt), and none is named: leave it out')
    clips: dict[str, int | None] = {}
    notes: list[str] = []
    for place in named:
        if place.is_dir():
            _add(clips, dict.fromkeys(_files_in(place, kind, notes)))
        elif not place.exists():
            raise FileNotFoundError(
                f'{place} does not exist: name {_a(kind.name)}, a folder of {kind.name}s, or a list (.txt)'
            )
        elif _is_list(place):
            _add(clips, _listed(place, place.parent if root is None else root, kind))
        else:
            _add(clips, {str(place): None})
    labels = {path: label for path, label in clips.items() if label is not None}
    return Inputs(tuple(clips), labels, tuple(notes))


def _add(clips: dict[str, int | None], more: Mapping[str, int | None]) -> None:
    """Whoever names a clip again without a label leaves it the one that it has."""
    for path, label in more.items():
        clips.setdefault(path, None)
        if label is not None:
            clips[path] = label


def _is_list(place: Path) -> bool:
    return place.suffix.lower() == _LIST_ENDING and not place.is_dir()


def _a(noun: str) -> str:
    """A noun with its article."""
    return f'{"an" if noun[0] in "aeiou" else "a"} {noun}'


def _files_in(folder: Path, kind: Kind, notes: list[str]) -> list[str]:
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    # What macOS leaves beside a.mp4 is ._a.mp4.
    found = [str(path) for path in files if kind.is_one(path.name) and not path.name.startswith('._')]
    others = Counter(path.suffix.lower() or 'no ending' for path in files if not kind.is_one(path.name))
    kinds = ', '.join(f'{number} of {ending}' for ending, number in others.most_common(4))
    if not found:
        there = f'it holds {counted(len(files), "file")} ({kinds})' if files else 'it is empty'
        raise ValueError(
            f'{folder} holds no {kind.name} ({", ".join(kind.endings)}): {there}. Name the folder of the {kind.name}s'
        )
    if others:
        total = counted(sum(others.values()), 'file')
        notes.append(f'{folder}: {total} with other endings than those of {kind.name}s passed over ({kinds})')
    return found


def _listed(path: Path, root: Path, kind: Kind) -> dict[str, int | None]:
    if not root.is_dir():
        raise FileNotFoundError(f'--root {root} is no folder: name that which the paths of {path} are relative to')
    clips = dict(_entries(path, root, kind))
    if not clips:
        raise ValueError(f'{path} holds no entry: write {_a(kind.name)} a line, with its label behind it or not')
    if not any(Path(clip).is_file() for clip in clips):
        first = next(iter(clips))
        raise FileNotFoundError(
            f'of the {counted(len(clips), kind.name)} in {path} none is there, as {first}: name the folder that they '
            f'are relative to by --root, and a list of {kind.name}s{", not of frames" if kind is VIDEOS else ""}'
        )
    return clips


def _entries(path: Path, root: Path, kind: Kind) -> Iterator[tuple[str, int | None]]:
    for _, line in read_lines(path):
        text = line.strip()
        before, _, last = text.rpartition(' ')
        has_label = bool(before.strip()) and last.isdecimal() and not (root / text).is_file()
        if text:
            name = before.strip() if has_label else text
            yield kind.complete(str(root / name)), int(last) if has_label else None
