"""Extraction: CPU time and bytes per clip, beside mmaction2's build_rawframes.py, a cv2 loop and bare decoding.

    python benchmarks/extraction/speed.py --footage FOLDER_OF_VIDEOS [--clips 4] [--repeats 3] [--out results.json]

Makes clips of 72 frames, 640x480, in H.264 at 5.8 and 1.6 Mb/s and in MPEG-4 at 2.8 Mb/s (see
extraction_clips.py), then lets every contender extract the same clips, each in a process of its own, in
turns. What counts is CPU time, user and system: other programs on the machine do not change it much.
Each contender runs over every clip once and over five copies of each; the difference leaves out what it
costs to load its libraries, so that the numbers hold for ten thousand clips. Medians over the repeats.

build_rawframes.py is run as mmaction2 ships it (--use-opencv, one worker), from the installed package;
without mmaction2 it is left out, and the JSON says so. Exit code 1 if a goal is missed. Needs 6 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg

from benchmarks.extraction.clips import FRAMES, KINDS, make_clips

HERE = Path(__file__).resolve()
EXTRACT = HERE.parents[1] / 'data_prep' / 'extract_frames.py'
EGTEA_CLIPS = 10_321
# EGTEA's clips have 101 frames on average, these have 72.
EGTEA_FACTOR = 101 / FRAMES
CORES = (2, 16)
# Each clip is extracted so many times in one run, and once in another that is taken off.
COPIES = 5
# Kind -> times build_rawframes' clips per second; and the share of its time above decoding.
SPEED_GOALS = dict(zip((kind.name for kind in KINDS), (1.3, 1.5, 1.8), strict=True))
OVERHEAD_GOAL, BYTES_GOAL = 0.40, 0.25


@dataclass(frozen=True)
class Contender:
    """One way to extract.

    Attributes:
        name: For the table.
        command: Command line for (folder of clips in folders, output folder).
    """

    name: str
    command: Callable[[Path, Path], list[str]]


@dataclass
class Row:
    """Per clip: CPU milliseconds without the start of the program, and bytes written."""

    kind: str
    contender: str
    milliseconds: float
    spread: float
    bytes: float


def contenders() -> list[Contender]:
    """All that are installed; the first is bare decoding."""

    def ours(*options: str) -> Callable[[Path, Path], list[str]]:
        start = [sys.executable, str(EXTRACT), '--workers', '1', *options]
        return lambda clips, out: [*start, '--data-root', str(clips.parent), '--out', str(out)]

    def loop(what: str) -> Callable[[Path, Path], list[str]]:
        return lambda clips, out: [sys.executable, str(HERE), '--loop', what, str(clips), str(out)]

    found = [
        Contender('decoding alone', loop('decode')),
        Contender('cv2 loop, full size', loop('cv2')),
        Contender('ours, full size, folder', ours('--short-side', '0')),
        Contender('ours, full size, pack', ours('--short-side', '0', '--pack')),
        Contender('ours, 256, folder', ours()),
        Contender('ours, 256, pack', ours('--pack')),
        Contender('ours, 256, video', ours('--videos')),
    ]
    script = build_rawframes()
    if script is not None:
        found[2:2] = [
            Contender(f'build_rawframes, {words}', _rawframes(script, options))
            for words, options in (('full size', []), ('256', ['--new-short', '256']))
        ]
    return found


def build_rawframes() -> Path | None:
    """mmaction2's script in the installed package; None = it is not there."""
    package = find_spec('mmaction')
    if package is None or not package.submodule_search_locations:
        return None
    script = Path(package.submodule_search_locations[0], '.mim/tools/data/build_rawframes.py')
    return script if script.is_file() else None


def _rawframes(script: Path, options: Sequence[str]) -> Callable[[Path, Path], list[str]]:
    fixed = ['--level', '2', '--ext', 'mp4', '--task', 'rgb', '--use-opencv', '--num-worker', '1']
    return lambda clips, out: [sys.executable, str(script), str(clips), str(out), *fixed, *options]


