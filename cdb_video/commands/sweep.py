"""Train configs with several seeds each, and compare them at the end.

    cdb-video sweep CONFIG [CONFIG ...] --seeds 0-4 --out DIR [--jobs N] [--cfg-options KEY=VALUE ...]

Every run is `cdb-video train CONFIG --work-dir DIR/<config>/seed_<n> --seed <n>`, in a process of its own, so configs
of MMAction2, mmpretrain and mmdet go alike; what it prints is in output.txt there. On a machine with GPUs --jobs
divides them (default: one run a GPU), on CPUs the cores.

The same command goes on where a sweep was stopped or killed: runs that have ended are not run again, begun ones resume.
A run that fails is named with the last line of its log, and the others go on. Runs of a config that has changed since
are refused before anything starts. At the end all finished runs in DIR are compared, as `cdb-video compare` does, whose
options go here too; its files are written to DIR.

Exit code 1 if a run failed, 2 if an argument, a config or the folder cannot be followed or compared, 130 if stopped.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdb_video.commands.compare import add_options, compare_runs
from cdb_video.commands.host_command import run_trainings
from cdb_video_files.commands.parser import CommandParser

if TYPE_CHECKING:
    from cdb_video.sweep.plan import SweptRun


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parser().parse_args(argv)
    return run_trainings('sweep', lambda: _sweep(args))


def _sweep(args: argparse.Namespace) -> int:
    from cdb_video.launch.steps import visible_devices
    from cdb_video.sweep.plan import finished_runs, make_plan, parse_seeds
    from cdb_video.sweep.runs import Sweep, machine_for
    from cdb_video_files.commands.folder_lock import lock_folder

    if args.jobs is not None and args.jobs < 1:
        return _refuse(f'--jobs {args.jobs}: must be 1 or more')
    if int(os.environ.get('WORLD_SIZE', '1')) > 1:
        return _refuse('it was started in several processes, and starts those of its runs itself: start it once')
    options = _options(args.cfg_options)
    folder: Path = args.out
    planned = make_plan(args.configs, seeds := parse_seeds(args.seeds), folder, options)  # before the folder is made
    fault = _fault_of_comparison(args, planned)
    if fault:
        return _refuse(fault)
    with lock_folder(folder) as lock:
        # What another sweep has ended meanwhile counts.
        sweep = Sweep(make_plan(args.configs, seeds, folder, options), args.cfg_options, options, _say)
        sweep.train(machine_for(visible_devices(), args.jobs, lock))
        found = finished_runs(folder, [run.config.name for run in sweep.runs])
        status = compare_runs([], found, args) if found else 0
    for failure in sweep.failures:
        print(f'sweep: {failure}', file=sys.stderr)
    if sweep.failures:
        number = f'{len(sweep.failures)} of {len(sweep.runs)} runs'
        print(f'sweep: {number} failed; the same command goes on with them', file=sys.stderr)
        return 1
    return status


def _fault_of_comparison(args: argparse.Namespace, runs: Sequence[SweptRun]) -> str | None:
    """What the comparison would refuse, which comes at the end of all trainings."""
    from cdb_video.report.class_report.metrics import METRIC_LABELS
    from cdb_video.sweep.plan import finished_runs

    if args.sort is not None and args.sort not in METRIC_LABELS:
        return f'--sort {args.sort}: must be one of {", ".join(METRIC_LABELS)}'
    found = finished_runs(args.out)
    names = list(dict.fromkeys([*(run.config.name for run in runs), *found]))
    folders = {path.resolve() for path in (*(run.folder for run in runs), *itertools.chain(*found.values()))}
    if args.baseline is not None and args.baseline not in names and Path(args.baseline).resolve() not in folders:
        return f'--baseline {args.baseline}: must be one of {", ".join(names)}, or the folder of a run'
    return None


def _options(words: Sequence[str]) -> dict[str, Any]:
    """What the words of --cfg-options say.

    Raises:
        ValueError: If one is no KEY=VALUE.
    """
    from mmengine.config import DictAction

    parser = CommandParser(add_help=False)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    try:
        found: dict[str, Any] = parser.parse_args(['--cfg-options', *words] if words else []).cfg_options
    except ValueError as error:
        raise ValueError(
            f'--cfg-options {" ".join(words)}: each word must be KEY=VALUE, as train_cfg.max_epochs=2 ({error})'
        ) from error
    return found


def _say(line: str) -> None:
    print(f'sweep: {line}', flush=True)


def _refuse(fault: object) -> int:
    print(f'sweep: {fault}', file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG', help='of a training, or the name of a shipped one')
    add('--seeds', required=True, metavar='N-M', help='of every config: 0-4, or 0,3,7')
    add('--out', type=Path, required=True, metavar='DIR', help='where all runs and the comparison go')
    add('--jobs', type=int, metavar='N', help='runs side by side (default: as many as there are GPUs, at least one)')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='change settings of all configs')
    add_options(parser)
    return parser


if __name__ == '__main__':
    sys.exit(main())
