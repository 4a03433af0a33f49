"""Losses in heads that they are not made for, and pipelines of an evaluation that resize the objects."""

from types import SimpleNamespace

import pytest
from torch import nn

from cdb_video.hosts.mmdet import HOST
from cdb_video.hosts.mmdet.refusals import refuse_resized_objects
from cdb_video.losses.cdb import CDBLoss

LOSS = {'type': 'CDBLoss', 'background': 1.0}
BOX = {'in_channels': 4, 'fc_out_channels': 4, 'roi_feat_size': 1, 'num_classes': 3}
DENSE = {'in_channels': 4, 'feat_channels': 4, 'num_classes': 3}
SOFTMAX = 'made for the softmax over the classes and the background of proposals.*CDBImageSampler.*Mask R-CNN'


def head_of(kind, **options):
    import mmdet.models  # noqa: F401
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build({'type': kind, **options})


def refuse_other_heads(model):
    from cdb_video.hosts.mmdet import heads

    heads.refuse_other_heads(model)


@pytest.mark.parametrize('kind', ['Shared2FCBBoxHead', 'Shared4Conv1FCBBoxHead', 'ConvFCBBoxHead'])
def test_a_box_head_needs_the_background_in_its_loss(kind):
    head = head_of(kind, **BOX, loss_cls=dict(LOSS))
    refuse_other_heads(nn.ModuleDict({'bbox_head': head}))
    head = head_of(kind, **BOX, loss_cls={'type': 'CDBLoss'})
    message = rf'roi_head.bbox_head.1.loss_cls \(CDBLoss in {kind}\): a box head has a score.*background=1.0'
    with pytest.raises(ValueError, match=message):
        refuse_other_heads(
            nn.ModuleDict({'roi_head': nn.ModuleDict({'bbox_head': nn.ModuleList([nn.Identity(), head])})})
        )


@pytest.mark.parametrize(
    ('kind', 'options', 'place', 'message'),
    [
        ('RetinaHead', DENSE, 'loss_cls', SOFTMAX),
        ('FCOSHead', DENSE, 'loss_cls', SOFTMAX),
        ('ATSSHead', DENSE, 'loss_cls', SOFTMAX),
        ('FCNMaskHead', {'num_classes': 3, 'in_channels': 4}, 'loss_mask', 'a loss of masks tells the pixels'),
        ('Shared2FCBBoxHead', BOX, 'loss_bbox', 'made for the classes of boxes, the loss_cls'),
    ],
)
def test_losses_elsewhere_are_refused(kind, options, place, message):
    head = head_of(kind, **options)
    refuse_other_heads(nn.ModuleDict({'head': head}))  # with the losses of mmdet
    setattr(head, place, CDBLoss(background=1.0))
    with pytest.raises(ValueError, match=rf'^head.{place} \(CDBLoss in {kind}\): .*{message}'):
        refuse_other_heads(nn.ModuleDict({'head': head}))


def test_the_head_of_the_proposals_is_refused():
    head = head_of('RPNHead', in_channels=4, feat_channels=4, loss_cls=dict(LOSS))
    with pytest.raises(ValueError, match=r'rpn_head.loss_cls \(CDBLoss in RPNHead\): this head tells objects from'):
        refuse_other_heads(nn.ModuleDict({'rpn_head': head}))


def test_heads_of_a_user_are_left_alone():
    own = nn.Module()
    own.loss_mask = CDBLoss()
    refuse_other_heads(nn.ModuleDict({'head': own}))


def test_metrics_with_a_file_evaluate_the_images_of_a_part(tmp_path):
    from mmdet.evaluation import CocoMetric, VOCMetric

    from tests.support.scenes import DetectionScenes

    part = DetectionScenes([[0], [], [1], [0, 1]]).get_subset([1, 3])
    metric, other = CocoMetric(), VOCMetric()
    for one in (metric, other):
        HOST.evaluate_on(one, part)
    assert metric.img_ids == [1, 3]
    assert not hasattr(other, 'img_ids')


def dataset_of(*names):
    """A dataset whose pipeline has transforms of these names."""
    steps = [type(name, (), {})() for name in names]
    return SimpleNamespace(pipeline=SimpleNamespace(transforms=steps))


@pytest.mark.parametrize('resizing', ['Resize', 'FixScaleResize', 'RandomChoiceResize'])
def test_objects_that_are_resized_with_their_image_are_refused(resizing):
    wrong = dataset_of('LoadImageFromFile', 'LoadAnnotations', resizing, 'PackDetInputs')
    message = f'{resizing} stands behind LoadAnnotations in the pipeline of the evaluated SimpleNamespace'
    for dataset in (wrong, SimpleNamespace(dataset=wrong), SimpleNamespace(datasets=[dataset_of(), wrong])):
        with pytest.raises(ValueError, match=message):
            refuse_resized_objects(dataset)


@pytest.mark.parametrize(
    'names',
    [
        ('LoadImageFromFile', 'Resize', 'LoadAnnotations', 'PackDetInputs'),
        ('LoadImageFromFile', 'Resize', 'PackDetInputs'),
        ('LoadImageFromFile', 'LoadAnnotations', 'PackDetInputs'),
        (),
    ],
)
def test_other_pipelines_are_taken(names):
    refuse_resized_objects(dataset_of(*names))
    refuse_resized_objects(None)


def test_the_host_refuses_it_of_the_evaluated_set_alone():
    import mmdet.datasets  # noqa: F401  or none of the sets would be of mmdet

    wrong = dataset_of('LoadAnnotations', 'Resize')
    HOST.refuse(nn.Identity(), wrong, None)  # the usual pipeline of a training
    with pytest.raises(ValueError, match='Resize stands behind LoadAnnotations'):
        HOST.refuse(nn.Identity(), None, wrong)
