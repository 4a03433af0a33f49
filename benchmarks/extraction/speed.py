"""Extraction: processor time and bytes per clip, beside mmaction2's build_rawframes.py, a cv2 loop and bare decoding.

    python -m benchmarks.extraction.speed [--footage FOLDER_OF_VIDEOS] [--clips 4] [--repeats 3]

Makes clips of 72 frames, 640x480, in H.264 at 5.8 and 1.6 Mb/s and in MPEG-4 at 2.8 Mb/s (see
`benchmarks.extraction.clips`), then lets every contender extract the same clips, each in a process of its own, in
turns. What counts is processor time, user and system: other programs on the machine do not change it much.
Each contender runs over every clip once and over five copies of each; the difference leaves out what it
costs to load its libraries, so that the numbers hold for ten thousand clips. Medians over the repeats.

build_rawframes.py is run as mmaction2 ships it (--use-opencv, one worker), from the installed package;
without mmaction2 it is left out, and the JSON says so. Exit code 1 if a goal is missed. Needs 6 GB of disk.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path

import av
import cv2

from benchmarks.extraction.clips import FRAMES, KINDS, make_clips
from benchmarks.extraction.contenders import build_rawframes, contenders, cpu_seconds
from benchmarks.extraction.quality import measure_quality
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results

EGTEA_CLIPS = 10_321
# EGTEA's clips have 101 frames on average, these have 72.
EGTEA_FACTOR = 101 / FRAMES
CORES = (2, 16)
# Each clip is extracted so many times in one run, and once in another that is taken off.
COPIES = 5
# Kind -> times build_rawframes' clips per second; and the share of its time above decoding.
SPEED_GOALS = dict(zip((kind.name for kind in KINDS), (1.3, 1.5, 1.8), strict=True))
OVERHEAD_GOAL, BYTES_GOAL = 0.40, 0.25


@dataclass
class Row:
    """Per clip: CPU milliseconds without the start of the program, and bytes written."""

    kind: str
    contender: str
    milliseconds: float
    spread: float
    bytes: float


@dataclass(frozen=True)
class Goal:
    """A value, the rule for it, and whether it is met."""

    what: str
    value: float
    rule: str
    met: bool


def measure(work: Path, kind: str, clips: Sequence[Path], repeats: int) -> list[Row]:
    """Let all contenders extract `clips` in turns."""
    field = contenders()
    times: dict[str, list[float]] = {contender.name: [] for contender in field}
    sizes: dict[str, float] = {}
    folder = clips[0].parent.parent / 'cropped_clips'
    few = folder.parent / 'few' / 'cropped_clips'
    for target, copies in ((folder, COPIES), (few, 1)):
        (target / 's').mkdir(parents=True)
        for path in clips:
            for copy in range(copies):
                shutil.copy2(path, target / 's' / f'{path.stem}_{copy}.mp4')
    # All outputs stay until the end: ext4 does not reuse the inodes of files that were just removed and looks them
    # through for every new file, which costs whoever comes next up to 0.6 ms a file.
    outputs = (work / f'out-{kind}-{number}'.replace('/', '') for number in count())
    for repeat in range(repeats):
        for contender in field[repeat % len(field) :] + field[: repeat % len(field)]:
            seconds = []
            for source in (few, folder):
                out = next(outputs)
                out.mkdir()
                seconds.append(cpu_seconds(contender.command(source, out), work))
                written = sum(path.stat().st_size for path in out.rglob('*') if path.is_file())
                sizes[contender.name] = written / len(list(source.rglob('*.mp4')))
            # Both have the start in them; what they differ by is clips alone.
            times[contender.name].append(1000 * (seconds[1] - seconds[0]) / (len(clips) * (COPIES - 1)))
    return [
        Row(kind, name, statistics.median(values), max(values) - min(values), sizes[name])
        for name, values in times.items()
    ]


def judge(rows: Sequence[Row]) -> list[Goal]:
    """Every goal of time and bytes; ours is the pack at 256."""
    by = {(row.kind, row.contender): row for row in rows}
    found = []
    for kind, goal in SPEED_GOALS.items():
        theirs = by.get((kind, 'build_rawframes, full size'))
        if theirs is None:
            continue
        bare, ours = by[kind, 'decoding alone'], by[kind, 'ours, 256, pack']
        overhead = (ours.milliseconds - bare.milliseconds) / (theirs.milliseconds - bare.milliseconds)
        speed, size = theirs.milliseconds / ours.milliseconds, ours.bytes / theirs.bytes
        found += [
            Goal(f'{kind}: time above decoding, share', overhead, f'<= {OVERHEAD_GOAL}', overhead <= OVERHEAD_GOAL),
            Goal(f'{kind}: clips per second, times', speed, f'>= {goal}', speed >= goal),
            Goal(f'{kind}: bytes, share', size, f'<= {BYTES_GOAL}', size <= BYTES_GOAL),
        ]
    return found


def judge_quality(quality: dict[str, dict[str, float]]) -> list[Goal]:
    """Colours at least as good as cv2's, by kind."""
    return [
        Goal(
            f"{kind}: colour bias at most, PSNR at least cv2's",
            found['ours_bias'],
            '',
            found['ours_bias'] <= found['cv2_bias'] and found['ours_psnr'] >= found['cv2_psnr'],
        )
        for kind, found in quality.items()
    ]


