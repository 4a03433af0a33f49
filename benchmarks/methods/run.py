"""Runs of the methods: trains and tests them over many seeds, and keeps the result of every run.

    python -m benchmarks.methods.run STUDY [--data digits] [--seeds 0-9] [--methods ce ...] [--jobs 2] [--folder DIR]

STUDY is one of those in docs/methods/plan.md and fashion_plan.md, which were written before their first runs:

    tuning       every setting of every method on data sets of its own (seeds 1000 and up)
    freeze       no runs: the data sets of --seeds into frozen.json; what is there must be equal
    choose       no runs: the best setting of each method on --data by the tuning, into tuned.json
    primary      cross-entropy, CDB-W, CDB-S, the best frequency-based weighting and sampling, balanced softmax
    exploratory  all methods
    imbalance    those of 'primary' at imbalance 10 and 100 (digits)
    val_clips    CDB-W and CDB-S against validation clips per class, with and without smoothing (digits)
    tau          CDB-W and CDB-S against tau (digits)
    val_interval CDB-W and CDB-S that validate after every, second and fifth epoch (digits)
    confirm      the best combination of 'exploratory', balanced softmax and LDAM-DRW (--seeds 20-29, data drawn anew
                 for each); on EGTEA-mini also CDB-W, CDB-S and class-balanced sampling
    factors      balanced softmax with and without CDB-W at the same factors (--seeds 20-29)
    steady       the methods of the plan of steady difficulty, draw by draw (--seeds 40-79 of the digits, 40-59 of
                 EGTEA-mini, and 60-79 for the comparisons that the plan gives more draws)
    steady_exploratory  what that plan explores, in at most 5 hours of processor time (--data mini --seeds 40-44)
    fashion      the methods of the plan of real pictures (--data fashion --seeds 80-89), where mmpretrain is installed
    fashion_exploratory  what that plan explores (--data fashion --seeds 80-84)

Each run is a process of its own on one thread, on a GPU if there is one. Runs that results/methods.jsonl has are not
repeated, so that the same command goes on where it stopped; every run is written down when it ends. The studies of
steady difficulty draw the data of a seed when its first run begins, and freeze it; a draw of EGTEA-mini takes 2 GB,
and its folder may go once its runs are done. Exit code 1 if a run failed twice; the others are done.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from benchmarks.harness.results import REPOSITORY, RESULTS, command_parser, current_commit, describe_machine
from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.data import DATA, freeze, make_place
from benchmarks.methods.fashion.plan import FASHION
from benchmarks.methods.results import RESULTS_NAME, end_last_line, read_results
from benchmarks.methods.run_config import Run
from benchmarks.methods.runner import import_hosts
from benchmarks.methods.studies import DRAWN_AS_THEY_RUN, Studies
from benchmarks.methods.training import play
from benchmarks.methods.tuning import TUNED, choose

DIVERGED = 3
"""Exit code of a run whose network is no longer finite."""
NUM_CLASSES = {'digits': 10, 'mini': 19, 'fashion': 10}


def work_off(runs: Iterable[Run], args: argparse.Namespace, keep: Callable[[dict[str, Any]], None]) -> int:
    """Play runs in processes of their own, `jobs` at a time; returns how many failed.

    Runs are asked for when a process is free for them.
    A run that fails is repeated once. If it diverged both times it is kept with the accuracy of chance, as the plan has
    it; any other error says nothing of its method, so it is not kept, and the same command tries again.
    """
    context, coming = multiprocessing.get_context('fork'), iter(runs)
    again: list[Run] = []
    repeated: set[str] = set()
    active: dict[int, tuple[Run, Any, Path]] = {}
    failed = 0
    while True:
        while len(active) < args.jobs:
            run = again.pop() if again else next(coming, None)
            if run is None:
                break
            out = args.folder / f'result_{time.monotonic_ns()}.json'
            process = context.Process(target=_play_alone, args=(run, args.folder, out))
            process.start()
            active[process.sentinel] = (run, process, out)
        if not active:
            return failed
        for sentinel in wait(list(active)):
            run, process, out = active.pop(sentinel)  # type: ignore[arg-type]
            process.join()
            if process.exitcode:
                print(f'FAILED {run.key}: exit code {process.exitcode}, see {out.with_suffix(".log")}', flush=True)
                if run.key not in repeated:
                    repeated.add(run.key)
                    again.append(run)
                elif process.exitcode == DIVERGED:
                    keep({'key': run.key, **diverged_entry(run)})
                else:
                    failed += 1
                continue
            keep({'key': run.key, **json.loads(out.read_text())})
            out.unlink()
            out.with_suffix('.log').unlink()


def diverged_entry(run: Run) -> dict[str, Any]:
    """What is kept of a run that diverged twice: it tells all clips of one class rightly, and no others."""
    number = NUM_CLASSES[run.place.data]
    return {
        'method': run.method,
        'seed': run.seed,
        'setting': run.setting,
        **run.place.named,
        'sha256': run.place.sha256,
        'chosen': None,
        'diverged': True,
        'metrics': dict.fromkeys(('mean1', 'top1', 'few_shot'), 1 / number),
        'num_clips': [50] * number,
        'num_correct': [50] + [0] * (number - 1),
        'train_counts': [1] * number,
        'difficulty': None,
        'seconds': 0.0,
        'cpu_seconds': 0.0,
    }


def _play_alone(run: Run, folder: Path, out: Path) -> None:
    with out.with_suffix('.log').open('w') as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        try:
            result = play(run, folder)
        except FloatingPointError:
            traceback.print_exc()
            sys.exit(DIVERGED)
        out.write_text(json.dumps(result))


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition('-')
    return list(range(int(first), int(last or first) + 1))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = _parser()
    args = parser.parse_args(argv)
    args.folder = args.folder.resolve()
    path = args.out / RESULTS_NAME
    if args.study == 'choose':
        _write_choice(args.data, path)
        return 0
    if (args.data == 'fashion') != (args.study in FASHION.studies) and args.study != 'freeze':
        parser.error(
            f'{args.study} with --data {args.data}: {" and ".join(FASHION.studies)} are on fashion, the others not'
        )
    if args.study == 'freeze':
        freeze(make_place(args.data, seed, args.folder) for seed in args.seeds)
        return 0
    for folder in (args.folder / 'first_stages', args.out):
        folder.mkdir(parents=True, exist_ok=True)
    end_last_line(path)
    runs: Iterable[Run] = _at_length(getattr(Studies(args), args.study)(), args.epochs)
    todo: Iterable[Run] = _to_do(runs, path)
    if args.study not in DRAWN_AS_THEY_RUN:  # whose data are drawn when a run begins
        runs = list(runs)
        todo = list(_to_do(runs, path))
        print(f'{args.study}: {len(runs)} runs, {len(todo)} to do', flush=True)
    import_hosts(args.data)
    return 1 if work_off(todo, args, _keeper(args.study, path)) else 0


def _to_do(runs: Iterable[Run], path: Path) -> Iterator[Run]:
    """Those that the results do not have, each once."""
    done = set(read_results(path))
    for run in runs:
        if run.key not in done:
            done.add(run.key)
            yield run


def _at_length(runs: Iterable[Run], epochs: int | None) -> Iterator[Run]:
    """The runs; with as many epochs, if that is given."""
    for run in runs:
        yield run if epochs is None else replace(run, setting={**run.setting, 'train_cfg.max_epochs': epochs})


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(__spec__, __doc__)
    names = [name for name in vars(Studies) if not name.startswith('_')]
    parser.add_argument('study', choices=['freeze', *names, 'choose'])
    parser.add_argument('--data', choices=DATA, default='digits')
    parser.add_argument('--seeds', type=_seeds, default=list(range(10)), help='such as 0-9 (the default)')
    parser.add_argument('--methods', nargs='+', choices=METHODS, help='only these')
    parser.add_argument('--jobs', type=int, default=1, help='processes (default: 1)')
    parser.add_argument('--epochs', type=int, help='instead of those of the configs; for trying')
    parser.add_argument('--folder', type=Path, default=REPOSITORY / 'data' / 'methods', help='of data and first stages')
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of the results (default: %(default)s)')
    return parser


def _write_choice(data: str, results: Path) -> None:
    """Choose among what tuning has run, and write it down."""
    tuned = json.loads(TUNED.read_text()) if TUNED.is_file() else {}
    tuned[data] = choose(list(read_results(results).values()), data)
    TUNED.write_text(json.dumps(tuned, indent=1) + '\n')
    print(TUNED.read_text())


def _keeper(study: str, path: Path) -> Callable[[dict[str, Any]], None]:
    """Who writes a result down and prints it."""
    commit, machine, begun = current_commit(), describe_machine(), time.monotonic()

    def keep(entry: dict[str, Any]) -> None:
        origin = {'study': study, 'commit': commit, 'date': time.strftime('%Y-%m-%d'), 'machine': machine}
        with path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(entry | origin) + '\n')
        metrics = entry['metrics']
        print(
            f'{time.monotonic() - begun:6.0f} s  {entry["method"]} seed {entry["seed"]} {entry["setting"]}: '
            f'mean1 {metrics["mean1"]:.3f} top1 {metrics["top1"]:.3f} ({entry["seconds"]} s)',
            flush=True,
        )

    return keep


if __name__ == '__main__':
    sys.exit(main())
