"""ClassDifficultyHook measures by ObjectAccuracy as it does by ClassAccuracy: counts, difficulty, history, report."""

import json

import pytest
import torch
from mmengine.registry import MODELS

from cdb_video.difficulty.history import HISTORY_NAME, read_history
from tests.support.runs import hook_of, make_runner
from tests.support.toys import ToyModel

pytestmark = pytest.mark.training
BOX, ELSEWHERE = [0.0, 0, 8, 8], [30.0, 30, 40, 40]


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


def trained(work_dir, name, misses):
    runner = make_runner(
        work_dir,
        name,
        model={'type': 'ToyDetector', 'misses': misses},
        val_evaluator={'type': 'ObjectAccuracy'},
        default_hooks={'checkpoint': {'save_best': 'obj/mean1'}},
    )
    runner.train()
    return runner


@pytest.mark.parametrize('misses', [0, 2])
def test_a_run_measures_difficulty_by_objects(tmp_path, misses):
    runner = trained(tmp_path, f'objects_{misses}', misses)
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
    # Its file has no place for missed objects yet, and a table without them would not add up.
    assert bool(report.get('confusions')) == (not misses)
    assert list(tmp_path.glob('best_obj_mean1_*.pth'))
