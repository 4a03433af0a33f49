"""Measure the difficulty of every class on all training samples, without a hold-out.

    cdb-video cross-fit CONFIG [--folds 2] [--group session|subject|FILE] [--work-dir DIR] [--seed 0]

Divides the training list into folds, by samples within classes, or with --group by whole groups, so that no two folds
share a session or a subject. Trains CONFIG, which must be balanced softmax, on all folds but one, without validation,
and lets the model score that one; so every sample is scored by a model that has seen neither it nor its group. FILE has
a line '<sample> <group>' for each. With two folds it costs about one training of CONFIG; by iteration, two.

Of a detector whole images are divided, so that the objects of every class are spread evenly; difficulty is of objects.

Writes into --work-dir (default: work_dirs/<CONFIG>_cross_fit): cross_fit.json, the division; class_history.jsonl, which
DifficultyReplayHook hands to a training on all samples; predictions.pkl; class_report.{csv,json,md} and report.html.

A cross-fit that was stopped or killed goes on where it was with the same command, and ends as if it had not been. With
several GPUs the folds run side by side, each on --processes of them. Exit code 2 if an argument, the config or its list
cannot be followed. In a checkout, python tools/cross_fit.py is the same command.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdb_video.commands.host_command import run_trainings
from cdb_video.host_words import samples, speaking, words_now
from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.configs.shipped import SCOPE, find_config

_GROWING = {'type': 'CDBLoss', 'tau': None, 'law': 'accumulated', 'strength': 3, 'logit_adjustment': 1.0}
_MOST_SEEDS = 2**32


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _arguments(argv)
    if isinstance(args, int):
        return args
    return run_trainings('cross-fit', lambda: _with_failed_steps(args))


def _with_failed_steps(args: argparse.Namespace) -> int:
    """The work, and the exit status where a training or a test of it failed."""
    from cdb_video.launch.steps import RunError

    try:
        return _cross_fit(args)
    except RunError as error:
        print(f'cross-fit: {error}', file=sys.stderr)
        return 2 if error.status == 2 else 1


def _cross_fit(args: argparse.Namespace) -> int:
    from cdb_video.cross_fit.configs import words_of
    from cdb_video.launch.config import read_config

    path = str(find_config(args.config)) if args.config.startswith(SCOPE) else args.config
    config = read_config(path)
    words = words_of(config)
    if words.has_objects:
        _check_detection(args.config, config)
    with speaking(words):
        return _cross_fit_config(args, path, config)


def _check_detection(name: str, config: Any) -> None:
    """See that the host of a detector's config can be imported, before its datasets fail for want of it."""
    from cdb_video.hosts.host import host_named

    host = host_named(config.default_scope)
    if host is not None and host.fault is not None:
        raise ImportError(f'{name} needs {host.name}, which cannot be imported: {host.fault}. {host.remedy}')


def _cross_fit_config(args: argparse.Namespace, path: str, config: Any) -> int:
    from cdb_video.cross_fit.job import Division, Job
    from cdb_video.cross_fit.results import remarks_on, report_on, write_results
    from cdb_video.launch.steps import Machine, check_machine, run_all, visible_devices
    from cdb_video.report.pages.console import print_result, write_files
    from cdb_video.report.pages.files import write_report
    from cdb_video_files.commands.folder_lock import lock_folder

    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    folder: Path = args.work_dir or Path('work_dirs') / f'{Path(path).stem}_cross_fit'
    devices = visible_devices()
    check_machine(devices, args.processes)
    job = Job.of(config, args.config, folder, Division(args.folds, args.group, args.seed, args.processes))
    with lock_folder(folder) as lock:
        for remark in job.begin():
            _say(remark)
        run_all(job.steps(_say), Machine(devices, args.processes, args.parallel, (lock,)))
        scored = job.collect()
        result = scored.pooled(job.plan.num_folds)
        written = write_results(scored, result, folder)
        insight = report_on(folder)
        reported = write_files('cross-fit', lambda: write_report(insight, folder))
    remarks = [*remarks_on(result, job.clips.class_names), *scored.remarks]
    lines = [*_table(insight), *remarks, *(f'wrote {file}' for file in written)]
    return print_result('\n'.join(lines), reported) or _advise(written[-1])


def _table(insight: Any) -> list[str]:
    from cdb_video.report import format_summary, format_table

    mute = {f'{words_now().prefix}/{name}' for name in insight.mute_groups}
    metrics = {name: value for name, value in insight.all_metrics.items() if name not in mute}
    return [format_summary(metrics), format_table(insight.rows)]


def _advise(history: Path) -> int:
    """Say how a run on all clips takes the difficulty."""
    growing = _GROWING | ({'background': 1.0} if words_now().has_objects else {})
    print(
        f'hand it to a training on all {samples()}, with weights that grow:\n'
        f"    custom_hooks = [dict(type='DifficultyReplayHook', history={str(history)!r})]\n"
        f'    {words_now().loss_line(growing)}\n'
        f'    val_cfg = val_dataloader = val_evaluator = None  # where no {samples()} are held out\n'
        '    default_hooks = dict(checkpoint=dict(save_best=None))'
    )
    return 0


def _say(line: str) -> None:
    print(f'cross-fit: {line}', flush=True)


def _refuse(fault: object) -> int:
    print(f'cross-fit: {fault}', file=sys.stderr)
    return 2


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace | int:
    """The arguments; an exit status if they cannot be followed."""
    try:
        args = _parser().parse_args(argv)
    except ValueError as error:  # argparse itself exits
        return _refuse(f'--cfg-options: each word must be KEY=VALUE, as train_cfg.max_epochs=2 ({error})')
    fault = _fault(args)
    return _refuse(fault) if fault else args


def _fault(args: argparse.Namespace) -> str | None:
    """The first argument that is out of its range, in a sentence."""
    if args.folds < 2:
        return f'--folds {args.folds}: must be 2 or more; 2 costs about one training'
    if not 0 <= args.seed < _MOST_SEEDS:
        return f'--seed {args.seed}: must be from 0 to {_MOST_SEEDS - 1}'
    for name in ('processes', 'parallel'):
        number = getattr(args, name)
        if number is not None and number < 1:
            return f'--{name} {number}: must be 1 or more'
    if int(os.environ.get('WORLD_SIZE', '1')) > 1:
        return (
            'it was started in several processes, and starts those of its trainings itself: start it once, with '
            '--processes N for trainings in N processes'
        )
    return None


def _parser() -> argparse.ArgumentParser:
    from mmengine.config import DictAction

    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', metavar='CONFIG', help='of a training with balanced softmax, or the name of a shipped one')
    add('--folds', type=int, default=2, metavar='K', help='parts of the training list (default: 2)')
    add(
        '--group',
        metavar='session|subject|FILE',
        help='what no two folds share (default: nothing but classes)',
    )
    add('--work-dir', type=Path, metavar='DIR', help='where all files go')
    add('--seed', type=int, default=0, help='of the division and of the trainings (default: 0)')
    add('--processes', type=int, default=1, metavar='N', help='of each training, as of torchrun (default: 1)')
    add('--parallel', type=int, metavar='M', help='folds side by side (default: as many as there are GPUs for)')
    add('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change settings of CONFIG')
    return parser


if __name__ == '__main__':
    sys.exit(main())
