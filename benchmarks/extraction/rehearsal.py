"""A rehearsal of all of EGTEA: 10,321 clips with its names and lengths through extract_frames, timed.

    python -m benchmarks.extraction.rehearsal --work DIR [--splits FOLDER] [--footage FOLDER]
        [--clips M] [--pool 300] [--workers N] [--form packs]                                  (on one line)

Below DIR it makes a pool of real clips (640x480, 24 a second, H.264 of 3.7 Mb/s, so that a clip has 1.94 MB on
average, as EGTEA's 20 GB for 10,321 clips; see `benchmarks.harness.egtea_clips`), whose lengths are the means of as
many groups of EGTEA's clips, from short to long. Each of EGTEA's names becomes a hard link to the pool clip of its
group: the number of clips, of frames and of bytes to decode are EGTEA's, though most of what is read comes from memory.
With --splits names and lengths are those of EGTEA's split files, else made up in its proportions.

Then extract_frames runs, and what it took is printed beside what the estimate of docs/data/cost.md says. It needs
20 GB for packs or folders, 1 GB for the pool. The same command again goes on where a run was stopped;
time is that of the runs that ended, and of the clips that they made. Remove DIR when done.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.harness import data_prep
from benchmarks.harness.egtea_clips import MEAN_FRAMES, NUM_CLIPS, group_lengths, lay_out, make_pool, read_names
from benchmarks.harness.results import RESULTS, add_common_arguments, command_parser, markdown_table, write_results
from cdb_video_files.cores import count_cores

ESTIMATE = RESULTS / 'extraction.json'
FORMS: dict[str, list[str]] = {'packs': ['--pack'], 'frames': []}
RUNS, SETTINGS = 'runs.json', 'settings.json'
# The clips that the estimate was measured on.
_ESTIMATE_FRAMES = 72
_BRACKET = ('H.264 1.6 Mb/s', 'H.264 5.8 Mb/s')


@dataclass(frozen=True)
class Run:
    """One run of extract_frames that ended.

    Attributes:
        form: 'packs' or 'frames'.
        workers: Processes.
        clips: How many it made.
        wall: Seconds by the clock.
        cpu: Seconds of processor time, user and system.
    """

    form: str
    workers: int
    clips: int
    wall: float
    cpu: float


def prepare(args: argparse.Namespace) -> tuple[int, int]:
    """Make the pool and the links; number of clips and of frames.

    Raises:
        ValueError: If the folder was made with other settings.
    """
    names = read_names(args.splits, args.seed)
    if args.clips:
        # Every k-th by length, so that a part has the lengths of the whole.
        by_length = sorted(names, key=lambda name: name[1])
        names = sorted(by_length[(2 * k + 1) * len(names) // (2 * args.clips)] for k in range(args.clips))
    settings = {'clips': len(names), 'pool': args.pool, 'seed': args.seed, 'splits': args.splits is not None}
    path = args.work / SETTINGS
    args.work.mkdir(parents=True, exist_ok=True)
    if path.exists() and (found := json.loads(path.read_text())) != settings:
        raise ValueError(f'{args.work} was made with {found}, not {settings}. Name another folder, or remove it')
    path.write_text(json.dumps(settings) + '\n')
    lengths, group_of = group_lengths([length for _, length in names], args.pool)
    print(f'pool: {len(lengths)} clips, {sum(lengths)} frames', flush=True)
    pool = make_pool(args.work / 'pool', lengths, args.footage, args.seed, args.workers)
    lay_out(args.work, [name for name, _ in names], [pool[group] for group in group_of])
    return len(names), sum(lengths[group] for group in group_of)


def finished(folder: Path) -> int:
    """Clips that are there, as packs or folders."""
    return sum(not path.name.startswith('.') for path in folder.glob('*/*'))


def run_extraction(args: argparse.Namespace) -> Run:
    """Run extract_frames over what is missing.

    Raises:
        RuntimeError: If it fails.
    """
    before = finished(args.work / args.form)
    command = data_prep.command('extract_frames', '--data-root', args.work, '--workers', args.workers)
    usage, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    if code := subprocess.run([*command, *FORMS[args.form]], check=False).returncode:
        raise RuntimeError(f'extract_frames ended with {code}; see above')
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    return Run(args.form, args.workers, finished(args.work / args.form) - before, wall, cpu)


def remember(path: Path, run: Run) -> list[Run]:
    """Add a run to those before it; return all of the same form and number of workers."""
    runs = [Run(**values) for values in json.loads(path.read_text())] if path.exists() else []
    runs += [run] if run.clips else []
    path.write_text(json.dumps([asdict(each) for each in runs], indent=1) + '\n')
    return [each for each in runs if (each.form, each.workers) == (run.form, run.workers)]


def estimated_cpu_ms(form: str) -> list[float]:
    """What a clip of EGTEA's mean length costs by `extraction.json`, at the bit rates below and above this one."""
    contender = f'ours, 256, {"pack" if form == "packs" else "folder"}'
    content = json.loads(ESTIMATE.read_text())
    rows = content.get('numbers', content)['rows']  # those of earlier commits have their numbers at the top
    found = {row['kind']: row['milliseconds'] for row in rows if row['contender'] == contender}
    return [found[kind] * MEAN_FRAMES / _ESTIMATE_FRAMES for kind in _BRACKET]


