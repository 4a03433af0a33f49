"""The numbers of the report against scikit-learn, scipy and hand counts."""

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr
from sklearn import metrics as sk

from cdb_video.report.insight import intervals
from cdb_video.report.insight.intervals import (
    bootstrap,
    moved_interval,
    percentile_interval,
    wilson_in_place,
    wilson_interval,
)
from cdb_video.report.insight.statistics import (
    Outcomes,
    class_groups,
    count_metrics,
    rank_correlation,
    summarise,
    top_confusions,
)

CLOSE = {'rtol': 0, 'atol': 1e-12}


def random_outcomes(seed, size=7, count=90):
    """Outcomes in which class 2 has no clip but is predicted, and class 5 is neither."""
    generator = np.random.default_rng(seed)
    scores = generator.random((count, size))
    scores[:, 5] = -1 - np.arange(count)
    labels = generator.choice([0, 1, 3, 4, 6], size=count, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    scores[np.arange(count), labels] += 0.5
    own = scores[np.arange(count), labels][:, None]
    outcomes = Outcomes(labels, scores.argmax(1), size, (scores > own).sum(1), generator.integers(5, size=count))
    return outcomes, scores


def right_and_all(labels, predicted):
    """Right answers and clips of every class that has some."""
    return [(np.sum(predicted[labels == c] == c), np.sum(labels == c)) for c in np.unique(labels)]


@pytest.mark.parametrize('seed', range(5))
def test_metrics_equal_those_of_scikit_learn_with_absent_classes(seed):
    outcomes, scores = random_outcomes(seed)
    labels, predicted = outcomes.labels, outcomes.predicted
    counts = [300, 120, 50, 20, 100, 9, 19]
    found = summarise(outcomes, class_groups(counts, head_threshold=100))
    present = np.unique(labels)
    options = {'labels': present, 'average': 'macro', 'zero_division': 0}
    expected = {
        'top1': sk.accuracy_score(labels, predicted),
        'top5': sk.top_k_accuracy_score(labels, scores, k=5, labels=range(7)),
        'mean1': sk.recall_score(labels, predicted, **options),
        'hmean': 1 / np.mean([(n + 1) / (k + 0.5) for k, n in right_and_all(labels, predicted)]),
        'worst': min(k / n for k, n in right_and_all(labels, predicted)),
        'mean_precision': sk.precision_score(labels, predicted, **options),
        'macro_f1': sk.f1_score(labels, predicted, **options),
        'many_shot': sk.recall_score(labels, predicted, **options | {'labels': [0, 1]}),
        'medium_shot': sk.recall_score(labels, predicted, **options | {'labels': [3, 4]}),
        'few_shot': sk.recall_score(labels, predicted, **options | {'labels': [6]}),
        'head': sk.recall_score(labels, predicted, **options | {'labels': [0, 1]}),
        'tail': sk.recall_score(labels, predicted, **options | {'labels': [3, 4, 6]}),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, **CLOSE, err_msg=name)
    np.testing.assert_array_equal(outcomes.confusion, sk.confusion_matrix(labels, predicted, labels=range(7)))


def test_a_group_without_evaluated_classes_has_no_number():
    outcomes = Outcomes(np.array([0, 0]), np.array([0, 1]), 2)
    found = summarise(outcomes, class_groups([500, 5]))
    assert 'few_shot' not in found
    assert 'top5' not in found  # the ranks are not known
    assert found['many_shot'] == found['top1'] == 0.5


def test_wilson_interval_equals_that_of_scipy_and_is_never_a_point():
    correct, total = np.array([0, 3, 10, 25, 7]), np.array([10, 10, 10, 50, 0])
    low, high = wilson_interval(correct, total)
    for i in range(4):
        expected = binomtest(int(correct[i]), int(total[i])).proportion_ci(method='wilson')
        np.testing.assert_allclose([low[i], high[i]], [expected.low, expected.high], **CLOSE)
    assert low[0] == 0
    assert high[0] > 0.2
    assert np.isnan([low[4], high[4]]).all()


def test_bootstrap_draws_whole_sessions():
    # Two sessions, one all right and one all wrong: a draw has top-1 0, 1/2 or 1, and nothing between.
    labels = np.zeros(20, np.int64)
    outcomes = Outcomes(labels, np.repeat([0, 1], 10), 2, groups=np.repeat([0, 1], 10))
    draws = bootstrap(outcomes, {}, repeats=200)['top1']
    assert set(draws) == {0.0, 0.5, 1.0}
    assert percentile_interval(draws) == (0.0, 1.0)
    single = bootstrap(Outcomes(labels, outcomes.predicted, 2), {}, repeats=200)['top1']
    assert len(set(single)) > 5
    np.testing.assert_array_equal(draws, bootstrap(outcomes, {}, repeats=200)['top1'])  # seeded


@pytest.mark.parametrize('of_objects', [False, True])
def test_bootstrap_equals_a_slow_loop_over_resampled_clips(of_objects, monkeypatch):
    monkeypatch.setattr(intervals, '_AT_ONCE', 700)  # several blocks of draws
    outcomes, _ = random_outcomes(3)
    if of_objects:
        missed = np.where(np.arange(90) % 5 == 0, 7, outcomes.predicted)
        outcomes = Outcomes(outcomes.labels, missed, 7, groups=outcomes.groups, of_objects=True)
    groups = class_groups([300, 120, 50, 20, 100, 9, 19])
    draws = bootstrap(outcomes, groups, repeats=20, seed=4)
    generator = np.random.default_rng(4)
    for repeat in range(20):
        drawn = generator.integers(5, size=5)
        clips = np.concatenate([np.flatnonzero(outcomes.groups == session) for session in drawn])
        ranks = None if of_objects else outcomes.ranks[clips]
        resampled = Outcomes(outcomes.labels[clips], outcomes.predicted[clips], 7, ranks, of_objects=of_objects)
        slow = summarise(resampled, groups)
        assert slow.keys() <= draws.keys()
        for name, values in draws.items():
            np.testing.assert_allclose(values[repeat], slow.get(name, np.nan), **CLOSE)


def test_bootstrap_interval_of_independent_clips_has_the_width_of_theory():
    right = np.arange(400) % 4 > 0  # 75 %
    outcomes = Outcomes(np.zeros(400, np.int64), (~right).astype(np.int64), 2)
    low, high = percentile_interval(bootstrap(outcomes, {}, repeats=1000)['top1'])
    np.testing.assert_allclose(high - low, 2 * 1.96 * np.sqrt(0.75 * 0.25 / 400), rtol=0.1)


def test_counts_alone_give_the_same_numbers_as_the_outcomes():
    outcomes, _ = random_outcomes(2)
    groups = class_groups([300, 120, 50, 20, 100, 9, 19])
    counted, summary = count_metrics(outcomes.num_clips, outcomes.num_correct, groups), summarise(outcomes, groups)
    assert {'mean1', 'hmean', 'worst', 'few_shot'} <= counted.keys()
    assert counted == {name: summary[name] for name in counted}
    assert count_metrics([0, 0], [0, 0], {}) == {}


def test_moved_interval_of_the_harmonic_mean_covers_it_where_that_of_the_percentiles_lies_too_low():
    generator = np.random.default_rng(0)
    size, clips = 19, 15
    right = generator.beta(4, 2, size)
    labels = np.repeat(np.arange(size), clips)

    def outcomes():
        hits = generator.random(len(labels)) < right[labels]
        return Outcomes(labels, np.where(hits, labels, (labels + 1) % size), size)

    aim = np.mean([summarise(outcomes(), {})['hmean'] for _ in range(300)])
    covered = {'percentile': 0, 'moved': 0}
    for _ in range(60):
        found = outcomes()
        draws = bootstrap(found, {}, repeats=200)['hmean']
        value = summarise(found, {})['hmean']
        for name, (low, high) in {
            'percentile': percentile_interval(draws),
            'moved': moved_interval(draws, value),
        }.items():
            covered[name] += low <= aim <= high
    assert covered['moved'] >= 54
    assert covered['percentile'] < covered['moved']


def test_moved_interval_by_hand():
    draws = np.array([0.1, 0.2, 0.3, np.nan])
    low, high = percentile_interval(draws)
    np.testing.assert_allclose(moved_interval(draws, 0.25), (low + 0.05, high + 0.05), **CLOSE)
    assert moved_interval(draws, 0.95)[1] == 1.0  # cut
    assert moved_interval(np.array([np.nan]), 0.5) is None


def test_rank_correlation_equals_that_of_scipy():
    generator = np.random.default_rng(0)
    first, second = generator.integers(5, size=30), generator.random(30).round(1)
    np.testing.assert_allclose(rank_correlation(first, second), spearmanr(first, second).statistic, **CLOSE)
    gap = np.where(np.arange(30) == 4, np.nan, second)
    np.testing.assert_allclose(
        rank_correlation(first, gap), spearmanr(np.delete(first, 4), np.delete(second, 4)).statistic, **CLOSE
    )
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1, 2], [np.nan, 3]) is None


