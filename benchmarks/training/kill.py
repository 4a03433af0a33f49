"""Trainings that are killed by SIGKILL and resumed, beside an undisturbed one, bit for bit.

    python -m benchmarks.training.kill [--kills 40] [--points all] [--leaf slowfast_cdbws] [--epochs 4] [--seed 0]
    python -m benchmarks.training.kill --data-set digits_lt [--leaf resnet8_cdbws] ...

First an undisturbed run. Then runs that are killed at random moments, the whole process group, its main
process alone or a worker, some of them a second time while they resume, with a number of workers that
changes; and runs that are killed once at each named point (`benchmarks.training.deaths`). Each is resumed until it
ends, and compared with the undisturbed one: order and clips of every step, history, metrics, difficulty, best
checkpoint, and the parameters of model and optimizer. Only run ids and times may differ.

A run is `tools/train.py CONFIG --seed S --resume`, in a process that is forked when all modules are imported, so
that a random moment lies in the training and not in the imports. Without --data-root a small EGTEA-mini is made, or
with --data-set digits_lt, for images and mmpretrain, long-tailed digits. Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from benchmarks.harness.results import REPOSITORY, add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.training import deaths
from benchmarks.training.data_sets import DATA_SETS, DataSet
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.launch import commands as launch

CONFIG = """_base_ = '{base}'
custom_imports = dict(imports=['cdb_video', 'benchmarks.training.deaths'], allow_failed_imports=False)
train_cfg = dict(max_epochs={epochs})
train_dataloader = dict(batch_size=8)
custom_hooks = [{hook}, dict(type='DeathHook'), dict(type='WitnessHook')]
"""
VICTIMS = ('all', 'main', 'worker')
WORKERS = (1, 0, 2)
TOLD_APART = ('run_id', 'time', 'data_time')


@dataclass
class Case:
    """A run that is killed: where, and what differs in the end."""

    name: str
    work_dir: Path
    kills: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


class Runs:
    """Starts trainings of one config.

    Args:
        root: Folder for config and work directories.
        data_set: What is trained on.
        leaf: Of its configs, without its ending.
        data_root: Where it lies.
        epochs: Of each training.
        seed: Of each training.
    """

    def __init__(self, root: Path, data_set: DataSet, leaf: str, data_root: Path, epochs: int, seed: int) -> None:
        self.root, self.seed = root, seed
        self.config = root / 'config.py'
        base = REPOSITORY / data_set.folder / f'{leaf}.py'
        (hook,) = Config.fromfile(base).to_dict()['custom_hooks']
        self.config.write_text(CONFIG.format(base=base.as_posix(), epochs=epochs, hook=hook))
        os.environ[data_set.variable] = str(data_root)

    def start(self, work_dir: Path, workers: int = 1, death: str = '') -> multiprocessing.Process:
        """Begin a training, or go on with it, in a process group of its own."""
        options = {'num_workers': workers, 'persistent_workers': workers > 0}
        settings = [f'{part}_dataloader.{key}={value}' for part in ('train', 'val') for key, value in options.items()]
        arguments = [str(self.config), '--work-dir', str(work_dir), '--seed', str(self.seed), '--resume']
        process = multiprocessing.get_context('fork').Process(
            target=_train, args=([*arguments, '--cfg-options', *settings], work_dir, death)
        )
        process.start()
        return process  # type: ignore[return-value]

    def finish(self, work_dir: Path, workers: int) -> None:
        """Go on to the end.

        Raises:
            RuntimeError: If that fails.
        """
        process = self.start(work_dir, workers)
        process.join()
        if process.exitcode:
            log = work_dir.with_suffix('.log').read_text()
            raise RuntimeError(f'{work_dir.name}: the resumed run failed\n{log[-3000:]}')


def _train(arguments: list[str], work_dir: Path, death: str) -> None:
    """What the new process does: tools/train.py."""
    os.setsid()
    log = work_dir.with_suffix('.log').open('a')
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)
    os.environ[deaths.VARIABLE] = death
    sys.argv = ['tools/train.py', *arguments]
    torch.set_num_threads(1)
    launch.train()


def kill(process: multiprocessing.Process, victim: str) -> str:
    """Kill what is asked for, or all where there is no such thing; say what was killed."""
    if process.exitcode is not None or process.pid is None:
        return 'nobody, it had ended'
    if victim == 'worker':
        children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
        workers = children.read_text().split() if children.is_file() else []
        if workers:
            os.kill(int(random.choice(workers)), signal.SIGKILL)
            process.join()
            return victim
    if victim == 'main':
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # so early that it has no group of its own yet
            process.kill()
    process.join()
    return 'main' if victim == 'main' else 'all'


def outcome(work_dir: Path) -> dict[str, Any]:
    """Everything of a finished run that must not depend on whether it was killed, by name."""
    steps: dict[str, Any] = {}
    for line in (work_dir / deaths.WITNESS_NAME).read_text().splitlines():
        entry = json.loads(line)
        # What was repeated after a death counts.
        steps[f'order of epoch {entry["epoch"]}' if 'order' in entry else f'clips of step {entry["iter"]}'] = entry
    history = [json.loads(line) for line in (work_dir / HISTORY_NAME).read_text().splitlines()]
    report = json.loads((work_dir / 'class_report.json').read_text())
    checkpoints = {}
    for path in sorted(work_dir.glob('*.pth')):
        checkpoint = torch.load(path, map_location='cpu')
        info = checkpoint['message_hub']['runtime_info']
        kept = {key: value for key, value in checkpoint.items() if key not in ('meta', 'message_hub')}
        kept['best'] = [str(info.get('best_score')), Path(str(info.get('best_ckpt'))).name, info.get('keep_ckpt_ids')]
        checkpoints[path.name] = kept
    files = sorted(path.name for path in work_dir.iterdir() if path.suffix in ('.pth', '.tmp'))
    last = Path((work_dir / 'last_checkpoint').read_text()).name
    return {
        **steps,
        'history': _without(history),
        'class report': _without(report),
        'files': files,
        'last_checkpoint': last,
    } | checkpoints


def _without(value: Any) -> Any:
    """A value of JSON without ids and times."""
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in TOLD_APART}
    return [_without(item) for item in value] if isinstance(value, list) else value


def differences(expected: Any, found: Any, name: str = '') -> list[str]:
    """Where two outcomes differ, to the bit."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key in {**expected, **found}
            for line in differences(expected.get(key), found.get(key), f'{name} / {key}' if name else str(key))
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for number, (a, b) in pairs for line in differences(a, b, f'{name}[{number}]')]
    if isinstance(expected, torch.Tensor) and isinstance(found, torch.Tensor):
        same = expected.dtype == found.dtype and torch.equal(expected, found)
    else:
        same = type(expected) is type(found) and expected == found
    return [] if same else [name]


