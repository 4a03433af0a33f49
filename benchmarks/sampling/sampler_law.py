"""Draws of CDBSampler against the law p_c ~ n_c^q d_c^tau, for q in {0, .5, 1} and tau in {0, 1, 2}.

    python -m benchmarks.sampling.sampler_law [--draws 1000000] [--classes 1000] [--epochs 2000] [--seed 0]

For each pair: the largest distance of a class from its expectation in one epoch (must stay below one draw); the
largest distance of a class's mean over epochs whose offsets divide [0, 1) evenly, times the epochs (unbiased: below 1,
since a class gets one draw more for a stretch of offsets that is as long as what its expectation has beyond a whole
number); whether four ranks partition the draw; whether seed and epoch fix the order; and the time of a draw. Exit code
1 if one of them fails. Offsets drawn at random would not do: all classes have the same ones, so that one cluster of
theirs, which some seeds have, looks like a bias of many classes.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.harness.measuring import timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video.difficulty.formulas import allocate_draws, class_mass, class_probability
from cdb_video.samplers.cdb_sampler import CDBSampler

WORLD_SIZE = 4


class Labels:
    """The least that a sampler needs of a dataset."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.labels)

    def get_data_info(self, index: int) -> dict[str, Any]:
        """The label of a clip."""
        return {'label': int(self.labels[index])}


def long_tailed_labels(num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """(N,) int64, shuffled labels with counts that fall from 3000 to 1."""
    counts = np.maximum(1, (3000 * np.exp(-8 * np.arange(num_classes) / num_classes)).astype(int))
    return rng.permutation(np.repeat(np.arange(num_classes), counts))


@dataclass(frozen=True)
class Found:
    """How the draws of one law turned out.

    Attributes:
        power: q.
        tau: Exponent of the difficulty.
        distance: The largest distance of a class from its expectation, in draws.
        bias: The largest distance of a mean over the epochs from its expectation, in draws, times the epochs.
        partition: Whether the ranks partition the draw.
        repeatable: Whether the same seed and epoch give the same order.
        seconds: Processor time of a draw.
    """

    power: float
    tau: float
    distance: float
    bias: float
    partition: bool
    repeatable: bool
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether all is as it should be."""
        return self.distance < 1 and self.bias < 1 and self.partition and self.repeatable


def check_law(labels: np.ndarray, difficulty: np.ndarray, power: float, tau: float, args: argparse.Namespace) -> Found:
    """Draw by one law, in one process and in four, and compare with what is expected."""
    options: dict[str, Any] = {
        'tau': tau,
        'frequency_power': power,
        'num_samples': args.draws,
        'seed': args.seed,
        'allow_empty': False,
    }
    sampler = CDBSampler(Labels(labels), **options)
    sampler.set_class_difficulty(difficulty)
    expected = args.draws * class_probability(difficulty, tau, sampler.class_counts, power)
    seconds, draw = timed(sampler.draw_epoch)
    distance = np.abs(np.bincount(labels[draw], minlength=len(difficulty)) - expected).max()
    mass = class_mass(difficulty, tau, sampler.class_counts, power)
    slices = []
    for rank in range(WORLD_SIZE):
        with mock.patch('cdb_video.samplers.class_sampler.get_dist_info', return_value=(rank, WORLD_SIZE)):
            of_rank = CDBSampler(Labels(labels), round_up=False, **options)
        of_rank.set_class_difficulty(difficulty)
        slices.append(list(of_rank))
    return Found(
        power,
        tau,
        float(distance),
        largest_bias(mass, expected, args),
        all(part == draw[rank::WORLD_SIZE].tolist() for rank, part in enumerate(slices)),
        bool((sampler.draw_epoch() == draw).all()),
        seconds.cpu,
    )


def largest_bias(mass: np.ndarray, expected: np.ndarray, args: argparse.Namespace) -> float:
    """See `Found.bias`; `mass` and `expected` are (C,)."""
    drawn = sum(allocate_draws(mass, args.draws, (epoch + 0.5) / args.epochs) for epoch in range(args.epochs))
    return float(np.abs(drawn - args.epochs * expected).max())


def page(args: argparse.Namespace, clips: int, found: list[Found]) -> str:
    """A row a law, as Markdown."""
    rows = [
        [
            f'{one.power}',
            f'{one.tau}',
            f'{one.distance:.3f}',
            f'{one.bias:.3f}',
            'yes' if one.partition else 'NO',
            'yes' if one.repeatable else 'NO',
            f'{one.seconds:.2f}',
        ]
        for one in found
    ]
    header = ['q', 'tau', 'largest distance, draws', 'largest bias', 'ranks partition', 'repeatable', 'CPU s a draw']
    return f"""# The law of CDBSampler

{clips:,} clips in {args.classes:,} classes, {args.draws:,} draws an epoch; {WORLD_SIZE} ranks share a draw. The bias is
the distance of a mean over {args.epochs:,} evenly spaced epochs, times their number. Both must stay below 1.

{markdown_table(header, rows)}
"""


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--draws', type=int, default=1_000_000)
    parser.add_argument('--classes', type=int, default=1000)
    parser.add_argument('--epochs', type=int, default=2000)
    add_common_arguments(parser)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    labels = long_tailed_labels(args.classes, rng)
    difficulty = rng.random(args.classes)
    laws = itertools.product((0, 0.5, 1), (0, 1, 2))
    found = [check_law(labels, difficulty, power, tau, args) for power, tau in laws]
    write_results('sampler_law', args, page(args, len(labels), found), {'clips': len(labels), 'laws': found})
    return 0 if all(one.holds for one in found) else 1


if __name__ == '__main__':
    sys.exit(main())