def report(args: argparse.Namespace, clips: int, frames: int, runs: list[Run]) -> None:
    """Print and write what was measured, beside the estimate."""
    made, wall, cpu = (sum(getattr(run, name) for run in runs) for name in ('clips', 'wall', 'cpu'))
    links = list((args.work / 'cropped_clips').rglob('*.mp4'))
    read = sum(path.stat().st_size for path in links)
    written = sum(path.stat().st_size for path in (args.work / args.form).rglob('*') if path.is_file())
    estimate = [NUM_CLIPS * ms / 60_000 / args.workers for ms in estimated_cpu_ms(args.form)]
    numbers = {
        **{'clips': clips, 'frames': frames, 'workers': args.workers, 'form': args.form, 'pool': args.pool},
        **{'bytes_read': read, 'bytes_written': written, 'timed_clips': made, 'wall_seconds': wall},
        'cpu_seconds': cpu,
        'clips_per_second': made / wall,
        'minutes_for_all': NUM_CLIPS / made * wall / 60,
        'estimated_minutes': estimate,
        'runs': [asdict(run) for run in runs],
    }
    rows = [
        ('clips, frames', f'{clips}, {frames}'),
        ('video bytes, a clip', f'{read / 1e9:.2f} GB, {read / clips / 1e6:.2f} MB'),
        (f'{args.form} written, a clip', f'{written / 1e9:.2f} GB, {written / clips / 1e6:.2f} MB'),
        ('time by the clock', f'{wall / 60:.1f} min for {made} clips in {len(runs)} runs, {args.workers} workers'),
        ('clips a second', f'{made / wall:.2f}'),
        ('processor time a clip', f'{1000 * cpu / made:.0f} ms, {cpu / wall:.2f} cores busy'),
        (f'all {NUM_CLIPS} clips at this speed', f'{numbers["minutes_for_all"]:.0f} min'),
        ('estimate, 1.6 to 5.8 Mb/s', f'{estimate[0]:.0f} to {estimate[1]:.0f} min'),
    ]
    text = f'# A rehearsal of EGTEA\n\n{markdown_table(("what", "measured"), rows)}'
    write_results('extraction_rehearsal', args, text, numbers)


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--work', type=Path, required=True, help='folder for all that is made; on the disk to measure')
    parser.add_argument('--splits', type=Path, help="folder of EGTEA's split files (default: made-up names)")
    parser.add_argument('--footage', type=Path, help='folder of videos to make the clips from (default: a texture)')
    parser.add_argument('--clips', type=int, help='only so many clips (default: all)')
    parser.add_argument('--pool', type=int, default=300, help='distinct clips (default 300)')
    parser.add_argument('--workers', type=int, default=count_cores(), help='default: one per core')
    parser.add_argument('--form', choices=tuple(FORMS), default='packs')
    add_common_arguments(parser)
    args = parser.parse_args()
    try:
        clips, frames = prepare(args)
        runs = remember(args.work / RUNS, run_extraction(args))
    except (ValueError, RuntimeError) as error:
        print(f'{args.module}: {error}.', file=sys.stderr)
        return 2
    if not runs:
        print(
            f'all clips were there, made by a run that was stopped: remove {args.work / args.form} to time it',
            file=sys.stderr,
        )
        return 2
    report(args, clips, frames, runs)
    return 0


if __name__ == '__main__':
    sys.exit(main())
