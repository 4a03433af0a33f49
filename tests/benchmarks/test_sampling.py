"""The benchmarks of samplers and lists at a tiny size: that they measure all that they promise."""

import sys

import numpy as np
import pytest

from benchmarks.sampling import list_scale, sampler_law, sampler_scale
from tests.support.benchmark_pages import rows_of

on_linux = pytest.mark.skipif(sys.platform != 'linux', reason='peak memory is read as Linux gives it')


@on_linux
def test_sampler_scale_measures_both_samplers_and_every_way_to_the_labels(run):
    options = ['--clips', '3000', '--classes', '30', '--rounds', '2', '--kept-clips', '100', '--huge', '4000']
    status, page, content = run(sampler_scale, 'sampler_scale', *options)
    numbers = content['numbers']
    assert status == (0 if numbers['times_as_fast']['cpu']['median'] >= 4 else 1)
    phases = ['set-up', 'draw', 'iteration', 'draw and iteration']
    rows = rows_of(page)
    assert [row[:2] for row in rows[:8]] == [
        [kind, phase] for kind in ('WeightedRandomSampler', 'CDBSampler') for phase in phases
    ]
    assert all(len(numbers['times'][kind]['draw']) == 2 for kind in numbers['times'])
    assert all(set(entry['peak_bytes']) == set(phases[:3]) for entry in numbers['memory'].values())
    assert [row[1] for row in rows[8:12]] == ['3,000', '3,000', '100', '100']
    assert [row[0] for row in rows[12:]] == phases[:3]
    assert 'WeightedRandomSampler there: nothing, it draws.' in page


def test_both_samplers_of_the_benchmark_follow_the_same_law():
    labels = sampler_scale.make_labels(20_000, 20, 0)
    assert np.bincount(labels).max() >= 300 * np.bincount(labels).min() > 0
    shares = [
        np.bincount(labels[list(sampler_scale.build(kind, labels, 0))], minlength=20) / 20_000
        for kind in ('CDBSampler', 'WeightedRandomSampler')
    ]
    # 5 standard deviations of independent draws with the largest share, about 0.1.
    np.testing.assert_allclose(*shares, atol=5 * np.sqrt(0.1 / 20_000))


@on_linux
def test_what_weighted_random_sampler_refuses_is_told_in_its_words(monkeypatch):
    # An expanded tensor: as many categories, without the memory.
    monkeypatch.setattr(
        sampler_scale.torch, 'ones', lambda number, dtype: sampler_scale.torch.tensor(1.0).expand(number)
    )
    monkeypatch.setattr(sampler_scale.torch, 'as_tensor', lambda weights, dtype: weights)
    assert sampler_scale.refusal(2**24 + 1) == '"number of categories cannot exceed 2^24"'


@on_linux
def test_list_scale_measures_reading_and_workers_of_both_datasets(run):
    options = ['--clips', '5000', '--classes', '30', '--rounds', '1', '--contexts', 'fork', '--huge', '3000']
    status, page, content = run(list_scale, 'list_scale', *options)
    numbers, goals = content['numbers'], list_scale.GOALS
    assert status == (0 if all(numbers['reached'][name] <= goal for name, goal in goals.items()) else 1)
    kinds = ['RawframeDataset', 'FrameListDataset']
    rows = rows_of(page)
    assert [row[0] for row in rows] == [*kinds, 'fork', 'fork', 'FrameListDataset']
    assert [row[1] for row in rows[2:4]] == kinds
    assert [len(numbers['reading'][kind]) for kind in kinds] == [1, 1]
    measured = numbers['workers']['fork']['FrameListDataset']['list']
    assert 0 < max(measured['worker_uss_bytes']) < measured['pss_bytes']


def test_all_laws_are_drawn_and_judged(run, monkeypatch):
    options = ['--draws', 2000, '--classes', 20, '--epochs', 50]
    status, page, content = run(sampler_law, 'sampler_law', *options)
    assert status == 0
    laws = content['numbers']['laws']
    assert [(law['power'], law['tau']) for law in laws] == [(q, tau) for q in (0, 0.5, 1) for tau in (0, 1, 2)]
    assert all(law['distance'] < 1 and law['bias'] < 1 and law['partition'] and law['repeatable'] for law in laws)
    assert len(rows_of(page)) == 9
    # Offsets that leave out some, and favour classes: the law of an epoch holds, the mean does not.
    honest = sampler_law.allocate_draws

    def biased(mass, draws, offset):
        return honest(mass, draws, 0.9 * offset)

    monkeypatch.setattr(sampler_law, 'allocate_draws', biased)
    status, _, content = run(sampler_law, 'sampler_law', *options)
    assert status == 1
    assert all(law['distance'] < 1 for law in content['numbers']['laws'])
