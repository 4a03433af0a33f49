"""The lists of clips that a run was validated or tested on, where its configs name them and they are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cdb_video.report.sources.dump import clip_name
from cdb_video.report.sources.run_config import evaluation_list_names
from cdb_video_files.lists import read_frame_list, read_video_list
from cdb_video_files.records import AnnotationError

Listed = dict[str, set[int]]
"""The labels of every clip, by its name; several where clips of one name are in several folders."""


def read_evaluation_lists(work_dir: Path) -> Iterator[tuple[Path, Listed]]:
    """The lists that can be read, of the newest config first.

    A relative path is taken from the current folder, from the work directory, or from a folder above it.
    """
    roots = (Path(), work_dir, *list(work_dir.resolve().parents)[:4])
    for name in evaluation_list_names(work_dir):
        path = next((root / name for root in roots if _is_file(root / name)), None)
        listed = None if path is None else _read(path)
        if path is not None and listed is not None:
            yield path, listed


def _is_file(path: Path) -> bool:
    """Whether there is a file; none where one may not look, or no name may be so long: the lists are an extra."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path) -> Listed | None:
    """The clips of a list of frame folders or of videos; None if it is neither."""
    listed: Listed = {}
    try:
        for frames in read_frame_list(path, allow_absolute=True):
            listed.setdefault(clip_name(frames.frame_dir), set()).add(frames.label)
        return listed
    except (AnnotationError, OSError):
        listed.clear()
    try:
        for video in read_video_list(path, allow_absolute=True):
            listed.setdefault(clip_name(video.filename), set()).add(video.label)
    except (AnnotationError, OSError):
        return None
    return listed
