"""Accuracies of trainings that differ only in who reads their clips: mmaction2's transforms or ours.

    python -m benchmarks.reading.reader_accuracy --data-root DIR [--readers decord pack ...] [--seeds 0 1 2] [--jobs 2]

Trains configs/egtea/mini/slowfast_ce.py with each reader and seed and tests the last epoch. `decord` and `frames` are
mmaction2's decoders with its crop and resize behind them, `video` and `pack` ours with both fused. DIR is EGTEA-mini
with frames, packs and lists of videos:

    python data_prep/make_egtea_mini.py --out DIR
    python data_prep/extract_frames.py --data-root DIR
    python data_prep/extract_frames.py --data-root DIR --pack
    python data_prep/build_lists.py --data-root DIR --label verb --split 1 --hold-out subjects:P20-P26 --source both

Runs that results/reader_accuracy.json has are not repeated; each is written down when it ends. A run takes
some two minutes on one core.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from benchmarks.harness.results import (
    REPOSITORY,
    RESULTS,
    command_parser,
    current_commit,
    describe_machine,
    markdown_table,
)

NAME = 'reader_accuracy'
READERS = ('decord', 'video', 'frames', 'pack')
WHOSE = {'decord': 'mmaction2', 'video': 'ours', 'frames': 'mmaction2', 'pack': 'ours'}


def train(job: tuple[str, int, str]) -> dict[str, Any]:
    """Train and test with a reader (reader, seed, root of the data)."""
    reader, seed, root = job
    begun = time.perf_counter()
    torch.set_num_threads(1)
    os.environ.update(EGTEA_ROOT=root, EGTEA_READER=reader)
    init_default_scope('mmaction')
    config = Config.fromfile(REPOSITORY / 'configs/egtea/mini/slowfast_ce.py')
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'].update(num_workers=0, persistent_workers=False)
    config.train_cfg.val_interval = config.train_cfg.max_epochs
    config.default_hooks.checkpoint = {'type': 'EnduringCheckpointHook', 'interval': 10**6, 'save_last': False}
    config.custom_hooks[0].update(live_report=False, report=False, log_classes=0)
    with tempfile.TemporaryDirectory() as folder:
        config.update(work_dir=folder, randomness={'seed': seed}, log_level='WARNING', visualizer=None)
        runner = Runner.from_cfg(config)
        runner.train()
        metrics = runner.test()
    return {
        'reader': reader,
        'seed': seed,
        'mean1': float(metrics['acc/mean1']),
        'top1': float(metrics['acc/top1']),
        'seconds': round(time.perf_counter() - begun, 1),
    }


def table(runs: Sequence[dict[str, Any]]) -> str:
    """A row a reader."""
    rows = []
    for reader in READERS:
        found = sorted((run for run in runs if run['reader'] == reader), key=lambda run: run['seed'])
        if found:
            values = [100 * run['mean1'] for run in found]
            spread = f'{np.std(values, ddof=1):.1f}' if len(values) > 1 else '-'
            listed = ', '.join(f'{value:.1f}' for value in values)
            rows.append([f'`{reader}`', WHOSE[reader], listed, f'{np.mean(values):.1f}', spread])
    return markdown_table(['reader', 'whose', 'mean class accuracy by seed (%)', 'mean', 'standard deviation'], rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--readers', nargs='+', choices=READERS, default=READERS)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--jobs', type=int, default=1, help='processes (default: 1)')
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of the results (default: %(default)s)')
    args = parser.parse_args(argv)
    path = args.out / f'{NAME}.json'
    runs = json.loads(path.read_text())['runs'] if path.is_file() else []
    done = {(run['reader'], run['seed']) for run in runs}
    jobs = [
        (reader, seed, str(args.data_root.resolve()))
        for seed in args.seeds
        for reader in args.readers
        if (reader, seed) not in done
    ]
    origin = {'commit': current_commit(), 'date': time.strftime('%Y-%m-%d'), 'machine': describe_machine()}
    with multiprocessing.get_context('spawn').Pool(args.jobs, maxtasksperchild=1) as pool:
        for run in pool.imap_unordered(train, jobs):
            print(run, flush=True)
            runs.append({**run, **origin})
            path.write_text(json.dumps({'runs': runs}, indent=1) + '\n')
    made = f'Made by `python -m {args.module}`; the numbers with commit and machine: {NAME}.json.'
    (args.out / f'{NAME}.md').write_text(f'# Who reads the clips\n\n{made}\n\n{table(runs)}\n')
    print(table(runs))
    return 0


if __name__ == '__main__':
    sys.exit(main())
