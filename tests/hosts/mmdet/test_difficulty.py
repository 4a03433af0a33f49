"""ClassDifficultyHook measures by ObjectAccuracy as it does by ClassAccuracy: counts, difficulty, history, report."""

import json

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS

import tests.support.scenes  # noqa: F401  registers the set
from cdb_video.difficulty.history import HISTORY_NAME, read_history
from tests.support.runs import CLASS_NAMES, hook_of, make_runner
from tests.support.toys import ToyModel

pytestmark = pytest.mark.training
BOX, ELSEWHERE = [0.0, 0, 8, 8], [30.0, 30, 40, 40]
TRAIN = [*[[0, 0]] * 12, *[[1]] * 11, *[[2, 2, 2]] * 6, [3], []]
"""Images by their objects; class 2 has more of them than class 1 has, and fewer images."""


@MODELS.register_module(force=True)
class ToyDetector(ToyModel):
    """ToyModel whose samples are images with one object each; `misses`: of how many images it finds no object."""

    def __init__(self, misses=0, **kwargs):
        super().__init__(**kwargs)
        self.misses = misses

    def forward(self, inputs, label, mode='tensor'):
        answers = super().forward(inputs, label, mode)
        if mode == 'loss':
            return answers
        return [
            {
                'gt_instances': {'bboxes': torch.tensor([BOX]), 'labels': answer['gt_label']},
                'pred_instances': {
                    'bboxes': torch.tensor([ELSEWHERE if place < self.misses else BOX]),
                    'labels': answer['pred_score'].argmax().reshape(1),
                    'scores': answer['pred_score'].max().reshape(1),
                },
            }
            for place, answer in enumerate(answers)
        ]


def scenes(images, **changes):
    return {'_delete_': True, 'type': 'DetectionScenes', 'images': images, 'classes': CLASS_NAMES, **changes}


def one_object_each(counts, seed):
    return scenes([[label] for label, number in enumerate(counts) for _ in range(number)], seed=seed)


def toy(work_dir, name, misses=0, **changes):
    whole = {
        'model': {'type': 'ToyDetector', 'misses': misses},
        'train_dataloader': {'dataset': scenes(TRAIN), 'sampler': {'type': 'CDBImageSampler', 'law': 'repeat'}},
        'val_dataloader': {'dataset': one_object_each([9, 8, 7, 6], seed=1)},
        'val_evaluator': {'type': 'ObjectAccuracy'},
        'default_hooks': {'checkpoint': {'save_best': 'obj/mean1'}},
    }
    return make_runner(work_dir, name, **{**whole, **changes})


@pytest.mark.parametrize('misses', [0, 2])
def test_a_run_measures_difficulty_by_objects(tmp_path, misses):
    runner = toy(tmp_path, f'objects_{misses}', misses)
    runner.train()
    metric, state = runner.val_evaluator.metrics[0], hook_of(runner).state_
    counts = metric.counts_
    assert counts.num_clips.tolist() == [9, 8, 7, 6]
    assert bool(counts.num_missed.sum()) == bool(misses)
    assert state.num_correct.tolist() == counts.num_correct.tolist()
    assert state.difficulty.tolist() == pytest.approx((1 - counts.num_correct / counts.num_clips).tolist())
    records = read_history(tmp_path / HISTORY_NAME).records
    assert len(records) == 3
    assert records[-1].metrics.keys() >= {'obj/top1', 'obj/missed', 'obj/confused', 'obj/mean1', 'obj/hmean'}
    report = json.loads((tmp_path / 'class_report.json').read_text())
    assert [row['num_correct'] for row in sorted(report['classes'], key=lambda row: row['label'])] == (
        counts.num_correct.tolist()
    )
    named = sum(number for _, _, number in report['confusions'])
    missed = sum(row['num_missed'] for row in report['classes'])
    assert missed == counts.num_missed.sum()
    assert named + missed == counts.num_clips.sum()
    assert list(tmp_path.glob('best_obj_mean1_*.pth'))


