"""Cost of the plugin: CDBLoss in a training step, ClassAccuracy and ClassDifficultyHook in a validation.

    python -m benchmarks.training.step_cost --data-root data/egtea_mini [--rounds 20] [--steps 30]

1. CDBLoss beside the losses it stands in for, forward and backward, alone, with the difference to torch's
   CrossEntropyLoss as a share of the median training step of the tiny SlowFast (goal: under 1 %).
2. The validation of the tiny SlowFast over the validation clips, with ClassAccuracy and ClassDifficultyHook and
   with AccMetric alone (goal: a ratio under 1.05), and what is in that difference, alone: metric and hook.

What is compared takes turns, after a round to warm up. Clips are read in this process, so that all work
is counted. EGTEA-mini comes from data_prep: see its README. Exit code 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness.measuring import Seconds, Spread, spread, take_turns
from benchmarks.harness.mini_runs import ALONE, WITH, measure_parts, measure_steps, measure_validations
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video.losses.cdb import CDBLoss

SIZES = ((16, 19), (8, 106), (64, 1000))
CALLS = 200
VAL_LIST = 'lists/verb_split1_subjects-P20-P26/val.txt'
LARGEST_SHARE = 0.01
LARGEST_RATIO = 1.05
TORCH, MMACTION = 'torch CrossEntropyLoss', 'mmaction2 CrossEntropyLoss'


def losses_to_compare(num_classes: int, difficulty: np.ndarray) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The losses by name; those with weights have those of CDBLoss."""
    from mmaction.models.losses import CrossEntropyLoss

    cdb = CDBLoss(num_classes)
    cdb.set_class_difficulty(difficulty)
    weight = torch.as_tensor(cdb.class_weight, dtype=torch.float32)
    return {
        TORCH: nn.CrossEntropyLoss(),
        MMACTION: CrossEntropyLoss(),
        f'{MMACTION}, class_weight': CrossEntropyLoss(class_weight=weight.tolist()),
        'CDBLoss': cdb,
    }


def measure_losses(size: tuple[int, int], rounds: int, seed: int) -> dict[str, list[Seconds]]:
    """Per loss the time of one forward and backward pass, the mean of `CALLS`, in each round."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(size, generator=generator, requires_grad=True)
    labels = torch.randint(0, size[1], size[:1], generator=generator)
    difficulty = np.random.default_rng(seed).random(size[1])

    def repeat(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        for _ in range(CALLS):
            scores.grad = None
            loss(scores, labels).backward()

    losses = losses_to_compare(size[1], difficulty)
    times = take_turns({name: partial(repeat, loss) for name, loss in losses.items()}, rounds)
    return {name: [Seconds(one.wall / CALLS, one.cpu / CALLS) for one in values] for name, values in times.items()}


def column(times: Iterable[Seconds], clock: str) -> list[float]:
    """One clock of the times."""
    return [getattr(one, clock) for one in times]


def summarise(numbers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The two answers by both clocks: the share of the step per size of the loss, and the ratio of validations."""
    answers: dict[str, dict[str, Any]] = {'share': {}, 'ratio': {}}
    for clock in ('wall', 'cpu'):
        step = spread(column(numbers['steps'], clock)).median
        answers['share'][clock] = {
            size: extra(times, clock, TORCH).median / step for size, times in numbers['losses'].items()
        }
        pairs = zip(*(column(numbers['validations'][name], clock) for name in (WITH, ALONE)), strict=True)
        answers['ratio'][clock] = spread(plugin / plain for plugin, plain in pairs)
    return answers


def extra(times: dict[str, list[Seconds]], clock: str, baseline: str) -> Spread:
    """How much longer CDBLoss takes than another loss, round by round."""
    pairs = zip(column(times['CDBLoss'], clock), column(times[baseline], clock), strict=True)
    return spread(ours - theirs for ours, theirs in pairs)


