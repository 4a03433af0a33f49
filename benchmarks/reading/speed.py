"""Reading clips: mmaction2's transforms beside ours, on the same clips, in turns, in one process.

    python -m benchmarks.reading.speed [--footage FOLDER_OF_VIDEOS] [--clips 2] [--rounds 5] [--samples 24]

One training sample is 32 frames, stride 2, short side 256, a random crop of 224, perhaps flipped; a test sample ten
views in three crops. Each reader gets the same clips and the same random numbers. What counts is the processor time of
this process: other programs on the machine change it less than the time on the clock. Loaders with 1 and 2 workers
and reading from a disk whose cache was dropped are timed by the clock.

Exit code 1 if a goal is missed. Needs 1 GB of disk and, with --footage and other programs on two cores, 5 minutes.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from torch.utils.data import DataLoader

from benchmarks.extraction.clips import KINDS
from benchmarks.harness.measuring import spread, take_turns
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.reading.clips_data import Footage, make_footage
from benchmarks.reading.clips_readers import (
    READERS,
    RESIZE,
    SAMPLING,
    STEPS,
    TEST_SAMPLING,
    THREE,
    Samples,
    entry,
    pipeline,
)

TESTED = ('DecordDecode', 'PyAVDecode', 'VideoDecode', 'RawFrameDecode, 256 q90', 'PackDecode, 256 q90')
LOADED = ('DecordDecode', 'VideoDecode', 'RawFrameDecode, 256 q90', 'PackDecode, 256 q90')
COLD = ('DecordDecode', 'VideoDecode', 'RawFrameDecode, 640x480 q95', 'RawFrameDecode, 256 q90', 'PackDecode, 256 q90')
# What, numerator, denominator, goal; for the kinds of clips whose name begins so.
GOALS = (
    ('training', 'H.264', 'DecordDecode', 'PackDecode, 256 q90', 11.0),
    ('training', 'MPEG-4', 'DecordDecode', 'PackDecode, 256 q90', 7.0),
    ('training', '', 'RawFrameDecode, 640x480 q95', 'PackDecode, 256 q90', 5.0),
    ('training', '', 'RawFrameDecode, 256 q90', 'PackDecode, 256 q90', 1.15),
    ('training', '', 'DecordDecode', 'VideoDecode', 1.6),
    ('training', '', 'PyAVDecode', 'VideoDecode', 1.3),
    ('20 s', '', 'PyAVDecode', 'VideoDecode', 5.0),
    ('test', '', 'DecordDecode', 'VideoDecode', 4.0),
)
Times = dict[str, dict[str, list[float]]]
"""Milliseconds of each sample: by kind of clip, by reader."""


def in_turns(works: Mapping[str, Callable[[], Any]], rounds: int, seed: int) -> dict[str, list[float]]:
    """Processor milliseconds of each work in `rounds` rounds, with the same random numbers for all of a round."""
    calls = dict.fromkeys(works, 0)

    def seeded(name: str) -> None:
        calls[name] += 1
        random.seed(seed + calls[name])
        np.random.seed(seed + calls[name])
        works[name]()

    times = take_turns({name: partial(seeded, name) for name in works}, rounds)
    return {name: [1000 * seconds.cpu for seconds in found] for name, found in times.items()}


def _read(transforms: Any, clip: dict[str, Any]) -> None:
    """Read a sample; the transforms may change what they are given."""
    transforms(dict(clip))


def decode_alone(footage: Footage, kind: int, clip: int) -> None:
    """Decode all frames up to the last of a sample, and nothing else: the least for a reader that skips nothing."""
    sample = Compose([SAMPLING])({'total_frames': footage.frames, 'start_index': 0})
    with av.open(str(footage.video(kind, clip))) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in zip(range(int(sample['frame_inds'].max()) + 1), container.decode(video=0), strict=False):
            pass


def measure_training(footage: Footage, kind: int, rounds: int, seed: int) -> dict[str, list[float]]:
    """A training sample of each clip of a kind; milliseconds by reader."""
    found: dict[str, list[float]] = {reader: [] for reader in (*READERS, 'decoding alone')}
    built = {reader: pipeline(reader, SAMPLING, STEPS) for reader in READERS}
    for clip in range(footage.count):
        works = {reader: partial(_read, built[reader], entry(footage, reader, kind, clip)) for reader in READERS}
        works['decoding alone'] = partial(decode_alone, footage, kind, clip)
        for reader, times in in_turns(works, rounds, seed + 100 * clip).items():
            found[reader] += times
    return found


def measure_test(footage: Footage, kind: int, rounds: int, seed: int) -> dict[str, list[float]]:
    """Ten views in three crops of one clip."""
    built = {reader: pipeline(reader, TEST_SAMPLING, [RESIZE], [THREE]) for reader in TESTED}
    works = {reader: partial(_read, built[reader], entry(footage, reader, kind, 0)) for reader in TESTED}
    return in_turns(works, rounds, seed)


def measure_long(footage: Footage, rounds: int, seed: int) -> dict[str, list[float]]:
    """A training sample of a clip of 20 s."""
    readers = ('DecordDecode', 'PyAVDecode', 'VideoDecode')
    built = {reader: pipeline(reader, SAMPLING, STEPS) for reader in readers}
    clip = {'filename': str(footage.long), 'label': 0, 'start_index': 0, 'modality': 'RGB'}
    return in_turns({reader: partial(_read, built[reader], clip) for reader in readers}, 2 * rounds, seed)


def measure_cold(footage: Footage, kind: int, rounds: int, seed: int) -> dict[str, list[float]]:
    """A training sample whose files are not in memory, by the clock."""
    built = {reader: pipeline(reader, SAMPLING, STEPS) for reader in COLD}
    files = {reader: _files(entry(footage, reader, kind, 0)) for reader in COLD}
    found: dict[str, list[float]] = {reader: [] for reader in COLD}
    os.sync()
    for number in range(rounds):
        for reader in COLD:
            for path in files[reader]:
                _forget(path)
            np.random.seed(seed + number)
            start = time.perf_counter()
            built[reader](entry(footage, reader, kind, 0))
            found[reader].append(1000 * (time.perf_counter() - start))
    return found


def samples_per_second(footage: Footage, reader: str, kind: int, number: int, workers: int) -> float:
    """Of a loader, by the clock, from its second batch on: the first waits for the workers to start."""
    torch.manual_seed(0)
    loader = DataLoader(
        Samples(footage, reader, kind, number + 4 * workers), 4, num_workers=workers, collate_fn=pseudo_collate
    )
    batches = iter(loader)
    for _ in range(workers):
        next(batches)
    start = time.perf_counter()
    read = sum(len(batch['inputs']) for batch in batches)
    return read / (time.perf_counter() - start)


def compare_pixels(footage: Footage, kind: int) -> dict[str, list[float]]:
    """Of whole frames: mean of ours less theirs in R, G and B, and mean of the amount; then of fused less not fused."""
    pictures = {}
    for reader in ('DecordDecode', 'PyAVDecode', 'VideoDecode'):
        start, decoder, _, _ = READERS[reader]
        steps = [*({'type': name} for name in start), {**SAMPLING, 'test_mode': True}, {'type': decoder}]
        pictures[reader] = np.stack(Compose(steps)(entry(footage, reader, kind, 0))['imgs']).astype(np.float32)
    found = {}
    for reader in ('DecordDecode', 'PyAVDecode'):
        error = pictures['VideoDecode'] - pictures[reader]
        found[f'VideoDecode less {reader}'] = [*error.mean((0, 1, 2)).tolist(), float(np.abs(error).mean())]
    fused, apart = (_cropped(footage, reader, kind) for reader in ('VideoDecode', 'VideoDecode, not fused'))
    error = fused - apart
    found['fused less not fused'] = [*error.mean((0, 2, 3, 4)).tolist(), float(np.abs(error).mean())]
    return found


def _cropped(footage: Footage, reader: str, kind: int) -> Any:
    random.seed(0)
    np.random.seed(0)
    inputs = pipeline(reader, SAMPLING, STEPS)(entry(footage, reader, kind, 0))['inputs']
    return inputs.numpy().astype(np.float32)


def _files(clip: dict[str, Any]) -> list[Path]:
    if 'filename' in clip:
        return [Path(clip['filename'])]
    folder = Path(clip['frame_dir'])
    return sorted(folder.iterdir()) if folder.is_dir() else [folder.with_suffix('.pack')]


def _forget(path: Path) -> None:
    """Drop a file from the system's cache, where that can be asked for."""
    if hasattr(os, 'posix_fadvise'):
        with path.open('rb') as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(footage: Footage, args: argparse.Namespace) -> dict[str, Any]:
    """All numbers of clips of one origin."""
    kinds = [kind.name for kind in KINDS]
    rounds, seed = args.rounds, args.seed
    few = min(rounds, 3)
    loaders = {
        reader: [samples_per_second(footage, reader, 0, args.samples, workers) for workers in (1, 2)]
        for reader in LOADED
    }
    return {
        'training': {name: measure_training(footage, kind, rounds, seed) for kind, name in enumerate(kinds)},
        'test': {kinds[0]: measure_test(footage, 0, few, seed)},
        '20 s': {kinds[1]: measure_long(footage, few, seed)},
        'cold': {kinds[0]: measure_cold(footage, 0, rounds, seed)},
        'samples per second': loaders,
        'pixels': {name: compare_pixels(footage, kind) for kind, name in enumerate(kinds)},
    }


