"""ClassAccuracy against scikit-learn, and what it refuses."""

import statistics
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS
from sklearn.metrics import f1_score, precision_score, recall_score, top_k_accuracy_score
from torch.overrides import TorchFunctionMode

from cdb_video.difficulty.tracking.outcomes import NOT_A_NUMBER
from cdb_video.metrics.class_accuracy import ClassAccuracy


def sample(score, label):
    return {'pred_score': torch.as_tensor(score), 'gt_label': torch.as_tensor([label])}


def evaluate(metric, scores, labels, size=None):
    metric.process(None, [sample(score, label) for score, label in zip(scores, labels, strict=True)])
    return metric.evaluate(len(labels) if size is None else size)


def right_and_all(labels, predictions):
    """Right answers and clips of every class that has some."""
    return [(int((predictions[labels == c] == c).sum()), int((labels == c).sum())) for c in np.unique(labels)]


@pytest.mark.parametrize('num_classes', [2, 4, 19, 106])
def test_equals_scikit_learn_with_absent_classes_left_out(num_classes):
    rng = np.random.default_rng(num_classes)
    labels = rng.integers(0, max(2, num_classes * 3 // 4), 300)  # the last quarter of the classes is absent
    scores = rng.random((300, num_classes))
    scores[np.arange(300), labels] += 0.3
    predictions = scores.argmax(1)
    metric = ClassAccuracy()
    actual = evaluate(metric, scores, labels)
    present = np.unique(labels)
    options = {'labels': present, 'average': 'macro', 'zero_division': 0}
    expected = {
        'acc/top1': (predictions == labels).mean(),
        'acc/mean1': recall_score(labels, predictions, **options),
        'acc/hmean': statistics.harmonic_mean([(k + 0.5) / (n + 1) for k, n in right_and_all(labels, predictions)]),
        'acc/worst': recall_score(labels, predictions, **options | {'average': None}).min(),
        'acc/mean_precision': precision_score(labels, predictions, **options),
        'acc/macro_f1': f1_score(labels, predictions, **options),
    }
    if num_classes > 5:
        expected['acc/top5'] = top_k_accuracy_score(labels, scores, k=5, labels=np.arange(num_classes))
    assert actual == pytest.approx(expected, rel=1e-6)  # scores are compared in float32
    assert metric.counts_.num_clips.tolist() == np.bincount(labels, minlength=num_classes).tolist()
    assert metric.counts_.num_predicted.tolist() == np.bincount(predictions, minlength=num_classes).tolist()
    assert np.isnan(metric.counts_.accuracy[metric.counts_.num_clips == 0]).all()


@pytest.mark.parametrize(
    ('topk', 'num_classes', 'keys', 'sure'),
    [
        (None, 6, ['acc/top1', 'acc/top5'], []),
        (None, 5, ['acc/top1'], []),
        (None, 1, ['acc/top1'], ['acc/top1']),
        ((1, 5), 5, ['acc/top1', 'acc/top5'], ['acc/top5']),
    ],
)
def test_five_best_of_five_classes_are_returned_only_where_they_are_asked_for(topk, num_classes, keys, sure):
    metric = ClassAccuracy(topk=topk)
    found = evaluate(metric, np.eye(num_classes), list(range(num_classes)))
    assert [key for key in found if key.startswith('acc/top')] == keys
    assert list(found) == metric.result_keys(np.ones(num_classes, np.int64))
    assert metric.sure_keys(num_classes) == sure


def test_predicted_but_absent_class_does_not_pull_the_mean_down():
    # Class 2 is predicted once but has no clip; AccMetric would say (1 + 1/2 + 0) / 3.
    scores = np.eye(3)[[0, 1, 2]]
    assert evaluate(ClassAccuracy(), scores, [0, 1, 1])['acc/mean1'] == 0.75


def test_shot_groups_follow_the_training_counts():
    metric = ClassAccuracy(shot_thresholds=(10, 50))
    metric.set_train_counts([51, 50, 10, 9])
    actual = evaluate(metric, np.eye(4)[[0, 1, 0, 3]], [0, 1, 2, 3])
    assert actual['acc/many_shot'] == 1
    assert actual['acc/medium_shot'] == 0.5
    assert actual['acc/few_shot'] == 1


def test_shot_group_without_classes_is_left_out():
    metric = ClassAccuracy()
    metric.set_train_counts([200, 300])
    actual = evaluate(metric, np.eye(2), [0, 1])
    assert actual['acc/many_shot'] == 1
    assert not {'acc/medium_shot', 'acc/few_shot'} & set(actual)


def test_more_clips_than_the_set_has_are_refused():
    with pytest.raises(ValueError, match='process 0 of 1 has evaluated 3 clips, and its share of 2 is 2: each clip'):
        evaluate(ClassAccuracy(), np.eye(2)[[0, 1, 1]], [0, 1, 0], size=2)


def test_clip_that_counts_twice_is_refused():
    metric = ClassAccuracy(class_names=('cut', 'wash'))
    metric.set_clip_counts([1, 2])
    with pytest.raises(ValueError, match='cut has 1 clips in the evaluated set, and 2 were counted: each clip must'):
        evaluate(metric, np.eye(2)[[0, 1, 1]], [0, 0, 1])


def test_clips_that_were_left_out_are_said():
    metric = ClassAccuracy()
    metric.set_clip_counts([1, 2])
    with mock.patch('cdb_video.metrics.class_accuracy._LOG.warning') as said:
        assert evaluate(metric, np.eye(2)[[0, 1]], [0, 1])['acc/top1'] == 1
    assert '2 of the 3 clips of the set were evaluated' in said.call_args.args[0]


def test_set_of_another_number_of_classes_is_an_error():
    metric = ClassAccuracy()
    metric.set_clip_counts([1, 2, 3])
    with pytest.raises(ValueError, match='the evaluated set has 3 classes, the model scores 2'):
        evaluate(metric, np.eye(2), [0, 1])


def test_evaluation_after_one_that_failed_starts_anew():
    metric = ClassAccuracy()
    with pytest.raises(ValueError, match='evaluated 2 clips'):
        evaluate(metric, np.eye(2), [0, 1], size=1)
    assert evaluate(metric, np.eye(2), [1, 1])['acc/top1'] == 0.5


def test_ties_go_to_the_lower_class_in_rank_as_in_prediction():
    metric = ClassAccuracy(topk=(1, 2))
    actual = evaluate(metric, np.zeros((2, 3)), [0, 1])
    assert actual['acc/top1'] == 0.5
    assert actual['acc/top2'] == 1
    assert metric.counts_.num_correct.tolist() == [1, 0, 0]


def test_second_evaluation_starts_anew():
    metric = ClassAccuracy()
    evaluate(metric, np.eye(2), [0, 1])
    evaluate(metric, np.eye(2), [1, 0])
    assert metric.counts_.num_correct.tolist() == [0, 0]
    assert metric.counts_.num_clips.tolist() == [1, 1]


def test_double_scores_are_not_rounded_into_ties():
    scores = torch.tensor([[1, 1 + 1e-9, 0], [1, 1 + 1e-9, 0]], dtype=torch.float64)
    assert evaluate(ClassAccuracy(), scores, [1, 0])['acc/top1'] == 0.5
    metric = ClassAccuracy()
    evaluate(metric, scores, [1, 0])
    assert metric.counts_.num_correct.tolist() == [0, 1, 0]


def test_half_precision_scores_are_taken():
    assert evaluate(ClassAccuracy(), torch.eye(2).bfloat16(), [0, 1])['acc/top1'] == 1


def rank_by_sorting(scores, label):
    """Where the label stands among the classes, best first, the lower class first on a tie."""
    return sorted(range(len(scores)), key=lambda index: (-scores[index], index)).index(label)


@pytest.mark.parametrize('batch_size', [1, 7, 64])
def test_batches_of_any_size_give_what_sorting_clip_by_clip_gives(batch_size):
    generator = torch.Generator().manual_seed(0)
    # Few different values, so that there are many ties.
    scores = torch.randint(-2, 3, (100, 6), generator=generator).float()
    scores[5] = -torch.inf
    labels = torch.randint(0, 6, (100,), generator=generator).tolist()
    metric = ClassAccuracy()
    for start in range(0, 100, batch_size):
        batch = slice(start, start + batch_size)
        metric.process(None, [sample(*pair) for pair in zip(scores[batch], labels[batch], strict=True)])
    rows = zip(scores.tolist(), labels, strict=True)
    assert metric.results == [(label, int(np.argmax(row)), rank_by_sorting(row, label), 6) for row, label in rows]
    assert {type(number) for result in metric.results for number in result} == {int}


def test_one_nan_leaves_the_other_clips_of_its_batch_alone():
    metric = ClassAccuracy()
    scores = torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [3.0, 1.0]])
    metric.process(None, [sample(score, label) for score, label in zip(scores, [1, 1, 1], strict=True)])
    assert metric.results == [(1, 1, 0, 2), (1, 0, NOT_A_NUMBER, 2), (1, 0, 1, 2)]


