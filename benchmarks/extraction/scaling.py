"""Extraction over processes: the same clips with 1, 2, ... workers, as packs and as folders, in turns.

    python -m benchmarks.extraction.scaling --footage FOLDER_OF_VIDEOS [--clips 60] [--rounds 3]

Clips of 640x480 with EGTEA's lengths and bit rate (see `benchmarks.harness.egtea_clips`) are extracted by
extract_frames in a process of its own, files warm. Every number of workers has its turn in every round, in
changing order; the table shows medians. 'start' is what the command takes with as many workers for clips of two frames:
libraries, processes; efficiency leaves it out, for it does not grow with the clips. On a machine with other work
the clock shows what the others left; processor time per clip shows what the workers cost each other.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.harness import data_prep
from benchmarks.harness.egtea_clips import group_lengths, lay_out, make_pool, read_names
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video_files.cores import count_cores

FORMS: dict[str, list[str]] = {'packs': ['--pack'], 'folders': []}
_TINY_FRAMES = 2


@dataclass
class Timing:
    """All rounds of one form and number of workers, in seconds.

    Attributes:
        wall: By the clock, for all clips.
        cpu: Processor time, user and system, of the command and its workers.
        start: By the clock, for tiny clips.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)

    @property
    def net(self) -> float:
        """By the clock, without the start; seconds."""
        return statistics.median(self.wall) - statistics.median(self.start)


def extract(root: Path, out: Path, workers: int, options: Sequence[str]) -> tuple[float, float]:
    """Extract all clips below `root`; wall and processor time in seconds.

    Raises:
        RuntimeError: If the command fails.
    """
    command = data_prep.command('extract_frames', '--data-root', root, '--out', out, '--workers', workers, *options)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f'extract_frames ended with {done.returncode}: {done.stderr[-2000:]}')
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(work: Path, numbers: Sequence[int], rounds: int) -> dict[tuple[str, int], Timing]:
    """Time all forms and numbers of workers on the clips below `work`/clips; those below `work`/tiny are the start."""
    turns = [(form, workers) for form in FORMS for workers in numbers]
    timings = {turn: Timing() for turn in turns}
    # All outputs stay until the end: ext4 is slow to make files after many were removed, see extraction/speed.py.
    outputs = (work / f'out{number}' for number in count())
    extract(work / 'clips', next(outputs), max(numbers), [])  # files and libraries become warm
    for number in range(rounds):
        turns.append(turns.pop(0))
        for turn in turns if number % 2 else turns[::-1]:
            form, workers = turn
            for folder in ('tiny', 'clips'):
                wall, cpu = extract(work / folder, next(outputs), workers, FORMS[form])
                if folder == 'tiny':
                    timings[turn].start.append(wall)
                else:
                    timings[turn].wall.append(wall)
                    timings[turn].cpu.append(cpu)
    return timings


def table(timings: dict[tuple[str, int], Timing], clips: int) -> tuple[str, dict[str, dict[str, float]]]:
    """The table, and its numbers by form and workers."""
    rows, numbers = [], {}
    for (form, workers), timing in timings.items():
        first = timings[form, min(number for name, number in timings if name == form)]
        found = {
            'wall_seconds': statistics.median(timing.wall),
            'start_seconds': statistics.median(timing.start),
            'clips_per_second': clips / timing.net,
            'times_one_worker': first.net / timing.net,
            'efficiency': first.net / timing.net / workers,
            'cpu_ms_per_clip': 1000 * statistics.median(timing.cpu) / clips,
        }
        numbers[f'{form}, {workers}'] = found
        rows.append(
            [
                form,
                str(workers),
                f'{found["wall_seconds"]:.1f} ({min(timing.wall):.1f} to {max(timing.wall):.1f})',
                f'{found["start_seconds"]:.1f}',
                f'{found["clips_per_second"]:.2f}',
                f'{found["times_one_worker"]:.2f}',
                f'{100 * found["efficiency"]:.0f} %',
                f'{found["cpu_ms_per_clip"]:.0f}',
            ]
        )
    heading = ('form', 'workers', 'wall, s', 'start, s', 'clips/s', 'times one', 'efficiency', 'CPU ms/clip')
    return markdown_table(heading, rows), numbers


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--footage', type=Path, help='folder of videos to make the clips from (default: a texture)')
    parser.add_argument('--splits', type=Path, help="folder of EGTEA's split files, for the lengths")
    parser.add_argument('--clips', type=int, default=60)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--most-workers', type=int, default=count_cores(), help='default: one per core')
    parser.add_argument('--work', type=Path, help='existing folder on the disk to measure (default: the temporary one)')
    add_common_arguments(parser)
    args = parser.parse_args()
    names = read_names(args.splits, args.seed)
    lengths, _ = group_lengths([length for _, length in names], args.clips)
    workers = sorted({min(2**k, args.most_workers) for k in range(args.most_workers.bit_length() + 1)})
    with tempfile.TemporaryDirectory(dir=args.work) as name:
        work = Path(name)
        pool = make_pool(work / 'pool', lengths, args.footage, args.seed, args.most_workers)
        lay_out(work / 'clips', [f's/{path.stem}' for path in pool], pool)
        tiny = make_pool(work / 'tiny_pool', [_TINY_FRAMES] * 2 * args.most_workers, None, args.seed, 1)
        lay_out(work / 'tiny', [f's/{path.stem}' for path in tiny], tiny)
        size = sum(path.stat().st_size for path in pool)
        timings = measure(work, workers, args.rounds)
    text, numbers = table(timings, len(lengths))
    each = size / len(lengths) / 1e6
    about = f'{len(lengths)} clips, {sum(lengths)} frames, {each:.2f} MB a clip; medians of {args.rounds} rounds'
    results = {
        **{'clips': len(lengths), 'frames': sum(lengths), 'bytes': size, 'rows': numbers},
        'rounds': {f'{form}, {count}': vars(timing) for (form, count), timing in timings.items()},
    }
    write_results('extraction_scaling', args, f'# Extraction over processes\n\n{about}\n\n{text}', results)
    return 0


if __name__ == '__main__':
    sys.exit(main())
