"""Cost of the hooks: SampleSeedHook for a sample, ClassDifficultyHook after a validation with many classes.

    python -m benchmarks.training.hook_cost [--classes 106 10000] [--validations 20] [--samples 20000]

1. Reading a sample of a dataset that does nothing, seeded and not: as in a worker, where the generators are only
   seeded, and as in the training process, where they are put back too. And the numbering of the draws.
2. `after_val_epoch` of ClassDifficultyHook from counts to history, scalars, log, loss and sampler, without and with
   the live report, at the first and at the last of so many validations, since the page shows all of them. In a run
   the page is left out where it would cost more than 2 % of the time; here it is written each time.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from torch import nn

from benchmarks.harness.measuring import spread, timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video.difficulty.counts import ClassCounts
from cdb_video.hooks.class_difficulty import ClassDifficultyHook
from cdb_video.restart.seeded_samples import Draw, NumberedBatches, SeededDataset, seed_model

BATCH = 16


class Nothing:
    """A dataset whose samples cost nothing."""

    def __getitem__(self, index: int) -> int:
        return index

    def __len__(self) -> int:
        return 1


@DATASETS.register_module()
class LabelledNothing(BaseDataset):
    """Two clips of each class, without content."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        super().__init__(metainfo={'classes': tuple(f'class {number}' for number in range(num_classes))})

    def load_data_list(self) -> list[dict[str, Any]]:
        """The labels."""
        return [{'label': label} for label in range(self.num_classes)] * 2


@MODELS.register_module()
class LossAlone(BaseModel):
    """A head with CDBLoss, and no network."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.fc = nn.Linear(1, 1)
        self.loss_cls = MODELS.build({'type': 'CDBLoss'})

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        """Not called."""
        raise NotImplementedError


def microseconds(work: Callable[[], Any], number: int, rounds: int = 7) -> Any:
    """What one of `number` pieces of `work` takes, of the processor."""
    times = []
    for _ in range(rounds):
        seconds, _ = timed(work)
        times.append(seconds.cpu / number * 1e6)
    return spread(times)


def measure_seeding(samples: int) -> dict[str, Any]:
    """Microseconds for each sample, and for each epoch."""
    plain, seeded = Nothing(), SeededDataset(Nothing(), 0)
    draws = [Draw(0, 0, position) for position in range(samples)]
    indices = [list(range(BATCH))] * (samples // BATCH)
    read = {
        'sample, not seeded': lambda: [plain[draw.index] for draw in draws],
        'sample, seeded in a worker': lambda: [seeded[draw] for draw in draws],
        'sample, seeded in the training process': lambda: [seeded[draw] for draw in draws],
    }
    times = {}
    for name, work in read.items():
        with mock.patch('cdb_video.restart.seeded_samples.get_worker_info', return_value='worker' in name):
            times[name] = microseconds(work, samples)
    times['draw, numbered'] = microseconds(lambda: list(NumberedBatches(indices)), samples)
    times['epoch, model seeded'] = microseconds(_seed_models, 1000)
    return times


def _seed_models() -> None:
    for _ in range(1000):
        seed_model(0, 0, 0)


def make_runner(work_dir: Path, num_classes: int, live_report: bool, seed: int) -> Runner:
    """A Runner that stands where training begins."""
    loader = {'batch_size': BATCH, 'num_workers': 0, 'dataset': {'type': 'LabelledNothing', 'num_classes': num_classes}}
    settings = {
        'work_dir': str(work_dir),
        'experiment_name': uuid.uuid4().hex,
        'model': {'type': 'LossAlone', 'num_classes': num_classes},
        'train_dataloader': {**loader, 'sampler': {'type': 'CDBSampler'}},
        'val_dataloader': {**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        'train_cfg': {'by_epoch': True, 'max_epochs': 100},
        'val_cfg': {},
        'val_evaluator': {'type': 'ClassAccuracy'},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
        'custom_hooks': [{'type': 'ClassDifficultyHook', 'live_report': live_report}],
        'randomness': {'seed': seed},
        'default_scope': 'mmengine',
    }
    runner = Runner.from_cfg(Config(settings))
    for handler in [one for one in runner.logger.handlers if not isinstance(one, logging.FileHandler)]:
        runner.logger.removeHandler(handler)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner._val_loop = runner.build_val_loop(runner._val_loop)
    runner.call_hook('before_run')
    runner.call_hook('before_train')
    return runner


def validations(runner: Runner, number: int, seed: int) -> Iterator[float]:
    """Milliseconds of the processor that each of `number` calls of the hook takes."""
    hook = next(one for one in runner.hooks if isinstance(one, ClassDifficultyHook))
    if hook.state_ is None:
        raise RuntimeError('the hook has no state: call before_train first')
    metric = runner.val_loop.evaluator.metrics[0]
    rng = np.random.default_rng(seed)
    clips = np.full(len(hook.state_.difficulty), 2)
    for epoch in range(1, number + 1):
        runner.train_loop._epoch, runner.train_loop._iter = epoch, epoch
        metric.counts_ = ClassCounts(clips, rng.integers(0, 3, len(clips)), clips)
        # A page is due, whatever it costs.
        with mock.patch('cdb_video.run.reporting.live_report.LIVE_SHARE', float('inf')):
            seconds, _ = timed(partial(hook.after_val_epoch, runner, {'acc/mean1': 0.5}))
        yield seconds.cpu * 1e3


def measure_hook(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Per number of classes and kind of report, the milliseconds of all validations in their order."""
    times: dict[str, dict[str, Any]] = {}
    for num_classes in args.classes:
        for live in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                runner = make_runner(Path(folder), num_classes, live, args.seed)
                values = list(validations(runner, args.validations, args.seed))
                size = Path(folder, 'class_history.jsonl').stat().st_size / args.validations
            times[f'{num_classes} classes, {"with" if live else "without"} live report'] = {
                'ms': values,
                'bytes of the history': size,
            }
    return times


def page(args: argparse.Namespace, seeding: dict[str, Any], hook: dict[str, dict[str, Any]]) -> str:
    """The measurements as Markdown."""
    rows = []
    for name, values in hook.items():
        ends = (values['ms'][1:4], values['ms'][-3:])  # the first one loads modules
        rows.append(
            [name, *(spread(end).show(digits=1) for end in ends), f'{values["bytes of the history"] / 1e3:.0f}']
        )
    return f"""# What the hooks cost

Medians (quartiles) of processor time.

## SampleSeedHook

{args.samples} samples of a dataset that does nothing, 7 rounds.

{markdown_table(['what', 'microseconds'], [[name, value.show(digits=1)] for name, value in seeding.items()])}

## ClassDifficultyHook after a validation

Milliseconds, {args.validations} validations one after the other; the log goes to its file.

{markdown_table(['what', 'validations 2 to 4', 'the last three', 'kB of history each'], rows)}
"""


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--classes', type=int, nargs='+', default=[106, 10_000])
    parser.add_argument('--validations', type=int, default=20)
    parser.add_argument('--samples', type=int, default=20_000)
    add_common_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    seeding, hook = measure_seeding(args.samples), measure_hook(args)
    write_results('hook_cost', args, page(args, seeding, hook), {'seeding': seeding, 'hook': hook})
    return 0


if __name__ == '__main__':
    sys.exit(main())