def cpu_seconds(command: Sequence[str], folder: Path) -> float:
    """User and system time of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)} ended with {done.returncode}: {done.stderr[-2000:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment() -> dict[str, str]:
    """One thread each, so that CPU time is that of one core."""
    threads = dict.fromkeys(('OMP_NUM_THREADS', 'OPENCV_FFMPEG_THREADS', 'OPENBLAS_NUM_THREADS'), '1')
    # OpenCV gives its decoder as many threads as there are cores unless told otherwise.
    return {**os.environ, **threads, 'OPENCV_FFMPEG_CAPTURE_OPTIONS': 'threads;1'}


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


def loop(what: str, clips: Path, out: Path) -> None:
    """The plain loops that are measured in processes of their own."""
    cv2.setNumThreads(1)
    for path in sorted(clips.glob('*/*.mp4')):
        if what == 'decode':
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                for _ in container.decode(stream):
                    pass
            continue
        folder = out / path.stem
        folder.mkdir()
        capture = cv2.VideoCapture(str(path))
        number = 0
        while True:
            there, image = capture.read()
            if not there:
                break
            number += 1
            cv2.imwrite(str(folder / f'img_{number:05d}.jpg'), image)


def check_quality(path: Path) -> dict[str, float]:
    """Colour bias and PSNR at full size and quality 90, ours and cv2's, against exact BT.601."""
    sys.path.insert(0, str(EXTRACT.parent))
    from prep.frames.clip_frames import ClipFrames
    from prep.frames.jpegs import JpegEncoder
    from prep.frames.manifest import Options

    encoder = JpegEncoder(Options(short_side=0))
    capture = cv2.VideoCapture(str(path))
    errors: dict[str, list[np.ndarray]] = {'ours': [], 'cv2': []}
    for frame in ClipFrames(path, Options()):
        exact = exact_rgb(frame)
        _, image = capture.read()
        _, jpeg = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        errors['ours'].append(simplejpeg.decode_jpeg(encoder.encode(frame)) - exact)
        errors['cv2'].append(simplejpeg.decode_jpeg(jpeg.tobytes()) - exact)
    found = {}
    for name, values in errors.items():
        error = np.stack(values[::6])
        found[f'{name}_bias'] = float(np.abs(error.mean((0, 1, 2))).max())
        found[f'{name}_psnr'] = float(10 * np.log10(255**2 / (error**2).mean()))
    return found