def loss_table(losses: dict[str, dict[str, list[Seconds]]]) -> str:
    """Time of each loss by size."""
    rows = []
    for size, times in losses.items():
        for name, values in times.items():
            clocks = [spread(column(values, clock)).show(1e6, 1) for clock in ('wall', 'cpu')]
            more = '' if name == 'CDBLoss' else extra(times, 'cpu', name).show(1e6, 1)
            rows.append([size, name, *clocks, more])
    return markdown_table(['clips x classes', 'loss', 'wall us', 'CPU us', 'CPU us that CDBLoss takes more'], rows)


def share_table(share: dict[str, dict[str, float]]) -> str:
    """What CDBLoss adds to a step, by size."""
    rows = [[size, *(f'{share[clock][size]:.4%}' for clock in ('wall', 'cpu'))] for size in share['cpu']]
    return markdown_table(['clips x classes', 'share of a step, wall', 'share of a step, CPU'], rows)


def time_table(times: dict[str, list[Seconds]], scale: float, unit: str) -> str:
    """Any times by name."""
    rows = [
        [name, *(spread(column(values, clock)).show(scale) for clock in ('wall', 'cpu'))]
        for name, values in times.items()
    ]
    return markdown_table(['what', f'wall {unit}', f'CPU {unit}'], rows)


def page(args: argparse.Namespace, numbers: dict[str, Any], answers: dict[str, dict[str, Any]]) -> str:
    """The measurements as Markdown."""
    ratio = answers['ratio']
    step = {clock: spread(column(numbers['steps'], clock)).show(1e3, 0) for clock in ('wall', 'cpu')}
    return f"""# What the plugin costs

Medians (quartiles).

## CDBLoss in a training step

Forward and backward, alone; the mean of {CALLS} calls in each of {args.rounds} rounds.

{loss_table(numbers['losses'])}

What CDBLoss takes more than torch's, as a share of a training step of the tiny SlowFast, 16 clips in
{step['wall']} ms by the clock, {step['cpu']} ms in processor time ({args.steps} steps). Goal: under 1 %.

{share_table(answers['share'])}

## ClassAccuracy and ClassDifficultyHook in a validation

{numbers['val_clips']} clips, {args.rounds} validations each. **Ratio {ratio['wall'].show(digits=3)} by the clock,
{ratio['cpu'].show(digits=3)} in processor time** (goal: under {LARGEST_RATIO}).

{time_table(numbers['validations'], 1, 's')}

The parts alone, without the network:

{time_table(numbers['parts'], 1e3, 'ms')}
"""


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--data-root', type=Path, default=Path('data/egtea_mini'), help='EGTEA-mini with its lists')
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--steps', type=int, default=30)
    add_common_arguments(parser)
    args = parser.parse_args()
    val_list = args.data_root / VAL_LIST
    if not val_list.is_file():
        print(
            f'{args.module}: {val_list} is missing. Make EGTEA-mini as data_prep/README.md says, or name its folder '
            'with --data-root',
            file=sys.stderr,
        )
        return 2
    os.environ['EGTEA_ROOT'] = str(args.data_root)
    numbers = measure_all(args) | {'val_clips': len(val_list.read_text().splitlines())}
    answers = summarise(numbers)
    write_results('cost', args, page(args, numbers, answers), numbers | answers)
    reached = max(answers['share']['cpu'].values()) < LARGEST_SHARE and answers['ratio']['cpu'].median < LARGEST_RATIO
    return 0 if reached else 1


def measure_all(args: argparse.Namespace) -> dict[str, Any]:
    """All measurements."""
    losses = {f'{size[0]} x {size[1]}': measure_losses(size, args.rounds, args.seed) for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        return {
            'losses': losses,
            'steps': measure_steps(Path(folder), args.steps, args.seed),
            'validations': measure_validations(Path(folder), args.rounds, args.seed),
            'parts': measure_parts(Path(folder), args.rounds, args.seed),
        }


if __name__ == '__main__':
    sys.exit(main())
