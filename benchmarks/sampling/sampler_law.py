"""Draws of CDBSampler against the law p_c ~ n_c^q d_c^tau, for q in {0, .5, 1} and tau in {0, 1, 2}.

    python benchmarks/sampling/sampler_law.py [--draws 1000000] [--classes 1000] [--epochs 2000] [--seed 0]

Prints for each pair: the largest distance of a class from its expectation in one epoch (must stay
below one draw), the largest z-score of the mean over the epochs (unbiased: about 3 among 1000 classes),
whether four ranks partition the draw, whether seed and epoch fix the order, and the time of a draw.
Exit code 1 if one of them fails.
"""

import argparse
import itertools
import sys
import time
from typing import Any
from unittest import mock

import numpy as np

from cdb_video.difficulty.formulas import allocate_draws, class_mass, class_probability
from cdb_video.samplers.cdb_sampler import CDBSampler

WORLD_SIZE = 4
LARGEST_Z = 4.5


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


def check_law(labels: np.ndarray, difficulty: np.ndarray, power: float, tau: float, args: argparse.Namespace) -> bool:
    """Print one line; whether everything holds."""
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
    start = time.perf_counter()
    draw = sampler.draw_epoch()
    seconds = time.perf_counter() - start
    distance = np.abs(np.bincount(labels[draw], minlength=len(difficulty)) - expected).max()

    mass = class_mass(difficulty, tau, sampler.class_counts, power)
    offsets = (np.random.default_rng([args.seed, epoch]).random() for epoch in range(args.epochs))
    mean = np.mean([allocate_draws(mass, args.draws, offset) for offset in offsets], axis=0)
    variance = (expected % 1) * (1 - expected % 1) / args.epochs
    z = np.abs(mean - expected) / np.sqrt(np.maximum(variance, 1e-3 / args.epochs))

    slices = []
    for rank in range(WORLD_SIZE):
        with mock.patch('cdb_video.samplers.class_sampler.get_dist_info', return_value=(rank, WORLD_SIZE)):
            of_rank = CDBSampler(Labels(labels), round_up=False, **options)
        of_rank.set_class_difficulty(difficulty)
        slices.append(list(of_rank))
    partition = all(part == draw[rank::WORLD_SIZE].tolist() for rank, part in enumerate(slices))
    repeatable = bool((sampler.draw_epoch() == draw).all())
    print(
        f'q={power:<3} tau={tau}: largest |draws - law| {distance:.3f}; largest z over {args.epochs} epochs '
        f'{z.max():.2f}; {WORLD_SIZE} ranks partition the draw: {partition}; same seed and epoch, same order: '
        f'{repeatable}; {seconds:.2f} s'
    )
    return bool(distance < 1 and z.max() < LARGEST_Z and partition and repeatable)


def main() -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--draws', type=int, default=1_000_000)
    parser.add_argument('--classes', type=int, default=1000)
    parser.add_argument('--epochs', type=int, default=2000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    labels = long_tailed_labels(args.classes, rng)
    difficulty = rng.random(args.classes)
    print(f'{len(labels)} clips, {args.classes} classes, {args.draws} draws an epoch, seed {args.seed}')
    laws = itertools.product((0, 0.5, 1), (0, 1, 2))
    return 0 if all([check_law(labels, difficulty, power, tau, args) for power, tau in laws]) else 1


if __name__ == '__main__':
    sys.exit(main())
