"""Check lists and all that they point at, as training will read it.

    python data_prep/check_dataset.py --data-root data/egtea --lists data/egtea/lists/verb_split1_subjects-P20-P26
    python data_prep/check_dataset.py --source images --images data/fashion_lt/images --lists data/fashion_lt/lists

Where the package is installed, `cdb-video check` is the same command.

The lists: lines, labels, class names, the annotations behind them; clips, subjects and sessions on both
sides of a split. The clips: folders or packs, numbers and sizes of frames, JPEG data; videos, their packets
and frames. By default a few frames of every clip are decoded, with --full all of them. With --source images: lists of
images (`path label`) and every picture in them, or without --lists every picture below --images.

Exit code: 0 nothing is wrong; 1 something is; 2 it could not be checked; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from prep.check.clip import check_clips, sha256_of_video
from prep.check.job import Job, Report, Settings
from prep.check.report import SOURCES, check_writable, clip_findings, print_check, summarise_check, write_json
from prep.check.sizes import size_findings
from prep.command import whole_number
from prep.workers.pool import Lost, PoolError, run_tasks
from tqdm import tqdm

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c
from cdb_video_files.cores import count_cores

_CLIPS_A_TASK = 16
IMAGES = 'images'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    # Imported here, since each worker process imports this file anew, and this brings torch.
    from prep.check.compare_lists import compare_lists
    from prep.check.lists import make_jobs, read_lists
    from prep.frames.data_root import clips_folder, frames_folder

    args = _parse(argv)
    if args.source == IMAGES:
        return _main_of_images(args)
    started = time.monotonic()
    try:
        if args.decord and importlib.util.find_spec('decord') is None:
            raise ValueError('--decord needs decord, which is not installed. Install it, or check with PyAV alone')
        if args.json is not None:
            check_writable(args.json)
        sources = SOURCES if args.source == 'both' else (args.source,)
        lists = read_lists(args.lists, sources, args.allow_absolute)
        videos = args.videos or clips_folder(args.data_root)
        jobs = make_jobs(lists, {'frames': args.frames or frames_folder(args.data_root), 'videos': videos})
        settings = Settings(args.full, args.samples, args.seed, args.decord)
        with sigterm_as_ctrl_c():
            findings = [*lists.findings, *compare_lists(args.data_root, lists)]
            results = _read_clips(jobs, settings, args.workers)
            _hash_those_of_one_size(results, args.workers)
    except KeyboardInterrupt:
        print('\nStopped.', file=sys.stderr)
        return 130
    except (OSError, ValueError, PoolError) as error:
        print(f'check_dataset: {error}.', file=sys.stderr)
        return 2
    findings += [*clip_findings(results), *size_findings(results)]
    summary = summarise_check(lists.entries, results, findings, settings, time.monotonic() - started)
    print_check(summary, findings)
    try:
        if args.json is not None:
            write_json(args.json, summary)
    except OSError as error:  # its place was fine when the check began
        print(f'check_dataset: {error}.', file=sys.stderr)
        return 2
    return 1 if summary['problems'] else 0


def _main_of_images(args: argparse.Namespace) -> int:
    from prep.check.images import check_images, print_images, read_image_lists

    try:
        if args.json is not None:
            check_writable(args.json)
        lists = read_image_lists(args.images, args.lists, args.allow_absolute)
        with sigterm_as_ctrl_c():
            summary = check_images(args.images, lists)
        print_images(summary)
        if args.json is not None:
            write_json(args.json, summary)
    except KeyboardInterrupt:
        print('\nStopped.', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f'check_dataset: {error}.', file=sys.stderr)
        return 2
    return 1 if summary['problems'] else 0


def _read_clips(jobs: Sequence[Job], settings: Settings, workers: int) -> list[tuple[Job, Report]]:
    results = []
    tasks = [(jobs[k : k + _CLIPS_A_TASK], settings) for k in range(0, len(jobs), _CLIPS_A_TASK)]
    with tqdm(total=len(jobs), desc='checking', unit='clip', disable=None) as bar:
        for some, reports in _run(tasks, workers):
            results += list(zip(some, reports, strict=True))
            bar.update(len(some))
    order = {job: number for number, job in enumerate(jobs)}
    return sorted(results, key=lambda result: order[result[0]])


def _hash_those_of_one_size(results: Sequence[tuple[Job, Report]], workers: int) -> None:
    """Hash the videos that have as many bytes as another: no others can be the same."""
    of_size = defaultdict(list)
    for job, report in results:
        if job.source == 'videos' and report.sha256 is None and job.path.is_file():
            of_size[job.path.stat().st_size].append((job.path, report))
    alike = [pair for size, pairs in of_size.items() if size > 0 and len(pairs) > 1 for pair in pairs]
    hashes = dict(run_tasks(sha256_of_video, sorted({path for path, _ in alike}), workers))
    for path, report in alike:
        found = hashes[path]
        report.sha256 = None if isinstance(found, Lost) else found


_Task = tuple[Sequence[Job], Settings]


def _run(tasks: Sequence[_Task], workers: int) -> Iterator[tuple[Sequence[Job], list[Report]]]:
    """Run all tasks; a clip that kills or hangs its worker is reported like any other damage."""
    lost: list[_Task] = []
    with closing(run_tasks(check_clips, tasks, workers)) as results:
        for (jobs, settings), reports in results:
            if isinstance(reports, Lost):
                lost += [([job], settings) for job in jobs]
            else:
                yield jobs, reports
    # One by one and with nothing else at work, to tell which clip it was, and whether it was memory.
    with closing(run_tasks(check_clips, lost, 1)) as results:
        for (jobs, _), reports in results:
            yield jobs, [Report([('damaged', reports.reason)])] if isinstance(reports, Lost) else reports


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        '--data-root',
        type=Path,
        help='folder that holds frames/ or packs/, cropped_clips/ and action_annotation/',
    )
    add('--lists', type=Path, help='folder of lists, as build_lists writes it; of images a list will do')
    add(
        '--frames',
        type=Path,
        help='folder that frame lists are relative to, of frames or packs (default: packs/ below the data '
        'root, or frames/ if there are no packs)',
    )
    add(
        '--videos',
        type=Path,
        help='folder that video lists are relative to (default: cropped_clips/ or video_clips/cropped_clips/)',
    )
    add('--images', type=Path, help='folder that lists of images are relative to, as data_prefix of CustomDataset')
    add(
        '--allow-absolute',
        action='store_true',
        help='let lists name files by absolute paths, as allow_absolute=True of the datasets does',
    )
    add(
        '--source',
        choices=(*SOURCES, 'both', IMAGES),
        default='both',
        help='which lists (default: those of frames and videos that are there)',
    )
    add('--full', action='store_true', help='read every frame')
    add('--samples', type=whole_number(1), default=3, help='frames a clip without --full (default %(default)s)')
    add('--seed', type=whole_number(0), default=0, help='which frames are sampled (default 0)')
    add('--decord', action='store_true', help='read videos with decord too, and compare')
    add(
        '--workers',
        type=whole_number(1),
        default=count_cores(),
        help='processes (default: one per core, here %(default)s)',
    )
    add('--json', type=Path, help='file to write the result to')
    args = parser.parse_args(argv)
    _check_together(parser, args)
    return args


def _check_together(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """See that the source has what it needs, and that no option is given to one that has no use for it."""
    of_images = args.source == IMAGES
    needed = ('images',) if of_images else ('data_root', 'lists')
    missing = [_flag(name) for name in needed if getattr(args, name) is None]
    if missing:
        parser.error(f'the following arguments are required: {", ".join(missing)}')
    others = ('data_root', 'frames', 'videos', 'full', 'decord') if of_images else ('images',)
    useless = [_flag(name) for name in others if getattr(args, name)]
    if useless:
        parser.error(f'--source {args.source} has no use for {", ".join(useless)}')


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')


if __name__ == '__main__':
    sys.exit(main())