class Transfers(TorchFunctionMode):
    """Counts what makes the processor wait for the device."""

    number = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        waits = (torch.Tensor.cpu, torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.__bool__, torch.Tensor.__int__)
        self.number += function in waits
        return function(*args, **(kwargs or {}))


def test_a_batch_is_brought_from_the_device_in_two_transfers():
    batch = [sample(score, 0) for score in torch.rand(16, 5)]
    with Transfers() as transfers:
        ClassAccuracy().process(None, batch)
    assert transfers.number == 2


def test_empty_batch_adds_nothing():
    metric = ClassAccuracy()
    metric.process(None, [])
    assert metric.results == []


def test_clips_of_one_batch_with_different_numbers_of_scores_are_an_error():
    with pytest.raises(ValueError, match='scores 2 and 3 classes in one batch'):
        ClassAccuracy().process(None, [sample([0.0, 1.0], 0), sample([0.0, 1.0, 2.0], 0)])


def test_nan_scores_are_an_error_that_counts_them():
    with pytest.raises(ValueError, match=r'scores of 1 of 2 clips hold NaN: training has diverged'):
        evaluate(ClassAccuracy(), np.array([[0.0, 1.0], [np.nan, 1.0]]), [0, 1])


def test_empty_evaluation_is_an_error():
    with pytest.raises(ValueError, match='no clip was evaluated'):
        ClassAccuracy().evaluate(0)


