"""Studies: the runs of each, resumable."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.methods.catalogue import HOOK, LOSS, METHODS, SAMPLER, Setting
from benchmarks.methods.data import make_place
from benchmarks.methods.results import RESULTS_NAME, read_results
from benchmarks.methods.training import Run
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
