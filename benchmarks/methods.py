"""Methods against each other: trains and tests them over many seeds, and keeps the result of every run.

    python benchmarks/methods.py STUDY [--data digits] [--seeds 0-9] [--methods ce cdbw ...] [--jobs 2] [--folder DIR]

STUDY is one of those in docs/methods/plan.md, which was written before the first run:

    tuning       every setting of every method on data sets of its own (seeds 1000 and up)
    freeze       no runs: the data sets of --seeds into methods_frozen.json; what is there must be equal
    choose       no runs: the best setting of each method on --data by the tuning, into methods_tuned.json
    primary      cross-entropy, CDB-W, CDB-S, the best frequency-based weighting and sampling, balanced softmax
    exploratory  all methods
    imbalance    those of 'primary' at imbalance 10 and 100 (digits)
    val_clips    CDB-W and CDB-S against validation clips per class, with and without smoothing (digits)
    tau          CDB-W and CDB-S against tau (digits)
    val_interval CDB-W and CDB-S that validate after every, second and fifth epoch (digits)
    confirm      the best combination of 'exploratory', balanced softmax and LDAM-DRW (--seeds 20-29, data drawn anew
                 for each); on EGTEA-mini also CDB-W, CDB-S and class-balanced sampling
    factors      balanced softmax with and without CDB-W at the same factors (--seeds 20-29)

Each run is a process of its own on one thread, on a GPU if there is one. Runs that results/methods.jsonl has are not
repeated, so that the same command goes on where it stopped; every run is written down when it ends. Exit code 1
if a run failed twice; the others are done.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
from measuring import REPOSITORY, RESULTS, _commit, _machine
from method_data import DATA, freeze, make_place
from method_list import BUDGET, HOOK, LOSS, METHODS, SAMPLER, Setting
from method_runs import Run, play

RESULTS_NAME = 'methods.jsonl'
DIVERGED = 3
"""Exit code of a run whose network is no longer finite."""
NUM_CLASSES = {'digits': 10, 'mini': 19}
TUNED = REPOSITORY / 'benchmarks' / 'methods_tuned.json'
FIRST_TUNING_SEED = 1000
FRESH_SEEDS = range(20, 30)
"""Those that confirm what the exploratory runs found, as the plan has them; more would be stopping when it suits."""
FACTORS = (1.0, 1.5)
"""Of the class frequencies in balanced softmax, in the study 'factors'."""
CONFIRMED_ON_DIGITS = 'cdbw_balsoftmax'
EXPLORATORY_SEEDS = {'digits': range(10), 'mini': range(3)}
"""Those that the plan gives to all methods; what some were given beyond does not choose among them."""
COMPARED_FAMILIES = ('difficulty', 'frequency weighting', 'frequency sampling')


def read_tuned(data: str) -> dict[str, Any]:
    """What tuning chose on a data set: 'settings' by method, and 'best' by family.

    Raises:
        ValueError: If there was none yet.
    """
    tuned = json.loads(TUNED.read_text()) if TUNED.is_file() else {}
    if data not in tuned:
        raise ValueError(f'{TUNED} has nothing on {data}: run the studies tuning and choose with --data {data} first')
    return dict(tuned[data])


def tuned_setting(method: str, data: str) -> Setting:
    """The setting of a method that tuning chose; the only one where there is nothing to choose."""
    method = METHODS[method].replays or method
    choices = METHODS[method].choices
    if len(choices) == 1:
        return dict(choices[0])
    settings = read_tuned(data)['settings']
    if method not in settings:
        raise ValueError(f'{method} has not been tuned on {data}: run the studies tuning and choose with --data {data}')
    return dict(settings[method])


def primary_methods(data: str) -> list[str]:
    """Those of the primary comparisons, and balanced softmax."""
    best = read_tuned(data)['best']
    chosen = ['ce', 'cdbw', 'cdbs', best['frequency weighting'], best['frequency sampling'], 'balsoftmax']
    return list(dict.fromkeys(chosen))


def best_combination(results: Sequence[dict[str, Any]], data: str) -> str:
    """The combination of the highest mean class accuracy in the study 'exploratory'; the first of equal ones.

    Raises:
        ValueError: If a combination has not run on all seeds of the study.
    """
    scores: dict[str, dict[int, float]] = {}
    for name in (name for name, method in METHODS.items() if method.family == 'combination'):
        setting = json.loads(json.dumps(tuned_setting(name, data)))
        scores[name] = {
            entry['seed']: entry['metrics']['mean1']
            for entry in results
            if (entry['method'], entry['setting'], entry['data']) == (name, setting, data)
            and entry['seed'] in EXPLORATORY_SEEDS[data]
            and entry.get('imbalance', 60) == 60
            and entry.get('val_clips', 20) == 20
        }
    seeds = {name: sorted(found) for name, found in scores.items()}
    if any(found != list(EXPLORATORY_SEEDS[data]) for found in seeds.values()):
        raise ValueError(f'not all combinations have run on all seeds: {seeds}. Run the study exploratory first')
    return max(scores, key=lambda name: float(np.mean(list(scores[name].values()))))


def with_factor(method: str, data: str, factor: float) -> Setting:
    """The tuned setting of 'balsoftmax' or 'cdbw_balsoftmax' with another factor; the config of the latter has 1."""
    tuned = tuned_setting(method, data)
    return tuned if method == CONFIRMED_ON_DIGITS and factor == 1 else {**tuned, f'{LOSS}.logit_adjustment': factor}


def confirm_cases(results: Sequence[dict[str, Any]], data: str) -> list[tuple[str, str, str]]:
    """The comparisons on fresh seeds as the plan has them: (method, baseline, measure).

    Raises:
        ValueError: As `best_combination`.
    """
    best = best_combination(results, data)
    combinations = [best] if data == 'digits' else list(dict.fromkeys((best, CONFIRMED_ON_DIGITS)))
    cases = [(name, baseline, 'mean1') for name in combinations for baseline in ('balsoftmax', 'ldam_drw')]
    if data == 'mini':
        cases += [('cdbw', 'ce', 'mean1'), ('cdbs', 'ce', 'mean1'), ('cdbs', 'balanced', 'worst')]
        cases += [(CONFIRMED_ON_DIGITS, 'balsoftmax', 'worst')]
    return cases


def data_seed_of(data: str, seed: int) -> int:
    """The data set of a seed: the digits are drawn anew for each, EGTEA-mini for the fresh ones."""
    return seed if data == 'digits' or seed in FRESH_SEEDS else 0


def end_last_line(path: Path) -> None:
    """See that the next result stands on a line of its own: a last line that was torn is no result, and cut off."""
    content = path.read_bytes() if path.is_file() else b''
    begin = content.rfind(b'\n') + 1
    if begin == len(content):
        return
    try:
        json.loads(content[begin:])
        ending = content[begin:] + b'\n'
    except ValueError:
        print(f'{path}: its last line was torn and is left out', flush=True)
        ending = b''
    path.write_bytes(content[:begin] + ending)


class Studies:
    """The runs of every study, the ones that matter most first.

    Args:
        args: data, seeds, methods, folder and out of the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args

    def _place(self, seed: int, **limits: int) -> Any:
        return make_place(self.args.data, data_seed_of(self.args.data, seed), self.args.folder, **limits)

    def _check_fresh(self) -> None:
        strange = [seed for seed in self.args.seeds if seed not in FRESH_SEEDS]
        if strange:
            raise ValueError(f'--seeds: the fresh ones are {FRESH_SEEDS[0]}-{FRESH_SEEDS[-1]}, got {strange}')

    def _runs(self, methods: Sequence[str], **limits: int) -> Iterator[Run]:
        for seed in self.args.seeds:
            for method in self.args.methods or methods:
                yield Run(method, seed, self._place(seed, **limits), tuned_setting(method, self.args.data))

    def tuning(self) -> Iterator[Run]:
        """Every setting, one seed after the other, what the primary comparisons need first."""
        tuned = [name for name, method in METHODS.items() if method.is_tuned]
        order = sorted(tuned, key=lambda name: METHODS[name].family not in COMPARED_FAMILIES)
        for seed in self.args.seeds:
            place = make_place(self.args.data, FIRST_TUNING_SEED + seed, self.args.folder)
            for method in self.args.methods or order:
                for setting in METHODS[method].choices:
                    yield Run(method, FIRST_TUNING_SEED + seed, place, dict(setting))

    def primary(self) -> Iterator[Run]:
        """As the plan has it."""
        yield from self._runs(primary_methods(self.args.data))

    def exploratory(self) -> Iterator[Run]:
        """All methods."""
        whole = [name for name, method in METHODS.items() if self.args.data == 'digits' or not method.joins]
        yield from self._runs(whole)

    def imbalance(self) -> Iterator[Run]:
        """Weaker and stronger imbalance."""
        for imbalance in (10, 100):
            yield from self._runs(primary_methods(self.args.data), imbalance=imbalance)

    def val_clips(self) -> Iterator[Run]:
        """Few validation clips, and what is to help."""
        smoothings: tuple[Setting, ...] = ({}, {f'{HOOK}.prior_count': 10}, {f'{HOOK}.momentum': 0.8})
        yield from self._varied(smoothings, val_clips=(20, 1, 5, 2, 10))

    def tau(self) -> Iterator[Run]:
        """The exponent."""
        for seed in self.args.seeds:
            for method, key in (('cdbw', LOSS), ('cdbs', SAMPLER)):
                for tau in (0, 0.5, 1, 2, 3, 5, 'dynamic'):
                    yield Run(method, seed, self._place(seed), {f'{key}.tau': tau})

    def val_interval(self) -> Iterator[Run]:
        """How often difficulty is measured."""
        yield from self._varied(({}, {'train_cfg.val_interval': 2}, {'train_cfg.val_interval': 5}))

    def confirm(self) -> Iterator[Run]:
        """What the exploratory runs found best, on fresh seeds."""
        self._check_fresh()
        results = list(read_results(self.args.out / RESULTS_NAME).values())
        cases = confirm_cases(results, self.args.data)
        yield from self._runs(list(dict.fromkeys([*(name for case in cases for name in case[:2]), 'ce'])))

    def factors(self) -> Iterator[Run]:
        """What of the combination is CDB-W's, and what the factor's."""
        self._check_fresh()
        for seed in self.args.seeds:
            for method in ('balsoftmax', CONFIRMED_ON_DIGITS):
                for factor in FACTORS:
                    yield Run(method, seed, self._place(seed), with_factor(method, self.args.data, factor))

    def _varied(self, settings: Sequence[Setting], val_clips: Sequence[int] = (20,)) -> Iterator[Run]:
        for seed in self.args.seeds:
            for number in val_clips:
                place = self._place(seed, val_clips=number)
                for method in self.args.methods or ('cdbw', 'cdbs'):
                    tuned = tuned_setting(method, self.args.data)
                    yield from (Run(method, seed, place, {**tuned, **setting}) for setting in settings)


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The runs that are done, by key; a last line that was torn is left out."""
    lines = path.read_text(encoding='utf-8').splitlines() if path.is_file() else []
    results = {}
    for number, line in enumerate(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            if number < len(lines) - 1:
                raise
            continue
        results[entry['key']] = entry
    return results


def choose(results: Sequence[dict[str, Any]], data: str) -> dict[str, Any]:
    """The best setting of each method by mean class accuracy over the tuning seeds, and the best method of families.

    Methods that tuning has not run are left out; second stages take the middle one of their settings.

    Raises:
        ValueError: If a setting has not run on the same seeds as the others, or a family that is compared is not whole.
    """
    entries = [entry for entry in results if entry['seed'] >= FIRST_TUNING_SEED and entry['data'] == data]
    seeds = {entry['seed'] for entry in entries}
    settings: dict[str, Setting] = {}
    scores: dict[str, float] = {}
    for name, method in METHODS.items():
        if not method.is_tuned:
            settings[name] = dict(method.choices[len(method.choices) // 2])
        elif any(entry['method'] == name for entry in entries):
            means = [_mean_of(entries, name, setting, seeds) for setting in method.choices]
            best = int(np.argmax(means))
            settings[name], scores[name] = dict(method.choices[best]), round(means[best], 4)
    for name, method in METHODS.items():
        if method.family in COMPARED_FAMILIES and name not in scores:
            raise ValueError(f'{name} has not been tuned on {data}, and its family is compared: run the study tuning')
    best_of = {
        family: max((name for name in scores if METHODS[name].family == family), key=scores.__getitem__)
        for family in COMPARED_FAMILIES
    }
    return {'seeds': sorted(seeds), 'budget': BUDGET, 'settings': settings, 'best': best_of, 'scores': scores}


def _mean_of(entries: Sequence[dict[str, Any]], name: str, setting: Setting, seeds: set[int]) -> float:
    plain = json.loads(json.dumps(setting))
    found = {e['seed']: e['metrics']['mean1'] for e in entries if (e['method'], e['setting']) == (name, plain)}
    if set(found) != seeds:
        raise ValueError(f'{name} {setting} has run on the seeds {sorted(found)}, and tuning on {sorted(seeds)}')
    return float(np.mean(list(found.values())))


def work_off(runs: Sequence[Run], args: argparse.Namespace, keep: Callable[[dict[str, Any]], None]) -> int:
    """Play runs in processes of their own, `jobs` at a time; returns how many failed.

    A run that fails is repeated once. If it diverged both times it is kept with the accuracy of chance, as the plan has
    it; any other error says nothing of its method, so it is not kept, and the same command tries again.
    """
    context, queue = multiprocessing.get_context('fork'), list(runs)
    repeated: set[str] = set()
    active: dict[int, tuple[Run, Any, Path]] = {}
    failed = 0
    while queue or active:
        while queue and len(active) < args.jobs:
            run, out = queue.pop(0), args.folder / f'result_{time.monotonic_ns()}.json'
            process = context.Process(target=_play_alone, args=(run, args.folder, out))
            process.start()
            active[process.sentinel] = (run, process, out)
        for sentinel in wait(list(active)):
            run, process, out = active.pop(sentinel)  # type: ignore[arg-type]
            process.join()
            if process.exitcode:
                print(f'FAILED {run.key}: exit code {process.exitcode}, see {out.with_suffix(".log")}', flush=True)
                if run.key not in repeated:
                    repeated.add(run.key)
                    queue.insert(0, run)
                elif process.exitcode == DIVERGED:
                    keep({'key': run.key, **diverged_entry(run)})
                else:
                    failed += 1
                continue
            keep({'key': run.key, **json.loads(out.read_text())})
            out.unlink()
            out.with_suffix('.log').unlink()
    return failed


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
    }


def _play_alone(run: Run, folder: Path, out: Path) -> None:
    import os

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [name for name in vars(Studies) if not name.startswith('_')]
    parser.add_argument('study', choices=['freeze', *names, 'choose'])
    parser.add_argument('--data', choices=DATA, default='digits')
    parser.add_argument('--seeds', type=_seeds, default=list(range(10)), help='such as 0-9 (the default)')
    parser.add_argument('--methods', nargs='+', choices=METHODS, help='only these')
    parser.add_argument('--jobs', type=int, default=1, help='processes (default: 1)')
    parser.add_argument('--epochs', type=int, help='instead of those of the configs; for trying')
    parser.add_argument('--folder', type=Path, default=REPOSITORY / 'data' / 'methods', help='of data and first stages')
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of the results (default: %(default)s)')
    args = parser.parse_args(argv)
    args.folder = args.folder.resolve()
    path = args.out / RESULTS_NAME
    if args.study == 'choose':
        tuned = json.loads(TUNED.read_text()) if TUNED.is_file() else {}
        tuned[args.data] = choose(list(read_results(path).values()), args.data)
        TUNED.write_text(json.dumps(tuned, indent=1) + '\n')
        print(TUNED.read_text())
        return 0
    if args.study == 'freeze':
        freeze(make_place(args.data, seed, args.folder) for seed in args.seeds)
        return 0
    for folder in (args.folder / 'first_stages', args.out):
        folder.mkdir(parents=True, exist_ok=True)
    runs = list(getattr(Studies(args), args.study)())
    if args.epochs is not None:
        runs = [Run(r.method, r.seed, r.place, {**r.setting, 'train_cfg.max_epochs': args.epochs}) for r in runs]
    end_last_line(path)
    done = read_results(path)
    todo = list({run.key: run for run in runs if run.key not in done}.values())
    print(f'{args.study}: {len(runs)} runs, {len(todo)} to do', flush=True)
    commit, machine, begun = _commit(), _machine(), time.monotonic()

    def keep(entry: dict[str, Any]) -> None:
        origin = {'study': args.study, 'commit': commit, 'date': time.strftime('%Y-%m-%d'), 'machine': machine}
        with path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(entry | origin) + '\n')
        metrics = entry['metrics']
        print(
            f'{time.monotonic() - begun:6.0f} s  {entry["method"]} seed {entry["seed"]} {entry["setting"]}: '
            f'mean1 {metrics["mean1"]:.3f} top1 {metrics["top1"]:.3f} ({entry["seconds"]} s)',
            flush=True,
        )

    return 1 if work_off(todo, args, keep) else 0


if __name__ == '__main__':
    # Before the first fork, so that it is not done by each.
    import mmaction.engine
    import mmaction.models  # noqa: F401

    sys.exit(main())