def test_label_outside_the_scores_is_an_error():
    with pytest.raises(ValueError, match=r'label 2, but the model scores 2 classes, so labels must be 0..1'):
        evaluate(ClassAccuracy(), np.eye(2), [0, 2])


def test_scores_of_another_number_of_classes_are_an_error():
    with pytest.raises(ValueError, match='model scores 2 classes, ClassAccuracy expects 3'):
        evaluate(ClassAccuracy(num_classes=3), np.eye(2), [0, 1])


def test_train_counts_of_another_number_of_classes_are_an_error():
    metric = ClassAccuracy()
    metric.set_train_counts([1, 2, 3])
    with pytest.raises(ValueError, match='training counts are for 3 classes, the scores for 2'):
        evaluate(metric, np.eye(2), [0, 1])


def test_several_labels_or_several_scores_are_refused():
    metric = ClassAccuracy()
    with pytest.raises(ValueError, match='multi-label'):
        metric.process(None, [{'pred_score': torch.ones(3), 'gt_label': torch.tensor([0, 1])}])
    with pytest.raises(TypeError, match='parts rgb, pose'):
        metric.process(None, [{'pred_score': {'rgb': 1, 'pose': 2}, 'gt_label': torch.tensor([0])}])
    with pytest.raises(ValueError, match='average_clips'):
        metric.process(None, [{'pred_score': torch.ones(2, 3), 'gt_label': torch.tensor([0])}])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'topk': ()}, r'topk=\(\)'),
        ({'topk': (0,)}, r'topk=\(0,\)'),
        ({'shot_thresholds': (100, 20)}, 'shot_thresholds='),
        ({'shot_thresholds': 20}, 'shot_thresholds=20'),
        ({'class_names': 'abc'}, "class_names='abc'"),
        ({'num_classes': -1}, 'num_classes=-1'),
        ({'collect_device': 'disk'}, "collect_device='disk'"),
        ({'num_classes': 3, 'class_names': ['cut']}, 'has 1 names, num_classes is 3'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassAccuracy(**arguments)


def test_arguments_left_over_from_acc_metric_are_taken():
    metric = ClassAccuracy(metric_list=('top_k_accuracy',), metric_options={'top_k_accuracy': {'topk': (1, 3)}})
    assert metric.topk == (1, 3)
    assert ClassAccuracy(metric_list='mean_class_accuracy').topk == (1, 5)


@pytest.mark.parametrize('arguments', [{'metric_list': ('mean_average_precision',)}, {'metric_options': {'mmit': {}}}])
def test_what_acc_metric_has_and_it_has_not_is_refused(arguments):
    with pytest.raises(ValueError, match=r'which ClassAccuracy does not compute: add _delete_=True'):
        ClassAccuracy(**arguments)


def test_config_builds_it_in_the_place_of_acc_metric():
    metric = METRICS.build({'type': 'ClassAccuracy', '_scope_': 'mmaction', 'topk': 1})
    assert metric.topk == (1,)
    assert metric.prefix == 'acc'


@pytest.mark.parametrize('prefix', [None, 'mine'])
@pytest.mark.parametrize('train_counts', [None, [500, 50, 5, 5], [500, 400, 300, 5]])
def test_announced_keys_are_those_that_evaluate_returns(train_counts, prefix):
    metric = ClassAccuracy(topk=(1, 2), prefix=prefix)
    if train_counts is not None:
        metric.set_train_counts(train_counts)
    labels = [0, 0, 1, 2]  # no clip of class 3
    announced = metric.result_keys(np.bincount(labels, minlength=4))
    assert list(evaluate(metric, np.eye(4)[labels], labels)) == announced
    assert {f'{prefix or "acc"}/hmean', f'{prefix or "acc"}/worst'} <= set(announced)
