"""CDBSampler beside torch's WeightedRandomSampler where there are millions of clips.

    python -m benchmarks.sampling.sampler_scale [--clips 10000000] [--classes 10000] [--rounds 7] [--huge 100000000]

Both samplers follow the same law, p_c ~ d_c with random difficulties, over classes whose clips fall
geometrically by a factor of 1000. Measured: setting up, the draw (until the first clip is there), the
iteration (all other clips, as Python integers) and the peak memory of each, in fresh processes for the memory;
the times in rounds that take turns, after one round to warm up. Then the ways to the labels, and CDBSampler
alone at `--huge` clips (0 = not), where torch.multinomial refuses. That takes about 4 GB.

Exit code 1 if CDBSampler is less than 4 times as fast as the other in draw and iteration.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from benchmarks.harness.measuring import Seconds, Spread, in_fresh_process, peak_memory, resident_memory, spread, timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.sampling.label_passes import Handing, label_table, make_labels, measure_label_passes
from cdb_video.samplers.cdb_sampler import CDBSampler

GOAL = 4.0
EPOCH = ('draw', 'iteration')
"""The phases that come back in every epoch."""


def build(kind: str, labels: np.ndarray, seed: int) -> Any:
    """One of the two samplers with the law that random difficulties give."""
    num_classes = int(labels.max()) + 1
    difficulty = np.random.default_rng(seed + 1).random(num_classes)
    if kind == 'CDBSampler':
        sampler = CDBSampler(Handing(labels), tau=1.0, seed=seed)
        sampler.set_class_difficulty(difficulty)
        return sampler
    counts = np.bincount(labels, minlength=num_classes)
    weights: Any = torch.from_numpy((difficulty / counts)[labels])  # it takes a list too, and makes this of it
    return WeightedRandomSampler(weights, len(labels), generator=torch.Generator().manual_seed(seed))


def first_clip(sampler: Any) -> Any:
    """Start an epoch; the iterator, whose first clip was taken."""
    clips = iter(sampler)
    next(clips)
    return clips


def use_up(clips: Iterable[int]) -> None:
    """Take all clips and keep none."""
    deque(clips, maxlen=0)


def measure_times(num_clips: int, num_classes: int, rounds: int, seed: int) -> dict[str, dict[str, list[Seconds]]]:
    """Per sampler and phase the times of the rounds; the samplers take turns, and change who is first."""
    labels = make_labels(num_clips, num_classes, seed)
    kinds = ['WeightedRandomSampler', 'CDBSampler']
    times: dict[str, dict[str, list[Seconds]]] = {kind: {'set-up': [], 'draw': [], 'iteration': []} for kind in kinds}
    samplers = {}
    for kind in kinds:
        build(kind, make_labels(1000, 10, seed), seed)
        seconds, samplers[kind] = timed(partial(build, kind, labels, seed))
        times[kind]['set-up'].append(seconds)
    for number in range(rounds + 1):
        samplers['CDBSampler'].set_epoch(number)
        kinds.reverse()
        for kind in kinds:
            draw, clips = timed(partial(first_clip, samplers[kind]))
            iteration, _ = timed(partial(use_up, clips))
            if number > 0:
                times[kind]['draw'].append(draw)
                times[kind]['iteration'].append(iteration)
    return times


def measure_memory(kind: str, num_clips: int, num_classes: int, seed: int) -> dict[str, Any]:
    """Peak memory and time of each phase, once, in this process; the labels were there before."""
    build(kind, make_labels(1000, 10, seed), seed)
    labels = make_labels(num_clips, num_classes, seed)
    before = resident_memory()
    peaks, times = {}, {}
    peaks['set-up'], (times['set-up'], sampler) = peak_memory(lambda: timed(lambda: build(kind, labels, seed)), before)
    peaks['draw'], (times['draw'], clips) = peak_memory(lambda: timed(lambda: first_clip(sampler)), before)
    peaks['iteration'], (times['iteration'], _) = peak_memory(lambda: timed(lambda: use_up(clips)), before)
    return {'peak_bytes': peaks, 'seconds': times}


def refusal(num_clips: int) -> str:
    """What WeightedRandomSampler says to that many clips."""
    weights: Any = torch.ones(num_clips, dtype=torch.float64)
    sampler = WeightedRandomSampler(weights, num_clips)
    try:
        next(iter(sampler))
    except RuntimeError as error:
        return f'"{str(error).splitlines()[0]}"'
    return 'nothing, it draws'


def totals(times: dict[str, list[Seconds]], phases: Sequence[str] = EPOCH) -> list[Seconds]:
    """Some phases together, per round."""
    return [sum(of_round, Seconds(0, 0)) for of_round in zip(*(times[phase] for phase in phases), strict=True)]


def times_as_fast(times: dict[str, dict[str, list[Seconds]]], phases: Sequence[str] = EPOCH) -> dict[str, Spread]:
    """How many times CDBSampler is as fast in some phases, round by round, by the wall and in processor time."""
    pairs = list(zip(*(totals(times[kind], phases) for kind in ('WeightedRandomSampler', 'CDBSampler')), strict=True))
    return {
        clock: spread(getattr(theirs, clock) / getattr(ours, clock) for theirs, ours in pairs)
        for clock in ('wall', 'cpu')
    }


def speed_table(times: dict[str, Any], memory: dict[str, Any]) -> str:
    """The table of both samplers."""
    rows = []
    for kind, phases in times.items():
        for phase, seconds in [*phases.items(), ('draw and iteration', totals(phases))]:
            peak = memory[kind]['peak_bytes'].get(phase)
            rows.append(
                [kind, phase]
                + [spread(getattr(second, clock) for second in seconds).show() for clock in ('wall', 'cpu')]
                + ['' if peak is None else f'{peak / 2**20:.0f}']
            )
    return markdown_table(['sampler', 'phase', 'wall s', 'CPU s', 'peak MiB'], rows)


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--clips', type=int, default=10_000_000)
    parser.add_argument('--classes', type=int, default=10_000)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--kept-clips', type=int, default=1_000_000, help='entries of the BaseDataset')
    parser.add_argument('--huge', type=int, default=100_000_000)
    add_common_arguments(parser)
    args = parser.parse_args()
    numbers = measure_all(args)
    numbers['times_as_fast'] = times_as_fast(numbers['times'])
    write_results('sampler_scale', args, page(args, numbers), numbers)
    return 0 if numbers['times_as_fast']['cpu'].median >= GOAL else 1


def measure_all(args: argparse.Namespace) -> dict[str, Any]:
    """All measurements, each in a process of its own, one after the other."""
    size = (args.clips, args.classes)
    numbers: dict[str, Any] = {'times': in_fresh_process(measure_times, *size, args.rounds, args.seed)}
    numbers['memory'] = {kind: in_fresh_process(measure_memory, kind, *size, args.seed) for kind in numbers['times']}
    numbers['label_passes'] = in_fresh_process(
        measure_label_passes, args.clips, args.kept_clips, args.classes, args.seed
    )
    if args.huge:
        numbers['huge'] = in_fresh_process(measure_memory, 'CDBSampler', args.huge, args.classes, args.seed)
        numbers['huge_refusal'] = in_fresh_process(refusal, args.huge)
    return numbers


def page(args: argparse.Namespace, numbers: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    faster = numbers['times_as_fast']
    text = f"""# Samplers at {args.clips:,} clips and {args.classes:,} classes

Median (quartiles) of {args.rounds} rounds; set-up once. Peak memory is above what was there before set-up.

{speed_table(numbers['times'], numbers['memory'])}

CDBSampler draws and iterates **{faster['wall'].show(digits=1)} times** as fast by the clock,
{faster['cpu'].show(digits=1)} times in processor time (goal: {GOAL:g}).

## Label pass

{label_table(numbers['label_passes'])}
"""
    return text + huge_section(args.huge, numbers['huge'], numbers['huge_refusal']) if args.huge else text


def huge_section(num_clips: int, measured: dict[str, Any], says: str) -> str:
    """The section on more clips than the other takes."""
    peaks, times = measured['peak_bytes'], measured['seconds']
    rows = [
        [phase, f'{times[phase].wall:.1f}', f'{times[phase].cpu:.1f}', f'{peaks[phase] / 2**20:.0f}'] for phase in peaks
    ]
    return f"""
## CDBSampler at {num_clips:,} clips

Once. WeightedRandomSampler there: {says}.

{markdown_table(['phase', 'wall s', 'CPU s', 'peak MiB'], rows)}
"""


if __name__ == '__main__':
    sys.exit(main())
