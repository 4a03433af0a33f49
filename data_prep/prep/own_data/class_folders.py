"""Folders that are named after the classes -> your own clips and their labels. Looks at names alone.

<folder>/[<train|val|test>/]<class>/<video>
"""

from __future__ import annotations

from pathlib import Path

from prep.command import first_few
from prep.frames.data_root import EXTENSIONS
from prep.frames.video_tree import VideoTree
from prep.own_data.clips import OwnClip, OwnClipsError, OwnLine, part_called


def read_class_folders(folder: Path, tree: VideoTree) -> list[OwnLine]:
    """Take every video of `tree`, which was read from `folder`, its class from the folder that it lies in.

    The folders at the top are parts of a split if all of them are called so, and the videos lie one folder deeper.

    Raises:
        OwnClipsError: If a file is no video or does not lie in a class folder, a class folder or a part is empty, or a
            folder is there under two names.
    """
    split = _is_split(tree)
    problems = [*_misplaced(folder, tree, split), *_empty_folders(folder, tree, split)]
    problems += [f'{folder / place} is the same folder as {folder / other}' for place, other in tree.repeated]
    problems += _parts_twice(folder, tree) if split else []
    if problems:
        raise OwnClipsError(f'{first_few(problems)}. Move it away, or list the videos in a --csv{_half_a_split(tree)}')
    if not tree.videos:
        raise OwnClipsError(f'{folder} holds no video in a class folder. Expected {folder}/<class>/<video>')
    return [
        OwnLine(
            OwnClip(file.as_posix()), file.parts[-2], part_called(file.parts[0]) if split else None, str(folder / file)
        )
        for file in tree.videos
    ]


def class_folder_notes(tree: VideoTree) -> list[str]:
    """What may have been meant otherwise: a folder called as a part that is taken for a class, beside others."""
    tops = _tops(tree)
    taken = sorted(top for top in tops if part_called(top))
    if len(taken) == len(tops):
        return []
    return [f'the folder {name} is taken for a class, since not all folders beside it are parts' for name in taken]


def _tops(tree: VideoTree) -> set[str]:
    return {place.parts[0] for place in tree.folders if place.parts}


def _is_split(tree: VideoTree) -> bool:
    tops = _tops(tree)
    deep = any(len(file.parts) == 3 for file in tree.videos)
    return bool(tops) and deep and all(part_called(top) for top in tops)


def _misplaced(folder: Path, tree: VideoTree, split: bool) -> list[str]:
    shape = '<split>/<class>/<video>' if split else '<class>/<video>'
    depth = 3 if split else 2
    problems = {file: f'{folder / file} is not {shape}' for file in (*tree.videos, *tree.others)}
    problems = {file: text for file, text in problems.items() if len(file.parts) != depth}
    for file in tree.others:
        known = ', '.join(EXTENSIONS)
        problems.setdefault(file, f'{folder / file} is no video by its extension ({known})')
    return [problems[file] for file in sorted(problems)]


def _empty_folders(folder: Path, tree: VideoTree, split: bool) -> list[str]:
    """Parts without a video, and classes that have none in any part."""
    filled = {tuple(file.parts[:depth]) for file in tree.videos for depth in (1, 2)}
    classes = {file.parts[-2] for file in tree.videos if len(file.parts) > 1}
    linked = {place for place, _ in tree.repeated}
    empty = [place for place in tree.folders if len(place.parts) == 1 and place.parts not in filled]
    if split:
        empty += [place for place in tree.folders if len(place.parts) == 2 and place.parts[1] not in classes]
    return [f'{folder / place} holds no video' for place in empty if not _leads(place, linked)]


def _leads(place: Path, linked: set[Path]) -> bool:
    """Whether a folder holds a link to one that was read under another name, which is said already."""
    return any(place in link.parents for link in linked)


def _parts_twice(folder: Path, tree: VideoTree) -> list[str]:
    of_part: dict[str | None, list[str]] = {}
    for top in sorted(_tops(tree)):
        of_part.setdefault(part_called(top), []).append(top)
    return [
        f'{" and ".join(str(folder / top) for top in tops)} are both the part {part}'
        for part, tops in of_part.items()
        if len(tops) > 1
    ]


def _half_a_split(tree: VideoTree) -> str:
    """What to add where some folders at the top are called as parts, and others are not."""
    tops = sorted(_tops(tree))
    parts, others = [top for top in tops if part_called(top)], [top for top in tops if not part_called(top)]
    if not parts or not others:
        return ''
    return (
        f'. Folders called train, val and test are parts of a split only where all folders beside them are: '
        f'{first_few(others)} {"is" if len(others) == 1 else "are"} none'
    )