def judge(numbers: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """Every goal: origin of the clips, kind, what, how many times as fast, the goal, whether it is met."""
    found = []
    for origin, measured in numbers.items():
        for part, start, theirs, ours, goal in GOALS:
            for kind, times in measured[part].items():
                if kind.startswith(start):
                    ratio = float(np.median(times[theirs]) / np.median(times[ours]))
                    found.append([origin, kind, f'{part}: {theirs} / {ours}', ratio, goal, ratio >= goal])
    return found


def write_page(numbers: dict[str, dict[str, Any]], goals: list[list[Any]]) -> str:
    """Markdown."""
    parts = ['# Reading clips\n\nMilliseconds of processor time of a sample: median (quartiles).']
    titles = {
        'training': 'A training sample',
        'test': 'A test sample, ten views in three crops',
        '20 s': 'A training sample of a clip of 20 s',
        'cold': 'A training sample, files not in memory: milliseconds by the clock',
    }
    for origin, measured in numbers.items():
        for part, title in titles.items():
            parts.append(f'## {title}; {origin} clips\n\n{_times_table(measured[part])}')
        rows = [
            [reader, *(f'{value:.1f}' for value in values)] for reader, values in measured['samples per second'].items()
        ]
        table = markdown_table(['samples per second of a loader', '1 worker', '2 workers'], rows)
        parts.append(f'## Loaders; {origin} clips, {KINDS[0].name}\n\n{table}')
        rows = [
            [kind, what, *(f'{value:+.2f}' for value in values[:3]), f'{values[3]:.2f}']
            for kind, found in measured['pixels'].items()
            for what, values in found.items()
        ]
        table = markdown_table(['kind', 'levels of 255', 'R', 'G', 'B', 'mean amount'], rows)
        parts.append(f'## Pixels; {origin} clips\n\n{table}')
    rows = [
        [o, k, what, f'{ratio:.2f}', f'>= {goal}', 'yes' if met else 'NO'] for o, k, what, ratio, goal, met in goals
    ]
    parts.append('## Goals\n\n' + markdown_table(['clips', 'kind', 'times as fast', 'value', 'goal', 'met'], rows))
    return '\n\n'.join(parts)


def _times_table(times: Times) -> str:
    kinds = list(times)
    readers = list(times[kinds[0]])
    rows = [[reader, *(spread(times[kind][reader]).show(digits=1) for kind in kinds)] for reader in readers]
    return markdown_table(['reader', *kinds], rows)


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    add_common_arguments(parser)
    parser.add_argument('--footage', type=Path, help='folder of videos to make clips from, beside the drawn ones')
    parser.add_argument('--clips', type=int, default=2, help='of each kind and origin (default %(default)s)')
    parser.add_argument('--rounds', type=int, default=5, help='samples of each clip and reader (default %(default)s)')
    parser.add_argument('--samples', type=int, default=24, help='of each loader (default %(default)s)')
    args = parser.parse_args()
    from mmaction.utils import register_all_modules  # late: --help need not wait for it

    register_all_modules(init_default_scope=True)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    numbers = {}
    with tempfile.TemporaryDirectory() as name:
        for origin, videos in {'drawn': None, 'real': args.footage}.items():
            if origin == 'drawn' or videos is not None:
                footage = make_footage(Path(name, origin), videos, args.clips, args.seed)
                numbers[origin] = measure(footage, args)
    goals = judge(numbers)
    keys = ('clips', 'kind', 'what', 'value', 'goal', 'met')
    results = {'clips': numbers, 'goals': [dict(zip(keys, goal, strict=True)) for goal in goals]}
    write_results('clips', args, write_page(numbers, goals), results)
    return 0 if all(goal[-1] for goal in goals) else 1


if __name__ == '__main__':
    sys.exit(main())
