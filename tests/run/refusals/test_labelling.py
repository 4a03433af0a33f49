"""Metrics and losses that do not fit what bears the labels, and weights of other classes."""

import uuid
from unittest import mock

import pytest
from mmengine.registry import METRICS
from torch import nn

from cdb_video.host_words import DETECTION, speaking
from cdb_video.losses.cdb import CDBLoss
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.run.refusals.labelling import check_backgrounds, check_counted, count_evaluated
from tests.support.runs import make_runner
from tests.support.scenes import DetectionScenes
from tests.support.toys import LabelsOnly

pytestmark = pytest.mark.training
IMAGES = [[0, 1, 1], [], [2], [1, 0, 3, 2]]
SCENES = {'_delete_': True, 'type': 'DetectionScenes', 'images': IMAGES, 'classes': ('a', 'b', 'c', 'd')}


@METRICS.register_module(force=True)
class ObjectMetric(ClassAccuracy):
    """Counts objects, as the one of mmdet does."""

    counts_objects = True


def toy(work_dir, **changes):
    return make_runner(work_dir, uuid.uuid4().hex, **{'train_cfg': {'max_epochs': 1}, **changes})


def test_a_metric_for_samples_is_refused_where_objects_are_evaluated(tmp_path):
    scenes = {'dataset': SCENES, 'sampler': {'type': 'CDBImageSampler', 'law': 'repeat'}}
    runner = toy(tmp_path, train_dataloader=scenes, val_dataloader={'dataset': SCENES})
    message = (
        'val_evaluator: ClassAccuracy counts samples with one label each, and those of DetectionScenes show objects '
        r"with a class each: set dict\(type='ObjectAccuracy'\), beside CocoMetric"
    )
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert runner.iter == 0


def test_a_metric_for_objects_is_refused_where_samples_are_evaluated(tmp_path):
    runner = toy(tmp_path, val_evaluator={'type': 'ObjectMetric'})
    message = (
        r"ObjectMetric counts objects, and every clip of ToyDataset has one label: set dict\(type='ClassAccuracy'\)"
    )
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert runner.iter == 0


def test_a_test_is_checked_likewise(tmp_path):
    loaders = {
        'test_dataloader': {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': {k: v for k, v in SCENES.items() if k != '_delete_'},
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        }
    }
    runner = toy(tmp_path, test_evaluator={'type': 'ClassAccuracy'}, test_cfg={}, **loaders)
    with pytest.raises(ValueError, match='test_evaluator: ClassAccuracy counts samples with one label each'):
        runner.test()


def test_what_fits_is_counted():
    dataset = DetectionScenes(IMAGES)
    assert count_evaluated(ObjectMetric(), dataset, 5, 'val').tolist() == [2, 3, 2, 1, 0]
    assert count_evaluated(ClassAccuracy(), LabelsOnly([0, 2]), 3, 'val').tolist() == [1, 0, 1]
    with pytest.raises(
        ValueError, match='sample 3 of DetectionScenes has an object of class 3, but there are 3 classes'
    ):
        count_evaluated(ObjectMetric(), dataset, 3, 'val')
    with speaking(DETECTION), pytest.raises(ValueError, match='in the place of CocoMetric'):
        check_counted(ObjectMetric(), False, LabelsOnly([0]), 'val')


def test_a_classifier_has_no_background(tmp_path):
    runner = toy(tmp_path, model={'loss_cls': {'type': 'CDBLoss', 'background': 1.0}})
    with pytest.raises(
        ValueError, match=r'cls_head.loss_cls \(CDBLoss\) has background=1.0, and every clip of ToyData'
    ):
        runner.train()
    assert runner.iter == 0


def test_a_detector_and_a_loss_of_somebody_else_may_have_one():
    model = nn.ModuleDict({'loss_cls': CDBLoss(background=0.5)})
    check_backgrounds(model, DetectionScenes(IMAGES))
    other = nn.Module()
    other.background = 1.0
    check_backgrounds(other, LabelsOnly([0]))
    check_backgrounds(nn.ModuleDict({'loss_cls': CDBLoss()}), LabelsOnly([0]))
    with pytest.raises(ValueError, match=r'loss_cls \(CDBLoss\) has background=0.5'):
        check_backgrounds(model, LabelsOnly([0]))


PLAIN = {'custom_hooks': [], 'model': {'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}}}
NATURAL = {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}}
OTHERS = ('lift', 'cut', 'knead', 'spread')


def of_classes(classes):
    return {'dataset': {'classes': classes}}


def trained_without_hook(work_dir):
    """A checkpoint that knows of no difficulty, only of the classes that it was trained on."""
    toy(work_dir, train_dataloader=NATURAL, **PLAIN).train()
    return str(work_dir / 'epoch_1.pth')


def test_a_checkpoint_of_other_categories_is_not_resumed(tmp_path):
    trained_without_hook(tmp_path)
    data = {f'{role}_dataloader': of_classes(OTHERS) for role in ('train', 'val')}
    runner = toy(tmp_path, resume=True, train_cfg={'max_epochs': 2}, **data)
    message = "class 2 is 'wash' in the checkpoint and 'knead' in this run, which resumes it,"
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert runner.iter == 10


@pytest.mark.parametrize('classes', [OTHERS, None])
def test_weights_for_other_categories_are_said_to_be_such(tmp_path, classes):
    path = trained_without_hook(tmp_path / 'a')
    data = {} if classes is None else {f'{role}_dataloader': of_classes(classes) for role in ('train', 'val')}
    runner = toy(tmp_path / 'b', load_from=path, **data)
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    said = [str(call.args[0]) for call in warning.call_args_list if 'the checkpoint of load_from' in str(call)]
    assert len(said) == (classes is not None)
    assert all("class 2 is 'wash' in the checkpoint of load_from and 'knead' in this run" in text for text in said)


def test_a_test_of_weights_for_other_categories_is_said_to_be_one(tmp_path):
    path = trained_without_hook(tmp_path / 'a')
    data = {
        'batch_size': 8,
        'num_workers': 0,
        'dataset': {'type': 'ToyDataset', 'counts': [3, 3, 3, 3], 'classes': OTHERS},
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    }
    runner = toy(
        tmp_path / 'b', load_from=path, test_dataloader=data, test_evaluator={'type': 'ClassAccuracy'}, test_cfg={}
    )
    with mock.patch('cdb_video.run.reporting.evaluated_model._LOG.warning') as warning:
        runner.test()
    (said,) = [str(call.args[0]) for call in warning.call_args_list]
    assert said.startswith("class 2 is 'knead' in ToyDataset and 'wash' in the checkpoint")