def play_random(runs: Runs, number: int, seconds: float, kills: int) -> Case:
    """A run that is killed at random moments, `kills` times."""
    work_dir = runs.root / f'random_{number + 1}'
    case = Case(f'random {number + 1}', work_dir)
    for turn in range(kills):
        victim = VICTIMS[(number + turn) % len(VICTIMS)]
        process = runs.start(work_dir, WORKERS[(number + turn) % len(WORKERS)])
        moment = random.uniform(0, seconds)
        process.join(moment)
        case.kills.append(f'{kill(process, victim)} at {moment:.2f} s')
    runs.finish(work_dir, WORKERS[(number + kills) % len(WORKERS)])
    return case


def play_point(runs: Runs, point: str, epoch: int) -> Case:
    """A run that dies at a named point.

    Raises:
        RuntimeError: If it does not.
    """
    work_dir = runs.root / point.replace(' ', '_')
    process = runs.start(work_dir, death=f'{point}:{epoch}')
    process.join()
    if process.exitcode != -signal.SIGKILL:
        log = work_dir.with_suffix('.log').read_text()
        raise RuntimeError(f'{point}: did not die there, but ended with {process.exitcode}\n{log[-3000:]}')
    runs.finish(work_dir, 1)
    return Case(point, work_dir, [f'itself in epoch {epoch}'])


