"""Studies: the runs of each, resumable."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from benchmarks.harness.results import RESULTS
from benchmarks.methods.catalogue import HOOK, LOSS, METHODS, SAMPLER, Setting
from benchmarks.methods.data import freeze, make_place, named_place
from benchmarks.methods.fashion.plan import EXPLORED_DRAWS as EXPLORED_FASHION
from benchmarks.methods.fashion.plan import FASHION, FASHION_ITEMS
from benchmarks.methods.planned_tests import arms_with_more_draws
from benchmarks.methods.plans import Arm, Item, Plan
from benchmarks.methods.results import RESULTS_NAME, Runs, read_results
from benchmarks.methods.run_config import Run
from benchmarks.methods.steady.explored import ITEMS
from benchmarks.methods.steady.plan import EXPLORED_DRAWS, EXPLORED_SECONDS, STEADY
from benchmarks.methods.tables import NAMES
from benchmarks.methods.tuning import (
    COMPARED_FAMILIES,
    CONFIRMED_ON_DIGITS,
    FACTORS,
    FIRST_TUNING_SEED,
    FRESH_SEEDS,
    confirm_cases,
    data_seed_of,
    primary_methods,
    tuned_setting,
    with_factor,
)

DRAWN_AS_THEY_RUN = (*STEADY.studies, *FASHION.studies)
"""Studies whose data are drawn when the first run on them begins."""


class Studies:
    """The runs of every study, the ones that matter most first.

    Args:
        args: data, seeds, methods, folder and out of the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args

    def _place(self, seed: int, **limits: Any) -> Any:
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
        earlier = {name: method for name, method in METHODS.items() if not method.is_steady}
        whole = [name for name, method in earlier.items() if self.args.data == 'digits' or not method.joins]
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

    def steady(self) -> Iterator[Run]:
        """The plan of steady difficulty, draw by draw; more draws of EGTEA-mini for what the plan gives them to."""
        yield from self._planned(STEADY)

    def steady_exploratory(self) -> Iterator[Run]:
        """What the plan of steady difficulty explores, question by question, until its time is up."""
        yield from self._explored(STEADY, ITEMS, 'mini', EXPLORED_DRAWS, EXPLORED_SECONDS)

    def fashion(self) -> Iterator[Run]:
        """The plan of real pictures, draw by draw."""
        yield from self._planned(FASHION)

    def fashion_exploratory(self) -> Iterator[Run]:
        """What the plan of real pictures explores."""
        yield from self._explored(FASHION, FASHION_ITEMS, 'fashion', EXPLORED_FASHION)

    def _planned(self, plan: Plan) -> Iterator[Run]:
        """The arms of a plan, draw by draw; on its further draws those that it gives more to."""
        planned, more = plan.draws[self.args.data], range(0)
        arms_of_more: frozenset[str] = frozenset()
        if self.args.data == 'mini' and any(seed in plan.more_draws for seed in self.args.seeds):
            arms_of_more, more = arms_with_more_draws(Runs(self._results()), plan), plan.more_draws
        self._check_draws(planned, more)
        for seed in self.args.seeds:
            for name, arm in plan.arms.items():
                if seed not in more or name in arms_of_more:
                    yield from self._run_of(arm, seed)

    def _explored(
        self, plan: Plan, items: Sequence[Item], data: str, draws: range, seconds: float = math.inf
    ) -> Iterator[Run]:
        """The arms of questions, one after the other, until their processor time is up."""
        if self.args.data != data:
            raise ValueError(f'--data {self.args.data}: this study is on {NAMES[data]}, give --data {data}')
        self._check_draws(draws)
        for arm in (arm for item in items for arm in item.arms.values()):
            for seed in self.args.seeds:
                spent = sum(entry['cpu_seconds'] for entry in self._results() if entry.get('study') == plan.explored)
                if spent >= seconds:
                    print(f'{spent / 3600:.1f} core hours are spent, and the plan gives no more', flush=True)
                    return
                yield from self._run_of(arm, seed)

    def _results(self) -> list[dict[str, Any]]:
        return list(read_results(self.args.out / RESULTS_NAME).values())

    @cached_property
    def _done(self) -> set[str]:
        """Keys of the runs that were done when the study began."""
        return {entry['key'] for entry in self._results()}

    def _check_draws(self, *planned: range) -> None:
        """Raise a ValueError for seeds that the plan does not have; those of the tuning are for trying, elsewhere."""
        known = {seed for draws in planned for seed in draws}
        strange = [seed for seed in self.args.seeds if seed not in known and seed < FIRST_TUNING_SEED]
        if strange:
            named = ' and '.join(f'{draws[0]}-{draws[-1]}' for draws in planned if draws)
            raise ValueError(f'--seeds: the plan has {named} on {self.args.data}, got {strange}')
        tried = [seed for seed in self.args.seeds if seed >= FIRST_TUNING_SEED]
        if tried and self.args.out == RESULTS:
            raise ValueError(f'--seeds: {tried} are for trying; give another folder for their results with --out')

    def _run_of(self, arm: Arm, seed: int) -> Iterator[Run]:
        """The run of an arm, unless it is done; on data that are drawn now, and frozen before the first training."""
        if self.args.methods and arm.method not in self.args.methods:
            return
        named = named_place(self.args.data, data_seed_of(self.args.data, seed), variant=arm.variant)
        run = Run(arm.method, seed, named, arm.setting_on(self.args.data))
        if run.key in self._done:
            return
        place = self._place(seed, variant=arm.variant)
        if seed < FIRST_TUNING_SEED:
            freeze([place])
        yield replace(run, place=place)

    def _varied(self, settings: Sequence[Setting], val_clips: Sequence[int] = (20,)) -> Iterator[Run]:
        for seed in self.args.seeds:
            for number in val_clips:
                place = self._place(seed, val_clips=number)
                for method in self.args.methods or ('cdbw', 'cdbs'):
                    tuned = tuned_setting(method, self.args.data)
                    yield from (Run(method, seed, place, {**tuned, **setting}) for setting in settings)
