"""What mmpretrain's metrics will return, asked before the first batch."""

import pytest
import torch
from mmengine.registry import METRICS

from cdb_video.hosts.mmpretrain import HOST
from cdb_video.run.refusals.expected_results import expected_results

METRIC_SETTINGS = [
    {'type': 'Accuracy', 'topk': (1, 5)},
    {'type': 'Accuracy', 'thrs': (0.2, None)},
    {'type': 'SingleLabelMetric', 'items': ('precision', 'f1-score'), 'average': None, 'num_classes': 6},
    {'type': 'ConfusionMatrix', 'num_classes': 6},
]


@pytest.fixture(autouse=True)
def _scope():
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)


@pytest.mark.parametrize('settings', METRIC_SETTINGS, ids=lambda settings: settings['type'])
def test_the_keys_are_those_that_an_evaluation_returns_and_the_metric_stays_as_it_was(settings):
    metric = METRICS.build(settings)
    expected = expected_results('val_evaluator', [metric, METRICS.build({'type': 'ClassAccuracy'})], None)
    assert metric.results == []
    for label in range(6):
        scores = torch.rand(6)
        metric.process(None, [{'pred_score': scores, 'gt_label': torch.tensor([label]), 'num_classes': 6}])
    assert list(metric.evaluate(6)) == list(expected.values)
    assert expected.unknown == ['acc']


def test_a_metric_of_a_user_s_own_is_not_tried():
    from mmpretrain.evaluation import Accuracy

    class Own(Accuracy):
        def compute_metrics(self, results):
            raise AssertionError('was tried')

    assert HOST.results_of(Own(), has_one_score=True) is None


def test_a_metric_that_cannot_evaluate_is_said_before_the_first_batch():
    metric = METRICS.build({'type': 'SingleLabelMetric', 'items': ('precision',), 'thrs': None, 'average': 'macro'})
    metric.average = 'nonsense'
    with pytest.raises(ValueError, match='SingleLabelMetric cannot evaluate images'):
        HOST.results_of(metric, has_one_score=True)
