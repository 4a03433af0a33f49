"""The cost of measuring difficulty in a training: on validations, or on the training batches (`source='train'`).

    python -m benchmarks.methods.online_cost [--data digits] [--rounds 5] [--folder DIR]

Trains on the first data set of the methods, in turns: cross-entropy with one validation, at its end; CDB-W with a
validation after every epoch; CDB-W with online difficulty and one validation, at its end. Frames come from memory, so a
validation costs what the network costs alone; where clips are decoded it costs more. Processor time of one thread.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from mmengine.registry import init_default_scope

from benchmarks.harness.measuring import spread, take_turns
from benchmarks.harness.results import REPOSITORY, add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.methods.data import Place, make_place
from benchmarks.methods.run_config import Run, build_config
from benchmarks.methods.runner import import_hosts, make_runner
from benchmarks.methods.tuning import tuned_setting

METHODS = {'ce': 'once, at the end', 'cdbw': 'after every epoch', 'cdbw_online': 'online; a validation at the end'}


def train(method: str, place: Place, seed: int, setting: dict[str, object]) -> None:
    """Train, from making the runner to the last validation."""
    with tempfile.TemporaryDirectory() as folder:
        make_runner(build_config(Run(method, seed, place, setting), Path(folder))).train()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--data', choices=('digits', 'mini'), default='digits')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--folder', type=Path, default=REPOSITORY / 'data' / 'methods', help='of the data')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    import_hosts(args.data)
    init_default_scope('mmaction')
    place = make_place(args.data, 0, args.folder.resolve())

    def work(method: str) -> None:
        train(method, place, args.seed, tuned_setting(method, args.data))

    times = take_turns({method: partial(work, method) for method in METHODS}, args.rounds)
    base = [seconds.cpu for seconds in times['ce']]
    rows = []
    for method, measured in METHODS.items():
        ratios = [seconds.cpu / other for seconds, other in zip(times[method], base, strict=True)]
        shown = '' if method == 'ce' else spread(ratios).show(digits=3)
        rows.append([f'`{method}`', measured, spread(s.cpu for s in times[method]).show(), shown])
    table = markdown_table(['method', 'difficulty is measured', 'CPU s of a training', 'times `ce` of its round'], rows)
    title = f'# What measuring difficulty costs a training: {args.data}'
    numbers = {method: [seconds.cpu for seconds in found] for method, found in times.items()}
    write_results(
        f'online_cost_{args.data}', args, f'{title}\n\nMedians (quartiles), {args.rounds} rounds.\n\n{table}', numbers
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