def epoch_of(point: str, whole: dict[str, Any], epochs: int) -> int:
    """The epoch in which a point is tried: a middle one, one with a new best, or the last.

    Raises:
        RuntimeError: If no validation beats an earlier one.
    """
    if point in deaths.OF_THE_END:
        return epochs
    if point not in deaths.OF_A_BEST:
        return 3
    scores = [entry['metrics']['acc/mean1'] for entry in whole['history'] if entry['kind'] == 'validation']
    better = [number + 1 for number in range(1, len(scores)) if scores[number] > max(scores[:number])]
    if not better:
        raise RuntimeError(f'no validation beats an earlier one ({scores}): use another --seed, or more --epochs')
    return better[-1]


def play(args: argparse.Namespace, runs: Runs) -> list[Case]:
    """All runs, each compared with the undisturbed one; a line for each."""
    begun = time.monotonic()
    runs.finish(runs.root / 'whole', 1)
    seconds = time.monotonic() - begun
    whole = outcome(runs.root / 'whole')
    print(f'undisturbed: {seconds:.1f} s, {len(whole)} things to compare', flush=True)
    plays = [partial(play_point, runs, point, epoch_of(point, whole, args.epochs)) for point in args.points]
    left = args.kills
    for number in range(args.kills):
        kills = min(left, 2 if number % 3 == 2 else 1)
        left -= kills
        if kills:
            plays.append(partial(play_random, runs, number, seconds, kills))
    cases = []
    for one in plays:
        case = one()
        case.differences = differences(whole, outcome(case.work_dir))
        said = f'DIFFERENT: {", ".join(case.differences[:5])}' if case.differences else 'the same'
        print(f'{case.name} (killed {", then ".join(case.kills)}): {said}', flush=True)
        shutil.rmtree(case.work_dir)
        cases.append(case)
    return cases


def page(args: argparse.Namespace, cases: Sequence[Case]) -> str:
    """The cases as Markdown."""
    rows = [[case.name, ', then '.join(case.kills), ', '.join(case.differences[:5]) or 'nothing'] for case in cases]
    bad = sum(bool(case.differences) for case in cases)
    return f"""# Trainings that are killed and resumed

{sum(len(case.kills) for case in cases)} kills in {len(cases)} runs of {args.epochs} epochs of {args.leaf};
{len(cases) - bad} runs ended as the undisturbed one, bit for bit: order and clips of every
step, history, metrics, difficulty, checkpoints.

{markdown_table(['run', 'killed', 'what differs'], rows)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--kills', type=int, default=40, help='at random moments (default: %(default)s)')
    parser.add_argument('--points', default='all', help=f'all, none, or some of: {"; ".join(deaths.POINTS)}')
    parser.add_argument('--data-set', choices=DATA_SETS, default='egtea_mini', help='(default: %(default)s)')
    parser.add_argument('--leaf', help='config of the data set (default: slowfast_cdbws, of digits resnet8_cdbws)')
    parser.add_argument('--epochs', type=int, default=4)
    parser.add_argument('--data-root', type=Path, help='where the data set lies, EGTEA-mini with frames and lists')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    chosen = {'all': deaths.POINTS, 'none': ()}.get(args.points) or tuple(filter(None, args.points.split('; ')))
    args.points = () if args.points == 'none' else chosen
    unknown = [point for point in args.points if point not in deaths.POINTS]
    if unknown or args.epochs < 3:
        parser.error(f'unknown points {unknown}' if unknown else f'--epochs {args.epochs}: must be at least 3')
    data_set = DATA_SETS[args.data_set]
    args.leaf = args.leaf or data_set.leaf
    # All that a training imports, before the first fork.
    for module in data_set.host:
        importlib.import_module(module)

    random.seed(args.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        data_root = (args.data_root or root / 'data').resolve()
        if args.data_root is None:
            data_set.make(data_root)
        cases = play(args, Runs(root, data_set, args.leaf, data_root, args.epochs, args.seed))
    numbers = {'cases': [{**vars(case), 'work_dir': case.work_dir.name} for case in cases]}
    write_results(data_set.result, args, page(args, cases), numbers)
    return 1 if any(case.differences for case in cases) else 0


if __name__ == '__main__':
    sys.exit(main())
