"""Clips -> JPEG frames: cropped_clips/<session>/<clip>.mp4 -> frames/<session>/<clip>/img_00001.jpg ...

Every decoded frame is written, or every n-th, and it is the decoded frames that are counted. A clip
appears when it is complete, with a manifest, so that an interrupted run goes on where it stopped and
a second run does only what is missing. A damaged clip is named and costs only itself.

    python data_prep/extract_frames.py --data-root data/egtea

With --pack the frames of a clip are one file in packs/, with --videos the clips are made small videos
in videos_256/. With --verify nothing is written: what is there is read and compared.

Exit code: 0 all clips are there; 1 some clips are damaged or could not be written; 2 nothing was done,
or the run stopped, because of something that you have to decide or mend; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prep.extract.clip import Outcome, Task, extract_clip, verify_clip
from prep.extract.options import layout_of, options_of, parse
from prep.extract.plan import Shard, find_clips, make_plan, tasks_allowed
from prep.folders import remove_leftovers
from prep.frames.manifest import FolderError, Options
from prep.workers.dask_pool import run_on_dask
from prep.workers.pool import Lost, PoolError, run_tasks
from tqdm import tqdm

from cdb_video_files.commands.folder_lock import LockedError, lock_folder
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c


class _StoppedError(RuntimeError):
    """No clip can be written any more."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = parse(argv, __doc__)
    outcomes: list[Outcome] = []
    started = time.monotonic()
    try:
        layout, folder = layout_of(args)
        clips = find_clips(args.data_root, folder, layout, args.shard)
        tasks = clips.tasks
        for note in clips.notes:
            print(f'warning: {note}', file=sys.stderr)
        with sigterm_as_ctrl_c():
            if args.verify:
                return _verify(tasks, args)
            with _lock(folder, args.shard):
                plan = make_plan(tasks, options := options_of(args))
                allowed = tasks_allowed(plan, overwrite=args.overwrite)
                remove_leftovers(task.target for task in tasks)
                _extract(allowed, options, args, outcomes)
    except KeyboardInterrupt:
        print('\nStopped. The finished clips stay; run again to go on.', file=sys.stderr)
        return 130
    except (OSError, FolderError, LockedError, PoolError, _StoppedError) as error:
        _name_faults(outcomes)
        print(f'extract_frames: {error}.', file=sys.stderr)
        return 2
    return _report([*outcomes, *clips.unreadable], plan.kept, time.monotonic() - started)


@contextmanager
def _lock(folder: Path, shard: Shard) -> Iterator[None]:
    """One run at a time, or all shards at once, each of them once."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(folder, shared=shard.count > 1))
            if shard.count > 1:
                stack.enter_context(lock_folder(folder, f'.lock-{shard.index}-of-{shard.count}'))
        except OSError as error:
            raise FolderError(
                f'{folder} cannot be made or written into ({error.strerror}). Let the frames go elsewhere with --out'
            ) from error
        yield


def _extract(tasks: Sequence[Task], options: Options, args: argparse.Namespace, outcomes: list[Outcome]) -> None:
    for outcome in _run(partial(extract_clip, options=options), tasks, args, 'extracting'):
        outcomes.append(outcome)
        if outcome.fatal:
            raise _StoppedError(
                f'{outcome.task.target} cannot be written: {outcome.unwritten}. The finished clips stay; make '
                'room and run again to go on'
            )


def _verify(tasks: Sequence[Task], args: argparse.Namespace) -> int:
    there = [task for task in tasks if task.target.exists()]
    outcomes = list(_run(verify_clip, there, args, 'verifying'))
    bad = _name_faults(outcomes, of_targets=True)
    absent = len(tasks) - len(there)
    frames = sum(outcome.frames for outcome in outcomes if not outcome.damage)
    print(f'{len(there) - bad} clips are whole ({frames} frames), {bad} are not, {absent} are missing')
    if bad:
        print('Remove what is not whole and run without --verify to make it anew.', file=sys.stderr)
    return 1 if bad or absent else 0


def _run(function: Any, tasks: Sequence[Task], args: argparse.Namespace, what: str) -> Iterator[Outcome]:
    """Do tasks, on the cluster if there is one; show a bar and yield the outcomes."""
    if not tasks:
        return
    results: Generator[tuple[Task, Outcome | Lost], None, None]
    if args.dask_scheduler:
        results = run_on_dask(function, tasks, args.dask_scheduler)
    else:
        results = run_tasks(function, tasks, args.workers, args.stall_seconds)
    started, read = time.monotonic(), 0
    # Closed in any case: then tasks in work are finished, the others are not begun.
    with closing(results), tqdm(total=len(tasks), desc=what, unit='clip', smoothing=0.1, disable=None) as bar:
        for task, result in results:
            yield Outcome(task, damage=result.reason) if isinstance(result, Lost) else result
            read += task.source.stat().st_size if task.source.exists() else 0
            bar.set_postfix_str(f'{read / 1e6 / (time.monotonic() - started):.1f} MB/s', refresh=False)
            bar.update()


def _name_faults(outcomes: Sequence[Outcome], *, of_targets: bool = False) -> int:
    """Print what is wrong with videos, or with what was made of them, clip by clip; return of how many."""
    faulty = sorted((o for o in outcomes if o.damage or o.unwritten), key=lambda outcome: outcome.task.source)
    for outcome in faulty:
        place = outcome.task.target if of_targets else outcome.task.source
        what = f'damaged: {place}: {outcome.damage}'
        if outcome.unwritten:
            what = f'not written: {outcome.task.target}: {outcome.unwritten}'
        print(what, file=sys.stderr)
    return len(faulty)


def _report(outcomes: Sequence[Outcome], kept: int, seconds: float) -> int:
    faulty = _name_faults(outcomes)
    damaged = sum(outcome.damage is not None for outcome in outcomes)
    frames, size = sum(o.frames for o in outcomes), sum(o.bytes for o in outcomes)
    unwritten = f', {faulty - damaged} could not be written' if faulty > damaged else ''
    print(
        f'{len(outcomes) - faulty} clips extracted ({frames} frames, {size / 1e6:.1f} MB, '
        f'{seconds:.1f} s), {kept} were there already, {damaged} damaged{unwritten}'
    )
    shorter = sum(outcome.missing_tail > 0 for outcome in outcomes)
    if shorter:
        print(f'{shorter} clips hold one frame less than their header announces; decoded counts')
    if unbounded := sum(not outcome.is_bounded for outcome in outcomes):
        print(f'{unbounded} clips announce no frame count and no duration; a cut cannot be seen', file=sys.stderr)
    if damaged:
        print('Download the damaged clips again and run once more.', file=sys.stderr)
    return 1 if faulty else 0


if __name__ == '__main__':
    sys.exit(main())
