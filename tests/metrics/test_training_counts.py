"""Difficulty from the training batches' own predictions: the counts, runs without validation, resuming, refusals."""

import copy
import json
import uuid
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from cdb_video.difficulty.formulas import class_probability, class_weights
from cdb_video.difficulty.history import read_history
from cdb_video.head_loss import head_losses
from cdb_video.metrics.training_counts import TrainingCounts
from tests.support.runs import make_runner

pytestmark = pytest.mark.training

ONLINE = {'custom_hooks': [{'type': 'ClassDifficultyHook', 'source': 'train', 'min_difficulty': 0.05}]}
ALONE = {
    'val_dataloader': ...,
    'val_cfg': ...,
    'val_evaluator': ...,
    'default_hooks': {'checkpoint': {'save_best': None}},
}


def make(work_dir, **changes):
    return make_runner(work_dir, uuid.uuid4().hex, **copy.deepcopy({**ONLINE, **changes}))


def watch(runner):
    """What the loss saw, one (labels, predicted) a step."""
    steps = []

    def see(module, args):
        scores, labels = args
        predicted = [max(range(4), key=row.__getitem__) for row in scores.tolist()]
        steps.append((labels.tolist(), predicted))

    runner.model.cls_head.loss_cls.register_forward_pre_hook(see)
    return steps


def counted(steps):
    clips, correct = [0] * 4, [0] * 4
    for labels, predicted in steps:
        for label, prediction in zip(labels, predicted, strict=True):
            clips[label] += 1
            correct[label] += label == prediction
    return clips, correct


@pytest.mark.parametrize('changes', [{}, ALONE])
def test_difficulty_is_that_of_the_epoch_s_own_predictions_with_and_without_validation(changes, tmp_path):
    runner = make(tmp_path, **changes)
    steps = watch(runner)
    runner.train()
    records = read_history(tmp_path / 'class_history.jsonl').records
    assert [(entry.epoch, entry.iteration, entry.source) for entry in records] == [
        (1, 10, 'train'),
        (2, 20, 'train'),
        (3, 30, 'train'),
    ]
    for epoch, entry in enumerate(records):
        clips, correct = counted(steps[10 * epoch : 10 * epoch + 10])
        assert entry.num_clips == clips
        assert entry.num_correct == correct
        expected = [max(0.05, 1 - right / number) for right, number in zip(correct, clips, strict=True)]
        np.testing.assert_allclose(entry.difficulty, expected)
        assert entry.metrics == {}
    loss, sampler = runner.model.cls_head.loss_cls, runner.train_dataloader.sampler
    np.testing.assert_allclose(loss.class_weight, class_weights(expected, 1))
    np.testing.assert_allclose(sampler.class_probability, class_probability(expected, 1, [40, 20, 10, 5]))
    assert (tmp_path / 'class_report.json').exists() == (not changes)


def test_validation_changes_nothing(tmp_path):
    with_one, without = make(tmp_path / 'a'), make(tmp_path / 'b', **ALONE)
    for runner in (with_one, without):
        runner.train()
    for one, other in zip(with_one.model.parameters(), without.model.parameters(), strict=True):
        assert torch.equal(one, other)
    counts = with_one.val_loop.evaluator.metrics[0].counts_
    assert counts.num_clips.tolist() == [9, 8, 7, 6]


def test_report_is_of_the_validation_and_says_that_the_difficulty_is_not(tmp_path):
    runner = make(tmp_path, train_cfg={'max_epochs': 2})
    runner.train()
    document = json.loads((tmp_path / 'class_report.json').read_text())
    counts = runner.val_loop.evaluator.metrics[0].counts_
    rows = sorted(document['classes'], key=lambda row: row['label'])
    assert [row['num_correct'] for row in rows] == counts.num_correct.tolist()
    assert (document['split'], document['difficulty_source']) == ('val', 'train')
    assert any("with source='train'" in note for note in document['notes'])
    assert torch.load(tmp_path / 'epoch_2.pth')['class_difficulty']['report']['source'] == 'train'


