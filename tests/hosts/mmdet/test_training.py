"""A tiny Mask R-CNN trains beside mmcv-lite, with the stand-in for mmcv's operators, and its objects are counted."""

import math

import pytest
import torch

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


def _shares(kind):
    return [f'{kind}/{name}' for name in ('top1', 'missed', 'confused')]