def test_priors_are_of_objects_and_shot_groups_of_images_also_in_a_later_test(tmp_path):
    thresholds = {'type': 'ObjectAccuracy', 'shot_thresholds': (7, 11)}
    runner = toy(
        tmp_path,
        'groups',
        train_cfg={'max_epochs': 1},
        val_evaluator=[thresholds, {**thresholds, 'prefix': 'again'}],
        model={'type': 'ToyDetector', 'loss_cls': {'logit_adjustment': 1.0}},
        train_dataloader={
            'dataset': scenes(TRAIN),
            'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True},
        },
    )
    runner.train()
    state, record = hook_of(runner).state_, read_history(tmp_path / HISTORY_NAME)
    assert state.train_counts.tolist() == record.header.train_counts == [24, 11, 18, 1]
    assert state.train_images.tolist() == record.header.train_images == [12, 11, 6, 1]
    prior = runner.model.cls_head.loss_cls.prior_term
    assert prior.tolist() == pytest.approx(np.log(np.array([24, 11, 18, 1]) / 54).tolist())
    accuracy, metrics = state.accuracy, record.records[-1].metrics
    for prefix in ('obj', 'again'):
        assert metrics[f'{prefix}/many_shot'] == pytest.approx(accuracy[0])
        assert metrics[f'{prefix}/medium_shot'] == pytest.approx(accuracy[1])
        assert metrics[f'{prefix}/few_shot'] == pytest.approx(accuracy[2:].mean())
    tested = toy(
        tmp_path / 'test',
        'tested',
        load_from=str(tmp_path / 'epoch_1.pth'),
        model={'type': 'ToyDetector', 'loss_cls': {'logit_adjustment': 1.0}},
        test_dataloader={
            'batch_size': 8,
            'num_workers': 0,
            'dataset': {k: v for k, v in one_object_each([9, 8, 7, 6], seed=1).items() if k != '_delete_'},
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        test_evaluator=dict(thresholds),
        test_cfg={},
    )
    assert tested.test()['obj/few_shot'] == pytest.approx(accuracy[2:].mean())


def test_a_resumed_run_goes_on_as_one_that_was_not_interrupted(tmp_path):
    toy(tmp_path / 'a', 'straight').train()
    toy(tmp_path / 'b', 'begun', train_cfg={'max_epochs': 1}).train()
    resumed = toy(tmp_path / 'b', 'resumed', resume=True)
    resumed.train()
    straight, again = (read_history(tmp_path / part / HISTORY_NAME).records for part in 'ab')
    assert len(straight) == 3
    assert again == straight
    assert (tmp_path / 'b' / HISTORY_NAME).read_text().count('"header"') == 2  # planned for one validation, then three


def test_a_resumed_run_says_that_its_images_are_others(tmp_path, monkeypatch):
    toy(tmp_path, 'begun', train_cfg={'max_epochs': 1}).train()
    other = [*TRAIN[:-2], [1, 3]]
    resumed = toy(
        tmp_path,
        'resumed',
        resume=True,
        train_cfg={'max_epochs': 2},
        train_dataloader={'dataset': scenes(other), 'sampler': {'type': 'CDBImageSampler', 'law': 'repeat'}},
    )
    said = []
    monkeypatch.setattr(resumed.logger, 'warning', said.append)
    resumed.train()
    (text,) = [text for text in said if 'is not that of the checkpoint' in text]
    assert text.startswith('the training set is not that of the checkpoint that is resumed: 55 clips in place of 54')


def test_a_class_that_no_validation_image_shows_is_named(tmp_path, monkeypatch):
    runner = toy(
        tmp_path,
        'absent',
        train_cfg={'max_epochs': 1},
        val_dataloader={'dataset': one_object_each([9, 8, 0, 6], seed=1)},
    )
    said = []
    monkeypatch.setattr(runner.logger, 'warning', said.append)
    runner.train()
    (text,) = [text for text in said if 'no validation' in text]
    assert text.startswith(f'1 of 4 classes ({CLASS_NAMES[2]}) has no validation')