def test_live_page_without_validation_is_of_training_batches(tmp_path):
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    make(tmp_path, **ALONE, train_cfg={'max_epochs': 1}).train()
    page = (tmp_path / 'report.html').read_text()
    assert 'training batches · epoch 1' in page
    assert not (tmp_path / 'class_report.json').exists()


def test_resumed_run_equals_an_uninterrupted_one(tmp_path):
    changes = {'train_cfg': {'max_epochs': 4}, **ALONE}
    straight = make(tmp_path / 'a', **changes)
    straight.train()
    checkpoint = str(tmp_path / 'a' / 'epoch_2.pth')
    assert torch.load(checkpoint)['class_difficulty']['iteration'] == 20
    resumed = make(tmp_path / 'b', resume=True, load_from=checkpoint, **changes)
    resumed.train()
    assert resumed.model.batches == straight.model.batches[20:]
    for one, other in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)
    a, b = (read_history(tmp_path / part / 'class_history.jsonl').records for part in 'ab')
    assert a[2:] == b


def test_momentum_averages_over_the_epochs(tmp_path):
    hook = {'type': 'ClassDifficultyHook', 'source': 'train', 'momentum': 0.8}
    make(tmp_path, custom_hooks=[hook], **ALONE).train()
    records = read_history(tmp_path / 'class_history.jsonl').records
    average = None
    for entry in records:
        new = [1 - right / number for right, number in zip(entry.num_correct, entry.num_clips, strict=True)]
        average = new if average is None else [0.8 * a + 0.2 * n for a, n in zip(average, new, strict=True)]
        np.testing.assert_allclose(entry.difficulty, average)


def test_observing_hands_nothing_on(tmp_path):
    hook = {'type': 'ClassDifficultyHook', 'source': 'train', 'observe_only': True}
    runner = make(tmp_path, custom_hooks=[hook], model={'loss_cls': {'type': 'CDBLoss', 'tau': 1}}, **ALONE)
    runner.train()
    assert runner.model.cls_head.loss_cls.tau_ is None
    assert len(read_history(tmp_path / 'class_history.jsonl').records) == 3


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss_cls = nn.CrossEntropyLoss()


def test_soft_labels_count_as_their_largest_share_and_evaluation_does_not_count():
    head = Head()
    counts = TrainingCounts(head, 3)
    scores = torch.tensor([[2.0, 1, 0], [0, 1, 2], [0, 3, 1], [0, 3, 1]])
    head.loss_cls(scores, torch.tensor([0, 1, 1, 1]))
    head.loss_cls(scores, torch.tensor([[0.6, 0.4, 0], [0, 0.4, 0.6], [0.9, 0.1, 0], [0, 1, 0]]))
    head.eval()
    head.loss_cls(scores, torch.tensor([0, 0, 0, 0]))
    clips, correct = counts.take()
    assert clips.tolist() == [3, 4, 1]
    assert correct.tolist() == [2, 3, 1]
    assert [vector.tolist() for vector in counts.take()] == [[0] * 3] * 2
    head.train()
    counts.stop()
    head.loss_cls(scores, torch.tensor([0, 1, 1, 1]))
    assert counts.take()[0].tolist() == [0, 0, 0]


def test_proposals_of_the_background_and_those_without_weight_are_left_out():
    head = Head()
    counts = TrainingCounts(head, 2)
    scores = torch.tensor([[3.0, 1, 0], [0, 1, 2], [0, 3, 1], [3, 0, 1], [0, 3, 1], [0, 1, 3]])
    labels, weight = torch.tensor([0, 1, 1, 2, 1, 2]), torch.tensor([1.0, 1, 1, 1, 0, 1])
    head.loss_cls.forward = lambda score, label, weight=None, avg_factor=None: score.sum()  # as mmdet's
    head.loss_cls(scores, labels, weight, avg_factor=6)
    clips, correct = counts.take()
    assert clips.tolist() == [1, 2]  # of class 1 one is taken for background, and one has no weight
    assert correct.tolist() == [1, 1]
    scores[3] = scores[4] = float('nan')  # of the background, and of one without weight
    head.loss_cls(scores, labels, weight=weight)
    assert counts.take()[1].tolist() == [1, 1]


