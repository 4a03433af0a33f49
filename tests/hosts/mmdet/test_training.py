"""A tiny Mask R-CNN trains beside mmcv-lite, with the stand-in for mmcv's operators, and its objects are counted."""

import math
import uuid

import numpy as np
import pytest
import torch

from cdb_video.difficulty.history import HISTORY_NAME, read_history
from tests.support.shapes import CONFIG, make_shapes

pytestmark = pytest.mark.training


def test_a_mask_rcnn_trains_an_epoch_and_its_objects_are_counted(tmp_path):
    from mmengine.config import Config
    from mmengine.runner import Runner

    make_shapes(tmp_path, empty=[1])
    (tmp_path / 'config.py').write_text(CONFIG.replace('ROOT', str(tmp_path)))
    runner = Runner.from_cfg(Config.fromfile(tmp_path / 'config.py'))
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    losses = {name: history.current() for name, history in runner.message_hub.log_scalars.items() if 'loss' in name}
    assert {f'train/loss_{part}' for part in ('rpn_cls', 'rpn_bbox', 'cls', 'bbox', 'mask')} <= set(losses)
    assert all(math.isfinite(value) for value in losses.values())
    after = runner.model.state_dict()
    for layer in ('backbone.conv1', 'rpn_head.rpn_conv', 'roi_head.bbox_head.fc_cls', 'roi_head.mask_head.conv_logits'):
        assert not torch.equal(after[f'{layer}.weight'], before[f'{layer}.weight']), layer
    scalars = runner.message_hub.log_scalars
    shares = {name: scalars[f'val/{name}'].current() for kind in ('obj', 'obj_segm') for name in _shares(kind)}
    for kind in ('obj', 'obj_segm'):
        assert sum(shares[name] for name in _shares(kind)) == pytest.approx(1)
    assert 'val/lvis/bbox_AP' in scalars
    boxes, masks = runner.val_evaluator.metrics[:2]
    dataset = runner.val_dataloader.dataset
    labels = [one['bbox_label'] for index in range(len(dataset)) for one in dataset.get_data_info(index)['instances']]
    assert len(dataset) == 5
    for metric in (boxes, masks):
        assert metric.outcomes_[0].tolist() == labels
        assert metric.confusion.sum() == len(labels) > 5


CDB = """
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='CDBLoss', background=1.0))))
custom_hooks = [
    dict(type='ClassDifficultyHook', min_difficulty=0.1, val_subset=4, report=False, live_report=False),
    dict(type='SampleSeedHook'),
]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
"""


def run_of(folder, name, epochs, *, resume=False):
    """A Mask R-CNN with CDB-W on the shapes of a folder, in a work directory of this name."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    config = folder / f'{uuid.uuid4().hex}.py'
    (folder / 'base.py').write_text(CONFIG.replace('ROOT', str(folder)))
    config.write_text(f"_base_ = ['base.py']\n{CDB}")
    settings = Config.fromfile(config)
    settings.merge_from_dict(
        {
            'work_dir': str(folder / name),
            'train_cfg.max_epochs': epochs,
            'resume': resume,
            'experiment_name': config.stem,
        }
    )
    return Runner.from_cfg(settings)


def trained(runner):
    runner.train()
    hook = next(hook for hook in runner.hooks if type(hook).__name__ == 'ClassDifficultyHook')
    return hook.state_, runner


@pytest.mark.slow
def test_a_mask_rcnn_with_class_difficulty_goes_on_after_a_resume_as_if_nothing_was(tmp_path):
    make_shapes(tmp_path, val=6)
    state, runner = trained(run_of(tmp_path, 'a', 2))
    dataset, part = runner.train_dataloader.dataset, runner.val_dataloader.dataset
    shown = [[one['bbox_label'] for one in dataset.get_data_info(i)['instances']] for i in range(len(dataset))]
    assert state.train_counts.tolist() == np.bincount([one for own in shown for one in own], minlength=3).tolist()
    assert state.train_images.tolist() == [sum(label in own for own in shown) for label in range(3)]
    boxes, _, lvis = runner.val_evaluator.metrics
    assert len(part) == 4
    assert lvis.img_ids == [part.get_data_info(index)['img_id'] for index in range(4)]
    assert boxes._grouped_by().tolist() == state.train_images.tolist()
    # All three are shown by ten images at most, so that all are rare.
    history = read_history(tmp_path / 'a' / HISTORY_NAME)
    assert len(history.records) == 2
    for record in history.records:
        assert record.metrics['obj/few_shot'] == pytest.approx(record.metrics['obj/mean1'])
        assert record.metrics['obj_segm/few_shot'] == pytest.approx(record.metrics['obj_segm/mean1'])
        assert sum(record.num_clips) == sum(len(part.get_data_info(index)['instances']) for index in range(4))
    loss = runner.model.roi_head.bbox_head.loss_cls
    expected = 3 * state.difficulty / state.difficulty.sum()
    torch.testing.assert_close(loss.class_weight, torch.from_numpy(expected))
    assert history.header.train_images == state.train_images.tolist()

    trained(run_of(tmp_path, 'b', 1))
    resumed, again = trained(run_of(tmp_path, 'b', 2, resume=True))
    assert resumed.difficulty.tolist() == state.difficulty.tolist()
    assert read_history(tmp_path / 'b' / HISTORY_NAME).records == history.records
    for name, value in runner.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model.roi_head.bbox_head.loss_cls.background': None}, r'Shared2FCBBoxHead\): a box head has a score for'),
        ({'val_evaluator': [{'type': 'ClassAccuracy'}]}, 'ClassAccuracy counts samples with one label each'),
        ({'val_evaluator': [{'type': 'CocoMetric'}]}, 'found no ObjectAccuracy in val_evaluator.*beside CocoMetric'),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_step(tmp_path, changes, message):
    from mmengine.runner import Runner

    make_shapes(tmp_path)
    settings = run_of(tmp_path, 'refused', 1).cfg
    settings.merge_from_dict({**changes, 'experiment_name': uuid.uuid4().hex})
    runner = Runner.from_cfg(settings)
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert runner.iter == 0


def _shares(kind):
    return [f'{kind}/{name}' for name in ('top1', 'missed', 'confused')]
