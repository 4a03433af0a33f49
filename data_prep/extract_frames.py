"""Clips -> JPEG frames: cropped_clips/**/*.mp4 -> frames/<session>/<clip>/img_00001.jpg ...

Every decoded frame is written, and it is the decoded frames that are counted. A clip's folder
appears when it is complete, with a manifest in it, so that an interrupted run goes on where it
stopped and a second run does only what is missing. A damaged clip is named and costs only itself.

    python data_prep/extract_frames.py --data-root data/egtea

Exit code: 0 all clips are there; 1 some clips are damaged; 2 nothing was done, or the run stopped,
because of something that you have to decide or mend; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from command_parts import LockedError, count_cores, first_few, lock_folder, sigterm_as_ctrl_c
from decode_clip import Outcome, Task, extract_clip, start_worker
from frame_folder import FolderError, Options, check_frames, foreign_names, read_manifest
from tqdm import tqdm

CLIPS, FRAMES = 'cropped_clips', 'frames'


@dataclass
class Plan:
    """What there is to do.

    Attributes:
        missing: Clips that have no folder yet.
        stale: Clips whose folder no longer fits, each with the reason.
        foreign: Folders that extract_frames did not make, each with the reason.
        unreadable: Clips that are no file, such as links that lead nowhere, each with what is wrong.
        kept: Number of clips that are there already.
    """

    missing: list[Task] = field(default_factory=list)
    stale: list[tuple[Task, str]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unreadable: list[Outcome] = field(default_factory=list)
    kept: int = 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parse(argv)
    options = Options(args.short_side, args.quality)
    try:
        clips = find_clips(args.data_root)
        with sigterm_as_ctrl_c(), lock_folder(args.data_root / FRAMES):
            plan = make_plan(clips, options)
            tasks = _tasks_allowed(plan, args.overwrite)
            started = time.monotonic()
            outcomes = _run(tasks, options, args.workers)
    except KeyboardInterrupt:
        print('\nStopped. The finished clips stay; run again to go on.', file=sys.stderr)
        return 130
    except BrokenProcessPool:
        return _fail('a worker process died, most likely for want of memory. Use fewer --workers')
    except (OSError, FolderError, LockedError) as error:
        return _fail(str(error))
    return _report([*outcomes, *plan.unreadable], plan.kept, time.monotonic() - started)


def find_clips(data_root: Path) -> list[Task]:
    """All clips below `data_root`/cropped_clips, sorted by name.

    Raises:
        FolderError: If there are none, or two of them would share a folder or have one in the other's.
    """
    clips = data_root / CLIPS
    if not clips.is_dir():
        raise FolderError(f'{clips} is not a folder. Name the folder that holds {CLIPS}/ with --data-root')
    tasks: dict[Path, Task] = {}
    for source in sorted(_walk(clips)):
        folder = data_root / FRAMES / source.relative_to(clips).with_suffix('')
        if folder in tasks:
            raise FolderError(f'{source} and {tasks[folder].source} would share {folder}. Rename or remove one')
        tasks[folder] = Task(source, folder)
    if not tasks:
        raise FolderError(f'{clips} holds no .mp4 file. Put the trimmed clips into it')
    for folder, task in tasks.items():
        outer = next((parent for parent in folder.parents if parent in tasks), None)
        if outer is not None:
            # To make the outer clip anew would take the inner one's frames along.
            raise FolderError(
                f'the frames of {task.source} would lie among those of {tasks[outer].source}. Rename or move one'
            )
    return list(tasks.values())


def _walk(folder: Path) -> Iterator[Path]:
    visited: set[Path] = set()
    # Downloads are often linked in from another disk; a link back up must not loop for ever.
    for parent, folders, names in os.walk(folder, followlinks=True):
        if (real := Path(parent).resolve()) in visited:
            folders.clear()
            continue
        visited.add(real)
        yield from (Path(parent, name) for name in names if name.lower().endswith('.mp4'))


def make_plan(tasks: Sequence[Task], options: Options) -> Plan:
    """Sort the clips by what has to be done for them; changes nothing on disk."""
    plan = Plan()
    for task in tqdm(tasks, desc='checking', unit='clip', leave=False, disable=None):
        if task.folder.is_symlink():
            plan.foreign.append(f'{task.folder} is a link')
            continue
        if not task.source.is_file():
            # Not left to a worker: to open a pipe is to wait for its writer.
            what = 'a link that leads nowhere' if task.source.is_symlink() else 'not a regular file'
            plan.unreadable.append(Outcome(task, damage=what))
            continue
        if not task.folder.exists() or _is_empty_folder(task.folder):
            plan.missing.append(task)
            continue
        try:
            reason = _why_stale(task, options)
        except (FolderError, NotADirectoryError) as error:
            plan.foreign.append(str(error))
            continue
        if reason is None:
            plan.kept += 1
        else:
            plan.stale.append((task, reason))
            names = foreign_names(task.folder)
            plan.foreign += [f'{task.folder / name} is not a frame' for name in names]
    return plan


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _why_stale(task: Task, options: Options) -> str | None:
    manifest = read_manifest(task.folder)
    if manifest.options != options:
        return f'made with {manifest.options.words}, now {options.words}'
    if not manifest.source.is_same_file(task.source):
        return f'{task.source} has changed since'
    return check_frames(task.folder, manifest)


def _tasks_allowed(plan: Plan, overwrite: bool) -> list[Task]:
    if plan.foreign:
        raise FolderError(
            f'{first_few(plan.foreign)}. Something else lies where frames belong, and extract_frames '
            'removes only what it made: move it away'
        )
    if plan.stale and not overwrite:
        reasons = [f'{task.folder}: {reason}' for task, reason in plan.stale]
        raise FolderError(
            f'{first_few(reasons)}. Use the options that these frames were made with, or --overwrite '
            f'to make the {len(reasons)} anew'
        )
    return [*plan.missing, *(task for task, _ in plan.stale)]


def _run(tasks: Sequence[Task], options: Options, workers: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    if not tasks:
        return outcomes
    # Spawned, not forked: the decoders' libraries hold locks that a fork may copy locked.
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context('spawn'), initializer=start_worker)
    try:
        futures: list[Future[Outcome]] = [pool.submit(extract_clip, t, options) for t in tasks]
        bar = tqdm(total=len(tasks), desc='extracting', unit='clip', disable=None)
        with bar:
            for future in as_completed(futures):
                outcomes.append(future.result())
                bar.update()
    finally:
        # After Ctrl-C or an error the clips in work are finished, the others are not begun.
        pool.shutdown(cancel_futures=True)
    return outcomes


def _report(outcomes: Sequence[Outcome], kept: int, seconds: float) -> int:
    damaged = sorted((o for o in outcomes if o.damage), key=lambda outcome: outcome.task.source)
    for outcome in damaged:
        print(f'damaged: {outcome.task.source}: {outcome.damage}', file=sys.stderr)
    frames, size = sum(o.frames for o in outcomes), sum(o.bytes for o in outcomes)
    print(
        f'{len(outcomes) - len(damaged)} clips extracted ({frames} frames, {size / 1e6:.1f} MB, '
        f'{seconds:.1f} s), {kept} were there already, {len(damaged)} damaged'
    )
    shorter = sum(outcome.missing_tail > 0 for outcome in outcomes)
    if shorter:
        print(f'{shorter} clips hold one frame less than their header announces; decoded counts')
    if damaged:
        print('Download the damaged clips again and run once more.', file=sys.stderr)
    return 1 if damaged else 0


def _fail(message: str) -> int:
    print(f'extract_frames: {message}.', file=sys.stderr)
    return 2


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--data-root', type=Path, required=True, help='folder that holds cropped_clips/')
    add(
        '--short-side',
        type=_whole_number(0),
        default=256,
        help='reduce the shorter side to this many pixels, never enlarge; 0 = keep (default 256)',
    )
    add('--quality', type=_whole_number(1, 100), default=90, help='of the JPEGs (default 90)')
    add(
        '--workers',
        type=_whole_number(1),
        default=count_cores(),
        help='processes (default: one per core, here %(default)s)',
    )
    add('--overwrite', action='store_true', help='make frames anew that no longer fit')
    return parser.parse_args(argv)


def _whole_number(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else None
        if number is None or number < minimum or (maximum is not None and number > maximum):
            limit = f'{minimum}..{maximum}' if maximum is not None else f'>= {minimum}'
            raise argparse.ArgumentTypeError(f'{text!r} is not a whole number {limit}')
        return number

    return parse


if __name__ == '__main__':
    sys.exit(main())
