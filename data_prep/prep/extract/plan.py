"""What extract_frames has to do: which clips there are, and what has become of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from prep.command import first_few
from prep.extract.clip import Outcome, Task
from prep.frames.data_root import CLIPS, EXTENSIONS, OTHER_CLIPS, clip_of_video, clips_folder
from prep.frames.layouts import LAYOUTS
from prep.frames.manifest import CutOffError, FolderError, Options
from prep.frames.video_tree import other_files_note, read_video_tree, repeated_note


@dataclass
class Plan:
    """What there is to do.

    Attributes:
        missing: Clips that have nothing yet.
        stale: Clips whose frames no longer fit, each with the reason.
        foreign: What lies there and is not by extract_frames, each with the reason.
        kept: Number of clips that are there already.
    """

    missing: list[Task] = field(default_factory=list)
    stale: list[tuple[Task, str]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    kept: int = 0


@dataclass
class Clips:
    """What lies in the folder of the videos.

    Attributes:
        tasks: The clips.
        unreadable: What is none or must not be touched, each with the reason.
        notes: Sentences on whatever else is there and is left out.
    """

    tasks: list[Task]
    unreadable: list[Outcome]
    notes: list[str]


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of the clips, number `index` from 1."""

    index: int = 1
    count: int = 1

    def holds(self, name: str) -> bool:
        """Whether a clip is in this part.

        It depends on the name alone, so that no clip moves to another part when new ones come.
        """
        number = int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], 'big')
        return number % self.count == self.index - 1


def find_clips(data_root: Path, out: Path, layout: str, shard: Shard) -> Clips:
    """All clips below `data_root`/cropped_clips or video_clips/cropped_clips that belong to a shard, sorted by name.

    Args:
        data_root: See above.
        out: The folder that their frames go to.
        layout: A key of LAYOUTS.
        shard: Which part of the clips, and of the files that are left out.

    Raises:
        FolderError: If there are none, both folders are there, a folder cannot be read, or two clips would share a
            place or have one in the other's.
    """
    clips = clips_folder(data_root)
    if not clips.is_dir():
        raise FolderError(
            f'{clips} is not a folder. Name the folder that holds {CLIPS}/, or {OTHER_CLIPS}/, with --data-root'
        )
    tasks: dict[Path, Task] = {}
    unreadable = []
    tree = read_video_tree(clips)
    for relative in sorted((*tree.videos, *tree.hidden)):
        source = clips / relative
        task = Task(source, out / (clip_of_video(str(relative)) + LAYOUTS[layout].suffix), layout)
        if (why := _why_no_clip(source, relative)) is not None:
            unreadable.append(Outcome(task, damage=why))
        elif task.target in tasks:
            other = tasks[task.target].source
            raise FolderError(f'{source} and {other} would share {task.target}. Rename or remove one')
        else:
            tasks[task.target] = task
    if not tasks and not unreadable:
        others = ''.join(f' ({note})' for note in other_files_note(clips, tree.others))
        raise FolderError(f'{clips} holds no video ({", ".join(EXTENSIONS)}){others}. Put the trimmed clips into it')
    _check_nesting(tasks)

    def is_ours(source: Path) -> bool:
        return shard.holds(source.relative_to(clips).as_posix())

    return Clips(
        [task for task in tasks.values() if is_ours(task.source)],
        [outcome for outcome in unreadable if is_ours(outcome.task.source)],
        [
            *other_files_note(clips, [file for file in tree.others if shard.holds(file.as_posix())]),
            *repeated_note(clips, [pair for pair in tree.repeated if shard.holds(pair[0].as_posix())]),
        ],
    )


def _why_no_clip(source: Path, relative: Path) -> str | None:
    """Why this is not left to a worker; None = it is."""
    if any(part.startswith('.') for part in relative.parts):
        # '..mp4' would name the folder itself; '._a.mp4' is what macOS leaves beside a.mp4.
        return 'its name, or that of its folder, begins with a dot. Rename or remove it'
    if not source.is_file():
        # To open a pipe is to wait for its writer.
        return 'a link that leads nowhere' if source.is_symlink() else 'not a regular file'
    return None


def _check_nesting(tasks: dict[Path, Task]) -> None:
    for target, task in tasks.items():
        outer = next((parent for parent in target.parents if parent in tasks), None)
        if outer is not None:
            # To make the outer clip anew would take the inner one's frames along.
            raise FolderError(
                f'the frames of {task.source} would lie among those of {tasks[outer].source}. Rename or move one'
            )


def make_plan(tasks: Sequence[Task], options: Options) -> Plan:
    """Sort the clips by what has to be done for them; changes nothing on disk."""
    plan = Plan()
    for task in tqdm(tasks, desc='checking', unit='clip', leave=False, disable=None):
        if task.target.is_symlink():
            plan.foreign.append(f'{task.target} is a link')
        elif LAYOUTS[task.layout].is_missing(task.target):
            plan.missing.append(task)
        else:
            _sort_in(plan, task, options)
    return plan


def _sort_in(plan: Plan, task: Task, options: Options) -> None:
    try:
        reason = _why_stale(task, options)
        names = [] if reason is None else LAYOUTS[task.layout].foreign_names(task.target)
    except (FolderError, NotADirectoryError, IsADirectoryError) as error:
        plan.foreign.append(str(error))
        return
    if reason is None:
        plan.kept += 1
        return
    plan.stale.append((task, reason))
    plan.foreign += [f'{task.target / name} is not a frame' for name in names]


def _why_stale(task: Task, options: Options) -> str | None:
    layout = LAYOUTS[task.layout]
    try:
        manifest = layout.read_manifest(task.target)
    except CutOffError:
        return 'it is cut off or empty'
    if manifest.options != options:
        return f'made with {manifest.options.words}, now {options.words}'
    if not manifest.source.is_same_file(task.source):
        return f'{task.source} has changed since'
    return layout.check(task.target, manifest)


def tasks_allowed(plan: Plan, *, overwrite: bool) -> list[Task]:
    """What may be done of a plan.

    Raises:
        FolderError: If something of another origin lies in the way, or stale frames without `overwrite`.
    """
    if plan.foreign:
        raise FolderError(
            f'{first_few(plan.foreign)}. Something else lies where frames belong, and extract_frames '
            'removes only what it made: move it away'
        )
    if plan.stale and not overwrite:
        reasons = [f'{task.target}: {reason}' for task, reason in plan.stale]
        raise FolderError(
            f'{first_few(reasons)}. Use the options that these frames were made with, or --overwrite '
            f'to make the {len(reasons)} anew'
        )
    return [*plan.missing, *(task for task, _ in plan.stale)]
