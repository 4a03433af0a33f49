"""The mend of mmaction2's heads; the others are tested in tests/hosts/mmengine and beside what they are for."""

import pytest
import torch

from cdb_video.hosts.mmaction import mends


@pytest.fixture
def parts():
    """A head, its input, and labels."""
    from mmaction.models import SlowFastHead
    from mmaction.structures import ActionDataSample

    torch.manual_seed(0)
    head = SlowFastHead(num_classes=4, in_channels=6, dropout_ratio=0, loss_cls={'type': 'CDBLoss'})
    pathways = torch.randn(3, 4, 2, 2, 2), torch.randn(3, 2, 2, 2, 2)
    return head, pathways, [ActionDataSample().set_gt_label(label) for label in (0, 3, 1)]


def test_heads_take_bfloat16_and_give_the_loss_of_float32(parts):
    head, pathways, samples = parts
    with torch.autocast('cpu', torch.bfloat16):
        scores = head(pathways)
        losses = head.loss(pathways, samples)
    assert scores.dtype == torch.bfloat16
    exact = head.loss_by_feat(scores.float(), samples)
    assert losses['loss_cls'].dtype == torch.float32
    assert losses.keys() == exact.keys()
    torch.testing.assert_close(losses['loss_cls'], exact['loss_cls'], rtol=0, atol=0)
    assert losses['top1_acc'] == exact['top1_acc']


def test_the_mend_of_the_heads_looks_for_its_fault_and_mends_once(parts, tmp_path, monkeypatch):
    from mmaction.models.heads import base

    head, pathways, samples = parts
    before = base.BaseHead.loss_by_feat
    assert mends.take_bfloat16_scores()
    assert base.BaseHead.loss_by_feat is before
    with torch.autocast('cpu', torch.bfloat16):
        scores = head(pathways)
    with pytest.raises(TypeError, match='BFloat16'):
        before.__wrapped__(head, scores, samples)
    monkeypatch.setattr(mends, '_mmaction_folder', lambda: tmp_path)
    assert not mends.take_bfloat16_scores()