def exact_rgb(frame: av.VideoFrame) -> np.ndarray:
    """(H, W, 3) float: BT.601, limited range, chroma interpolated linearly, all in floating point."""
    width, height = frame.width, frame.height
    packed = frame.to_ndarray(format='yuv420p').astype(np.float32)
    blue, red = (
        (cv2.resize(p, (width, height)) - 128) / 224 for p in packed[height:].reshape(2, height // 2, width // 2)
    )
    luma = (packed[:height] - 16) / 219
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    return 255 * rgb.clip(0, 1)


def judge(rows: Sequence[Row]) -> list[tuple[str, float, str, bool]]:
    """Every goal: what, the value, the rule, whether it is met. Ours is the pack at 256."""
    by = {(row.kind, row.contender): row for row in rows}
    found = []
    for kind, goal in SPEED_GOALS.items():
        theirs = by.get((kind, 'build_rawframes, full size'))
        if theirs is None:
            continue
        bare, ours = by[kind, 'decoding alone'], by[kind, 'ours, 256, pack']
        overhead = (ours.milliseconds - bare.milliseconds) / (theirs.milliseconds - bare.milliseconds)
        speed, size = theirs.milliseconds / ours.milliseconds, ours.bytes / theirs.bytes
        found.append(
            (f'{kind}: time above decoding, share', overhead, f'<= {OVERHEAD_GOAL}', overhead <= OVERHEAD_GOAL)
        )
        found.append((f'{kind}: clips per second, times', speed, f'>= {goal}', speed >= goal))
        found.append((f'{kind}: bytes, share', size, f'<= {BYTES_GOAL}', size <= BYTES_GOAL))
    return found


def print_tables(
    rows: Sequence[Row], goals: Sequence[tuple[str, float, str, bool]], quality: dict[str, dict[str, float]]
) -> None:
    """Markdown."""
    kinds = [kind.name for kind in KINDS]
    print('CPU ms per clip (spread over repeats) / MB per clip\n')
    print('| | ' + ' | '.join(kinds) + ' |\n|---|' + '---|' * len(kinds))
    for name in dict.fromkeys(row.contender for row in rows):
        cells = [row for kind in kinds for row in rows if (row.kind, row.contender) == (kind, name)]
        texts = [f'{row.milliseconds:.0f} ({row.spread:.0f}) / {row.bytes / 1e6:.2f}' for row in cells]
        print(f'| {name} | ' + ' | '.join(texts) + ' |')
    print('\n| goal against build_rawframes at full size | value | rule | met |\n|---|---|---|---|')
    for what, value, rule, met in goals:
        print(f'| {what} | {value:.2f} | {rule} | {"yes" if met else "NO"} |')
    print('\n| full size, quality 90 | colour bias, ours | cv2 | PSNR, ours | cv2 |\n|---|---|---|---|---|')
    for kind, q in quality.items():
        print(f'| {kind} | {q["ours_bias"]:.2f} | {q["cv2_bias"]:.2f} | {q["ours_psnr"]:.2f} | {q["cv2_psnr"]:.2f} |')
    print(f'\nEstimate for all {EGTEA_CLIPS} clips of EGTEA (101 frames on average), minutes / GB\n')
    print('| | ' + ' | '.join(f'{kind}, {cores} cores' for kind in kinds for cores in CORES) + ' |')
    print('|---|' + '---|' * (len(kinds) * len(CORES)))
    for name in [row.contender for row in rows if row.kind == kinds[0] and row.contender.startswith('ours')]:
        cells = [row for kind in kinds for row in rows if (row.kind, row.contender) == (kind, name)]
        texts = [estimate(row, cores) for row in cells for cores in CORES]
        print(f'| {name} | ' + ' | '.join(texts) + ' |')


def estimate(row: Row, cores: int) -> str:
    """Minutes and GB for all of EGTEA, if nothing but the cores limits it."""
    scale = EGTEA_CLIPS * EGTEA_FACTOR
    return f'{row.milliseconds * scale / 60_000 / cores:.0f} / {row.bytes * scale / 1e9:.1f}'


def main() -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--footage', type=Path, help='folder of videos to make the clips from (default: a texture)')
    parser.add_argument('--clips', type=int, default=4, help='of each kind, >= 2')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, help='JSON file for the results')
    parser.add_argument('--loop', nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.loop:
        loop(args.loop[0], Path(args.loop[1]), Path(args.loop[2]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        clips = make_clips(work, args.footage, args.clips, args.seed)
        rows = [row for kind, paths in clips.items() for row in measure(work, kind, paths, args.repeats)]
        quality = {kind: check_quality(paths[0]) for kind, paths in clips.items()}
    goals = judge(rows)
    goals += [
        (
            f"{kind}: colour bias at most, PSNR at least cv2's",
            q['ours_bias'],
            '',
            q['ours_bias'] <= q['cv2_bias'] and q['ours_psnr'] >= q['cv2_psnr'],
        )
        for kind, q in quality.items()
    ]
    print_tables(rows, goals, quality)
    if args.out:
        result = {
            # Without the paths of this machine.
            'command': f'extraction.py --clips {args.clips} --repeats {args.repeats} --seed {args.seed}'
            + (' --footage FOLDER' if args.footage else ''),
            'load': os.getloadavg(),
            'machine': f'{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}',
            'versions': {'av': av.__version__, 'cv2': cv2.__version__, 'simplejpeg': simplejpeg.__version__},
            'seed': args.seed,
            'footage': 'real' if args.footage else 'texture',
            'build_rawframes': build_rawframes() is not None,
            'rows': [asdict(row) for row in rows],
            'goals': [{'what': w, 'value': v, 'rule': r, 'met': m} for w, v, r, m in goals],
            'quality': quality,
        }
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    return 0 if all(met for *_, met in goals) else 1


if __name__ == '__main__':
    sys.exit(main())