def test_confusions_are_listed_by_clips_then_class_and_without_the_diagonal():
    confusion = np.array([[9, 2, 0], [3, 9, 2], [0, 0, 9]])
    assert top_confusions(confusion, 2) == [(1, 0, 3), (0, 1, 2)]
    assert top_confusions(confusion, 10)[2:] == [(1, 2, 2)]


def test_an_interval_without_width_becomes_wilsons_of_the_clips_and_others_stay():
    labels = np.repeat([0, 1, 2], [18, 6, 6])
    outcomes = Outcomes(labels, np.where(labels == 0, 1, labels), 3, groups=np.arange(30) % 5)
    groups = {'few_shot': np.array([True, False, False]), 'many_shot': np.array([False, True, True])}
    values = summarise(outcomes, groups)
    draws = bootstrap(outcomes, groups, repeats=50)
    intervals = {name: percentile_interval(column) for name, column in draws.items()}
    found = wilson_in_place(outcomes, groups, values, intervals)
    assert found.keys() == {name for name, (low, high) in intervals.items() if low == high} >= {'few_shot', 'many_shot'}
    assert 'top1' not in found
    assert found['few_shot'] == tuple(float(end[0]) for end in wilson_interval([0], [18]))  # (0, 0.176)
    assert found['few_shot'][1] == pytest.approx(0.1759, abs=1e-4)
    assert found['many_shot'] == tuple(float(end[0]) for end in wilson_interval([12], [12]))
    assert wilson_in_place(outcomes, groups, values, {'macro_f1': (0.3, 0.3)}) == {'macro_f1': None}
