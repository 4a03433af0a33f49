"""Clips a second of SlowFast-R50 on one GPU, as mmaction2 ships it and with what can be put on top, in 8 minutes.

    benchmarks/gpu/run.sh [--footage FOLDER_OF_VIDEOS] [--minutes 8] [--rounds 5]
    benchmarks/gpu/run.sh --no-setup --device cpu --tiny --out DIR

From mmaction2's config as shipped: our reader, then bfloat16, channels_last_3d and torch.compile; and, on top of
channels_last_3d, a group of one process (NCCL; gloo on a CPU) without the plugin, with CDB-S and with CDB-A. Each is a
training by mmengine's Runner in a process of its own. They take turns, in changing order; while one is timed, the
others wait between two epochs. In each round each of them is timed

- alone ('model'): training steps, with preprocessing and optimizer, on a batch that lies on the device;
- with its loader ('loading'): an epoch, after the batches that warm it up. Both wait for the device at their ends.

Ratios are taken round by round. Of the config as shipped other clips, their number of classes, the learning rate for
one GPU and the lack of checkpoints are ours. The clips are encoded for this, H.264 of EGTEA's size and bit rate, all
of one length, so that whatever a sampler draws costs the same to read. Warm-up and compilation are not timed. What
does not fit into the time is listed as not measured. The exit code is 1 if a variant failed; the results are written
all the same.

There are 8 processes with 8 workers each, of which those of one variant work at a time; each keeps its weights on the
GPU, and beside it one at a time needs what a training at batch size 8 needs. `--device cpu --tiny` rehearses all of it
without a GPU: a network of 18 layers with few channels, small clips, two steps, and torch.compile without a compiler
(backend 'eager'). Its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# No torch and no host: the processes that encode the clips import this module too.
from benchmarks.harness.results import add_common_arguments, command_parser, write_results

_RESERVE = 15
"""Seconds to start and to write the results."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    begun = time.monotonic()
    args = _arguments(argv)
    from benchmarks.gpu.data import make_plan
    from benchmarks.gpu.page import summarise, write_page
    from benchmarks.gpu.schedule import BROKEN, measure

    with tempfile.TemporaryDirectory() as name:
        plan = make_plan(args, Path(name))
        outcomes = measure(plan, Path(name), begun + 60 * args.minutes - _RESERVE)
    numbers = summarise(outcomes, plan)
    numbers |= {'readers': {package: _version(package) for package in ('av', 'decord')}}
    numbers |= {'seconds': round(time.monotonic() - begun, 1)}
    rehearsed = args.tiny or args.device == 'cpu'
    write_results('gpu_rehearsal' if rehearsed else 'gpu', args, write_page(numbers), numbers)
    return int(any(outcome.status == BROKEN for outcome in outcomes.values()))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument('--tiny', action='store_true', help='a small network and small clips, to see that all runs')
    parser.add_argument('--footage', type=Path, help='folder of videos to make clips from; without it they are drawn')
    parser.add_argument('--rounds', type=int, default=5, help='at most (default %(default)s)')
    parser.add_argument('--minutes', type=float, default=8, help='at most, in all (default %(default)s)')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    if args.rounds < 1 or args.minutes <= 0:
        parser.error(f'--rounds {args.rounds} --minutes {args.minutes}: must be 1 at least, and above 0')
    if args.device == 'cuda':
        import torch

        if not torch.cuda.is_available():
            parser.error('torch sees no GPU: see `nvidia-smi` and torch.version.cuda; --device cpu --tiny rehearses')
    return args


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == '__main__':
    sys.exit(main())
