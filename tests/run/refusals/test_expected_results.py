"""What is known of the results of an evaluation before there are any."""

import numpy as np
import pytest
import torch
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.run.refusals.expected_results import expected_results, joins_results
from tests.support.toys import ToyMetric

COUNTS = np.array([3, 2, 1])


@pytest.fixture
def theirs():
    """mmaction2's metrics."""
    import mmaction.evaluation

    return mmaction.evaluation


def expected(*metrics, counts=COUNTS):
    return expected_results('val_evaluator', metrics, counts)


def test_keys_are_those_that_the_evaluation_returns(theirs, tmp_path):
    metrics = [
        DumpResults(str(tmp_path / 'a.pkl')),
        ClassAccuracy(topk=1),
        theirs.AccMetric(prefix='b', metric_options={'top_k_accuracy': {'topk': (1, 3)}}),
        theirs.ConfusionMatrix(),
    ]
    known = expected(*metrics)
    samples = [
        {'pred_score': torch.eye(3)[label], 'gt_label': torch.tensor([label])}
        for label in np.repeat(np.arange(3), COUNTS).tolist()
    ]
    returned = {}
    for metric in metrics:
        metric.process(None, samples)
        returned |= metric.evaluate(len(samples))
    assert list(known.values) == list(returned)
    assert known.first == 'acc/top1'
    assert known.numbers == [key for key in returned if key != 'confusion_matrix/result']


def test_to_find_out_changes_no_metric_and_writes_no_file(theirs, tmp_path):
    dump, matrix = DumpResults(str(tmp_path / 'a.pkl')), theirs.ConfusionMatrix()
    expected(dump, matrix, ClassAccuracy())
    assert (matrix.results, matrix.num_classes, list(tmp_path.iterdir())) == ([], None, [])


@pytest.mark.parametrize(
    ('make', 'said'),
    [
        (
            lambda host: [host.AccMetric(), ClassAccuracy()],
            r"AccMetric and ClassAccuracy both return 'acc/top1'.*leave",
        ),
        (lambda host: [ClassAccuracy(), ClassAccuracy(topk=3)], r'ClassAccuracy and ClassAccuracy.*leave out one'),
        (lambda host: [host.ConfusionMatrix(), host.ConfusionMatrix()], "both return 'confusion_matrix/result'"),
        (lambda host: [host.ConfusionMatrix(prefix='acc'), host.ConfusionMatrix(prefix='acc')], "'acc/result'"),
    ],
)
def test_results_with_one_key_are_refused(theirs, make, said):
    with pytest.raises(ValueError, match=f'val_evaluator: .*{said}'):
        expected(*make(theirs))


def test_every_number_of_class_accuracy_can_choose_the_best_without_a_rule():
    known = expected(ClassAccuracy())
    assert {'acc/mean1', 'acc/hmean', 'acc/worst'} <= set(known.numbers)
    assert CheckpointHook(save_best=known.numbers).rules == ['greater'] * len(known.numbers)
    assert {EarlyStoppingHook(monitor=key).rule for key in known.numbers} == {'greater'}


def test_metrics_with_prefixes_of_their_own_go_together(theirs):
    assert expected(theirs.AccMetric(prefix='host'), ClassAccuracy()).may_have('host/mean1')


def test_of_an_unknown_metric_the_prefix_is_all_that_is_known():
    mine = ToyMetric(prefix='mine')
    known = expected(mine, ClassAccuracy())
    assert known.first is None
    assert (known.may_have('mine/any'), known.may_have('acc/top1'), known.may_have('acc/top3')) == (True, True, False)
    assert expected(ClassAccuracy(), mine).first == 'acc/top1'
    assert expected(ToyMetric()).may_have('whatever')


def test_without_class_accuracy_scores_may_be_of_several_kinds(theirs):
    known = expected(theirs.AccMetric(), counts=None)
    assert (known.values, known.unknown) == ({}, ['acc'])


def test_subclass_that_evaluates_in_its_own_way_is_not_tried(theirs):
    class Writing(theirs.ConfusionMatrix):
        def compute_metrics(self, results):
            raise AssertionError('tried')

    assert expected(Writing(), ClassAccuracy()).unknown == ['confusion_matrix']


def test_metric_that_cannot_evaluate_single_labels_is_refused(theirs):
    metric = theirs.AccMetric(prefix='m', metric_list='mean_average_precision')
    with pytest.raises(ValueError, match='AccMetric cannot evaluate clips with one label each'):
        expected(metric, ClassAccuracy())


class Renaming(Evaluator):
    """Of a user's own, with a name for each of its metrics."""

    def evaluate(self, size):
        return {f'set{number}/{key}': 1.0 for number, _ in enumerate(self.metrics) for key in ('a', 'b')}


def test_of_an_evaluator_that_names_results_itself_nothing_is_known():
    metrics = [ClassAccuracy(), ClassAccuracy()]
    assert (joins_results(Evaluator(metrics)), joins_results(Renaming(metrics))) == (True, False)
    known = expected_results('val_evaluator', metrics, COUNTS, is_joined=False)
    assert known.may_have('set0/acc/mean1')


class Counting(ClassAccuracy):
    """With a result more."""

    def compute_metrics(self, results):
        return super().compute_metrics(results) | {'median': 0.5}


class Telling(Counting):
    """One that says what it returns."""

    def result_keys(self, num_clips):
        return [*super().result_keys(num_clips), self._key('median')]


class Later(Telling):
    """One that returns yet another result, and says nothing of it."""

    def compute_metrics(self, results):
        return super().compute_metrics(results) | {'other': 0.5}


def test_subclass_of_ours_is_known_where_it_says_its_keys():
    assert list(expected(Telling()).values) == [*expected(ClassAccuracy()).values, 'acc/median']
    known = expected(Later())
    assert (known.unknown, known.may_have('acc/other'), known.may_have('mine')) == (['acc'], True, False)


class Free:
    """A metric that is not derived from mmengine's."""


class Unprefixed(ToyMetric):
    """One that names its results itself."""

    def evaluate(self, size):
        return {'free': 0.5}


@pytest.mark.parametrize(
    ('metric', 'unknown'), [(Counting(prefix='b'), 'b'), (Free(), None), (Unprefixed(prefix='mine'), None)]
)
def test_metrics_with_results_of_their_own_are_not_known(metric, unknown):
    known = expected(ClassAccuracy(), metric)
    assert (known.unknown, known.first) == ([unknown], 'acc/top1')