class Detector(nn.Module):
    """The heads of a detector, with the names of mmdet: proposals, and box heads one behind the other."""

    def __init__(self, num_heads, loss=None):
        super().__init__()
        self.rpn_head, self.roi_head = Head(), nn.Module()
        heads = [Head() for _ in range(num_heads)]
        self.roi_head.bbox_head = nn.ModuleList(heads) if num_heads > 1 else heads[0]
        if loss is not None:
            heads[-1].loss_cls = loss


@pytest.mark.parametrize('num_heads', [1, 3])
def test_of_the_heads_of_a_detector_the_last_box_head_is_counted(num_heads):
    model = Detector(num_heads)
    counts = TrainingCounts(model, 2)
    for number, (name, loss) in enumerate(head_losses(model).items()):
        loss(torch.eye(3)[:2], torch.tensor([number % 2, 2]))
        is_last = name == f'roi_head.bbox_head{".2" if num_heads == 3 else ""}.loss_cls'
        assert counts.take()[0].sum() == is_last


def test_two_heads_that_do_not_stand_in_line_and_sigmoids_are_refused():
    model = nn.Module()
    model.heads = nn.ModuleList([Head(), Head()])
    with pytest.raises(ValueError, match='the model has 2 modules called loss_cls'):
        TrainingCounts(model, 2)
    loss = nn.CrossEntropyLoss()
    loss.use_sigmoid = True
    message = r'roi_head.bbox_head.loss_cls \(CrossEntropyLoss\) does not take the softmax'
    with pytest.raises(ValueError, match=message):
        TrainingCounts(Detector(1, loss), 2)


def test_a_head_without_boxes_answers_with_the_largest_score_whatever_its_loss():
    head = Head()
    head.loss_cls.use_sigmoid = True
    counts = TrainingCounts(head, 2)
    head.loss_cls(torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([0, 1]))
    assert [part.tolist() for part in counts.take()] == [[1, 1], [1, 0]]


def test_counts_are_summed_over_the_processes():
    head = Head()
    counts = TrainingCounts(head, 2)
    head.loss_cls(torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([0, 1]))
    with mock.patch(
        'cdb_video.metrics.training_counts.all_reduce',
        side_effect=lambda data: data.add_(torch.tensor([[3, 4], [1, 2], [0, 0]])),
    ):
        clips, correct = counts.take()
    assert clips.tolist() == [4, 5]
    assert correct.tolist() == [2, 2]


def test_what_cannot_measure_on_training_batches_is_refused(tmp_path):
    with pytest.raises(ValueError, match="source='test'"):
        make(tmp_path, custom_hooks=[{'type': 'ClassDifficultyHook', 'source': 'test'}])
    with pytest.raises(ValueError, match='has 0 modules called loss_cls'):
        TrainingCounts(nn.Linear(2, 2), 2)
    by_iteration = {'_delete_': True, 'by_epoch': False, 'max_iters': 20, 'val_interval': 10}
    hooks = {'checkpoint': {'by_epoch': False, 'interval': 10}}
    with pytest.raises(ValueError, match='this run is trained by iteration'):
        make(tmp_path, train_cfg=by_iteration, default_hooks=hooks).train()


def test_diverged_training_is_an_error_and_no_difficulty():
    loss = nn.Module()
    loss.forward = lambda scores, label: scores.sum()
    model = nn.ModuleDict({'loss_cls': loss})
    counts = TrainingCounts(model, 3)
    scores = torch.zeros(4, 3)
    scores[1, 2] = float('nan')
    loss(scores, torch.tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match='scores of 1 of 4 training clips hold NaN: training has diverged'):
        counts.take()


def test_epoch_in_which_nothing_was_counted_is_an_error(tmp_path):
    nothing = np.zeros(4, np.int64)
    with (
        mock.patch.object(TrainingCounts, 'take', return_value=(nothing, nothing)),
        pytest.raises(ValueError, match='has counted no clip in this epoch'),
    ):
        make(tmp_path).train()
