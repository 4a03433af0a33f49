"""The videos below a folder, found by less than their whole names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from cdb_video_files.records import AnnotationError
from prep.command import first_few
from prep.frames.data_root import EXTENSIONS, clip_of_video, is_video
from prep.frames.video_tree import read_video_tree
from prep.own_data.spelling import spelling_key

# '.txt' ends the name of a file; '.2' or '.final take' are more likely a part of a clip's name.
_ENDING = re.compile(r'\.(?=.*[A-Za-z])[A-Za-z0-9]{1,5}', re.ASCII)


class StoredVideos:
    """Looks up names; the folder is read when the first one is looked for.

    Args:
        folder: That of the videos; also an attribute.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def with_ending(self, path: str) -> str:
        """The video that a path means: its own where it has an ending, else the one file of that name.

        A name without a folder is looked for in all folders. Where there is no such file, the path itself: that it
        is missing is said with all others that are.

        Raises:
            AnnotationError: If there are several, or the path has the ending of no video.
        """
        if is_video(path):
            return path
        found = self._of_clip.get(path, [])
        if not found and '/' not in path:
            found = self._of_stem.get(path, [])
        if len(found) > 1:
            raise AnnotationError(
                f'{path!r} could be any of {len(found)} videos: {first_few(found)}',
                'Write the one that is meant, with its folder and ending',
            )
        if not found and _ENDING.fullmatch(PurePosixPath(path).suffix):
            raise AnnotationError(f'{path!r} is no video by its extension', f'Known are {", ".join(EXTENSIONS)}')
        return found[0] if found else path

    def nearly(self, path: str) -> str | None:
        """Another video that may be meant by a path; None = there is none.

        Its path differs in case, blanks, Unicode form or ending alone, or begins with fewer folders; or it is the one
        video of that name, in another folder.
        """
        tail = path
        while tail:
            if found := [other for other in self._of_key.get(spelling_key(clip_of_video(tail)), ()) if other != path]:
                return found[0]
            tail = tail.partition('/')[2]
        same = self._of_stem.get(clip_of_video(path.rpartition('/')[2]), [])
        return same[0] if len(same) == 1 and same[0] != path else None

    @cached_property
    def _paths(self) -> list[str]:
        return [file.as_posix() for file in read_video_tree(self.folder).videos]

    @cached_property
    def _of_clip(self) -> dict[str, list[str]]:
        return _grouped((clip_of_video(path), path) for path in self._paths)

    @cached_property
    def _of_stem(self) -> dict[str, list[str]]:
        return _grouped((clip_of_video(path.rpartition('/')[2]), path) for path in self._paths)

    @cached_property
    def _of_key(self) -> dict[str, list[str]]:
        return _grouped((spelling_key(clip_of_video(path)), path) for path in self._paths)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, path in pairs:
        groups.setdefault(key, []).append(path)
    return groups
