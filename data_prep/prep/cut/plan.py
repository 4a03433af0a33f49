"""Which clips to cut from which recordings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cdb_video_files.annotations import read_annotations
from cdb_video_files.clip_names import ClipName
from prep.command import first_few
from prep.cut.raw_annotations import clip_prefix, read_raw_actions
from prep.cut.session import Cut, Recording
from prep.cut.writer import CutOptions
from prep.frames.data_root import EXTENSIONS, clip_of_video
from prep.frames.video_tree import (
    VideoTree,
    counted,
    hidden_note,
    other_files_note,
    read_video_tree,
    repeated_note,
)

ANNOTATIONS = 'action_annotation'
# About three minutes of an EGTEA recording.
_CUTS = 16


class CutError(ValueError):
    """What was asked for does not fit what is there; the message says what and why."""


def wanted_clips(root: Path, labels: Path, everything: bool) -> list[ClipName]:
    """The clips to have, sorted: those of the split files, or with `everything` all of the raw annotations.

    Clips that a split file names keep that name; the others get theirs by the rule of raw_annotations.

    Raises:
        AnnotationError: If a file does not parse.
        CutError: If there are no raw annotations, no split file, or one names a clip that the raw annotations lack.
    """
    if not labels.is_file():
        raise CutError(
            f'there is no {labels}, which says where the clips lie in the recordings. Put the raw annotations of EGTEA '
            'Gaze+ there, or name them with --labels'
        )
    actions = {action.prefix: action.clip for action in read_raw_actions(labels)}
    named: dict[str, ClipName] = {}
    for path in sorted((root / ANNOTATIONS).glob('*_split*.txt')):
        named |= {clip_prefix(annotation.clip): annotation.clip for annotation in read_annotations(path)}
    unknown = sorted(named.keys() - actions.keys())
    if unknown:
        raise CutError(
            f'{len(unknown)} clips of the split files are not in {labels}: {first_few(unknown)}. Use the files of '
            'one release'
        )
    if everything:
        return sorted((actions | named).values())
    if not named:
        raise CutError(
            f'{root / ANNOTATIONS} holds no split file, so it is not known which clips are used. Put them there, or '
            'cut everything with --all'
        )
    return sorted(named.values())


def find_recordings(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The videos below a folder, by session: their names without ending. And sentences on what is left out.

    Raises:
        CutError: If there is none, or two are of one session.
        FolderError: If a folder cannot be read.
    """
    tree = read_video_tree(folder) if folder.is_dir() else VideoTree()
    videos: dict[str, Path] = {}
    for file in tree.videos:
        session, path = clip_of_video(file.name), folder / file
        if session in videos:
            raise CutError(f'{videos[session]} and {path} are both of {session}. Keep one')
        videos[session] = path
    others = other_files_note(folder, tree.others)
    if not videos:
        more = ''.join(f' ({note})' for note in others)
        raise CutError(
            f'{folder} holds no recording ({", ".join(EXTENSIONS)}){more}. Name their folder with --recordings'
        )
    return videos, [*others, *hidden_note(folder, tree.hidden), *repeated_note(folder, tree.repeated)]


def unused_note(sessions: Collection[str], clips: Sequence[ClipName], videos: Mapping[str, Path]) -> list[str]:
    """Where sessions lack their recording: which recordings are of no session, for a name may be misspelt."""
    unused = sorted(videos.keys() - {clip.session for clip in clips})
    if not sessions or not unused:
        return []
    named = first_few([str(videos[name]) for name in unused])
    return [f'{counted(len(unused), "recording")} of no session whose clips are wanted: {named}']


def is_there(path: Path) -> bool:
    """Whether a clip has been cut already."""
    return path.is_file() and path.stat().st_size > 0


def plan_cuts(
    folder: Path, clips: Sequence[ClipName], videos: dict[str, Path], options: CutOptions
) -> tuple[list[Recording], dict[str, int]]:
    """What to cut from which recording, and how many clips lack theirs, by session.

    A recording with many clips comes in several pieces, each a task for a worker: Ctrl-C waits for no more.
    """
    sessions = defaultdict(list)
    for clip in clips:
        cut = Cut(folder / f'{clip.path}.mp4', clip.start_frame, clip.end_frame, clip.end_ms)
        sessions[clip.session].append(cut)
    without = {session: len(cuts) for session, cuts in sessions.items() if session not in videos}
    pieces = []
    for session in sorted(sessions.keys() - without.keys()):
        cuts = sorted(sessions[session], key=lambda cut: cut.start_frame)
        pieces += [Recording(videos[session], cuts[k : k + _CUTS], options) for k in range(0, len(cuts), _CUTS)]
    return pieces, without
