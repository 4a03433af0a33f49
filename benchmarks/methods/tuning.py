"""Settings chosen by tuning, and the methods that each study compares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness.results import REPOSITORY
from benchmarks.methods.catalogue import BUDGET, LOSS, METHODS, Setting

TUNED = REPOSITORY / 'benchmarks' / 'methods' / 'tuned.json'
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
    for name in (name for name, method in METHODS.items() if method.family == 'combination' and not method.is_steady):
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
    """The data set of a seed: the digits are drawn anew for each, EGTEA-mini for the fresh ones and all above."""
    return seed if data == 'digits' or seed >= FRESH_SEEDS[0] else 0


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
        if method.is_steady:
            continue
        if not method.is_tuned:
            settings[name] = dict(method.choices[len(method.choices) // 2])
        elif any(entry['method'] == name for entry in entries):
            means = [_mean_of(entries, name, setting, seeds) for setting in method.choices]
            best = int(np.argmax(means))
            settings[name], scores[name] = dict(method.choices[best]), round(means[best], 4)
    for name, method in METHODS.items():
        if method.family in COMPARED_FAMILIES and not method.is_steady and name not in scores:
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
