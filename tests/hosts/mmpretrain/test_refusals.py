"""What class difficulty cannot work with, of mmpretrain's own classes."""

import pytest
from mmengine.registry import MODELS

from cdb_video.hosts.mmpretrain import HOST
from tests.support.images import make_images

NET = {'type': 'CIFARResNet', 'depth': 8, 'base_channels': 4}
OTHERS = {
    'several labels': {
        'type': 'ImageClassifier',
        'backbone': NET,
        'head': {'type': 'MultiLabelLinearClsHead', 'num_classes': 4, 'in_channels': 16},
    },
    'several tasks': {
        'type': 'ImageClassifier',
        'backbone': NET,
        'head': {
            'type': 'MultiTaskHead',
            'task_heads': {'one': {'type': 'LinearClsHead', 'num_classes': 4}},
            'in_channels': 16,
        },
    },
    'images that are alike': {
        'type': 'ImageToImageRetriever',
        'image_encoder': [NET, {'type': 'GlobalAveragePooling'}],
        'prototype': 'unused',
    },
    'images without labels': {
        'type': 'SimSiam',
        'backbone': NET,
        'neck': {'type': 'NonLinearNeck', 'in_channels': 16, 'hid_channels': 8, 'out_channels': 8},
        'head': {
            'type': 'LatentPredictHead',
            'loss': {'type': 'CosineSimilarityLoss'},
            'predictor': {'type': 'NonLinearNeck', 'in_channels': 8, 'hid_channels': 4, 'out_channels': 8},
        },
    },
}


@pytest.fixture(autouse=True)
def _scope():
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)


@pytest.mark.parametrize('words', OTHERS)
def test_a_model_for_another_task_is_refused_with_what_to_use(words):
    model = MODELS.build(OTHERS[words])
    with pytest.raises(ValueError, match=f'{words}.* one label an image') as caught:
        HOST.refuse(model, None, None)
    assert 'Train ' in str(caught.value) or 'train ' in str(caught.value) or 'Use ' in str(caught.value)


def test_the_regression_of_the_fork_is_refused():
    if MODELS.get('mmpretrain.RegressionHead') is None:
        pytest.skip('mmpretrain has no such head; onedl-mmpretrain has')
    head = {'type': 'LinearRegressionHead', 'num_classes': 1, 'in_channels': 16}
    model = MODELS.build({'type': 'ImageClassifier', 'backbone': NET, 'head': head})
    with pytest.raises(ValueError, match=r'head \(LinearRegressionHead\) gives numbers, not classes: .*LinearClsHead'):
        HOST.refuse(model, None, None)


def test_a_model_that_is_no_classifier_is_refused():
    from torch import nn

    class Captioner(nn.Module):
        __module__ = 'mmpretrain.models.multimodal.somewhere'
        data_preprocessor = None

    with pytest.raises(ValueError, match='Captioner is no classifier'):
        HOST.refuse(Captioner(), None, None)


@pytest.mark.parametrize('wrapped', [False, True])
def test_a_dataset_of_several_labels_is_refused_even_if_each_image_has_one(tmp_path, wrapped):
    from mmengine.dataset import RepeatDataset
    from mmpretrain.datasets import CustomDataset, MultiLabelDataset

    (tmp_path / 'labels.json').write_text(
        '{"metainfo": {"classes": ["a", "b"]}, "data_list": [{"img_path": "x.png", "gt_label": [1]}]}'
    )
    dataset = MultiLabelDataset(ann_file=str(tmp_path / 'labels.json'), data_root=str(tmp_path))
    model = MODELS.build({'type': 'ImageClassifier', 'backbone': NET, 'head': {'type': 'ClsHead'}})
    with pytest.raises(ValueError, match='MultiLabelDataset gives an image several labels'):
        HOST.refuse(model, RepeatDataset(dataset, 2) if wrapped else dataset, None)
    make_images(tmp_path)
    HOST.refuse(model, CustomDataset(data_root=str(tmp_path), data_prefix='train'), None)