def page(rows: Sequence[Row], goals: Sequence[Goal], quality: dict[str, dict[str, float]]) -> str:
    """The measurements as Markdown."""
    kinds = [kind.name for kind in KINDS]
    times = [
        [name, *(f'{row.milliseconds:.0f} ({row.spread:.0f}) / {row.bytes / 1e6:.2f}' for row in _of(rows, name))]
        for name in dict.fromkeys(row.contender for row in rows)
    ]
    reached = [[goal.what, f'{goal.value:.2f}', goal.rule, 'yes' if goal.met else 'NO'] for goal in goals]
    colours = [
        [kind, *(f'{found[key]:.2f}' for key in ('ours_bias', 'cv2_bias', 'ours_psnr', 'cv2_psnr'))]
        for kind, found in quality.items()
    ]
    estimates = [
        [name, *(estimate(row, cores) for row in _of(rows, name) for cores in CORES)]
        for name in dict.fromkeys(row.contender for row in rows if row.contender.startswith('ours'))
    ]
    return f"""# Extraction

Milliseconds of processor time per clip (spread over the repeats) / MB per clip.

{markdown_table(['', *kinds], times)}

{markdown_table(['goal against build_rawframes at full size', 'value', 'rule', 'met'], reached)}

{markdown_table(['full size, quality 90', 'colour bias, ours', 'cv2', 'PSNR, ours', 'cv2'], colours)}

Estimate for all {EGTEA_CLIPS} clips of EGTEA (101 frames on average), minutes / GB.

{markdown_table(['', *(f'{kind}, {cores} cores' for kind in kinds for cores in CORES)], estimates)}
"""


def _of(rows: Sequence[Row], contender: str) -> list[Row]:
    """The rows of a contender, in the order of the kinds."""
    by = {(row.kind, row.contender): row for row in rows}
    return [by[kind.name, contender] for kind in KINDS]


def estimate(row: Row, cores: int) -> str:
    """Minutes and GB for all of EGTEA, if nothing but the cores limits it."""
    scale = EGTEA_CLIPS * EGTEA_FACTOR
    return f'{row.milliseconds * scale / 60_000 / cores:.0f} / {row.bytes * scale / 1e9:.1f}'


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--footage', type=Path, help='folder of videos to make the clips from (default: a texture)')
    parser.add_argument('--clips', type=int, default=4, help='of each kind, >= 2')
    parser.add_argument('--repeats', type=int, default=3)
    add_common_arguments(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        clips = make_clips(work, args.footage, args.clips, args.seed)
        rows = [row for kind, paths in clips.items() for row in measure(work, kind, paths, args.repeats)]
        quality = {kind: measure_quality(paths[0]) for kind, paths in clips.items()}
    goals = [*judge(rows), *judge_quality(quality)]
    numbers = {
        'versions': {'av': av.__version__, 'cv2': cv2.__version__, 'simplejpeg': version('simplejpeg')},
        'footage': 'real' if args.footage else 'texture',
        'build_rawframes': build_rawframes() is not None,
        'rows': [asdict(row) for row in rows],
        'goals': [asdict(goal) for goal in goals],
        'quality': quality,
    }
    write_results('extraction', args, page(rows, goals, quality), numbers)
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == '__main__':
    sys.exit(main())
