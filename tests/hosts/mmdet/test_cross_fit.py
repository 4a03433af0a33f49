"""cross-fit of detectors: the parts that mmdet's datasets read, what is refused, and a Mask R-CNN from begin to end."""

import json
import pickle
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.config import Config

from cdb_video.commands import cross_fit
from cdb_video.cross_fit.clips import build_dataset, image_names
from cdb_video.cross_fit.job import Division, Job
from cdb_video.data.units import dataset_units
from cdb_video.difficulty.history import read_history
from cdb_video.host_words import DETECTION, speaking
from tests.support import forked_steps
from tests.support.shapes import CONFIG, make_shapes

LOSS = """
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(
    type='CDBLoss', tau=0, logit_adjustment=1.0, background=1.0))))
custom_imports = dict(imports=['tests.support.mmcv_operators', 'cdb_video', 'tests.support.deadly_hook'])
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
"""
PRELOADED = ['tests.support.mmcv_operators', 'mmdet.models', 'mmdet.datasets', *forked_steps.PRELOADED]


@pytest.fixture(autouse=True)
def _at_work(tmp_path, monkeypatch, repository):
    """A folder with shapes and a config; trainings and scorings are forked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(repository))
    make_shapes(tmp_path, train=12)
    Path('base.py').write_text(CONFIG.replace('ROOT', str(tmp_path)))
    Path('own.py').write_text(f"_base_ = ['base.py']\n{LOSS}")
    with (
        mock.patch('cdb_video.launch.steps.start_process', forked_steps.start_forked),
        mock.patch.object(forked_steps, 'PRELOADED', PRELOADED),
    ):
        yield


def change_annotations(change):
    """Change what the file of the training has."""
    document = json.loads(Path('train.json').read_text())
    change(document)
    Path('train.json').write_text(json.dumps(document))


def without_objects(*numbers):
    """Of these images all objects are taken away."""

    def change(document):
        document['annotations'] = [one for one in document['annotations'] if one['image_id'] not in numbers]

    change_annotations(change)


def job_of(num_folds=2, group=None, **changes):
    config = Config.fromfile('own.py')
    config.merge_from_dict(changes)
    Path('out').mkdir(exist_ok=True)
    return Job.of(config, 'own.py', Path('out'), Division(num_folds, group, 0, 1))


def begun(*args, **changes):
    with speaking(DETECTION):
        job = job_of(*args, **changes)
        return job, job.begin()


def check_parts(job, num_images):
    """See that the parts of all folds are whole, disjoint, and what the datasets of their configs read; their names."""
    scored = []
    for files in job.files:
        config = Config.fromfile(files.config)
        train, test = (
            build_dataset(config, loader.dataset) for loader in (config.train_dataloader, config.test_dataloader)
        )
        assert set(image_names(train)) | set(image_names(test)) == set(job.clips.names)
        assert not set(image_names(train)) & set(image_names(test))
        assert len(train) + len(test) == num_images
        units = dataset_units(train)
        assert len(units.labels) + len(dataset_units(test).labels) == len(job.clips.units.labels)
        scored += image_names(test)
    assert sorted(scored) == list(job.clips.names)


@pytest.mark.parametrize('kind', ['LVISV1Dataset', 'CocoDataset'])
def test_the_parts_are_read_whole_by_datasets_that_filter_and_images_without_objects_are_not_lost(kind):
    def rename(document):
        for image in document['images']:
            image['file_name'] = image['coco_url']

    change_annotations(rename)
    without_objects(2, 5, 6)
    job, remarks = begun(3, **{'train_dataloader.dataset.type': kind})
    assert remarks == []
    assert len(job.clips) == 12
    check_parts(job, 12)
    empty = [job.clips.names.index(f'train_{number - 1}.png') for number in (2, 5, 6)]
    assert sorted(job.plan.folds[empty].tolist()) == [0, 1, 2]
    shutil.rmtree('out')
    # As the training leaves them out, so do all folds.
    job, (said,) = begun(3, **{'train_dataloader.dataset': {'type': kind, 'filter_cfg': {'filter_empty_gt': True}}})
    assert said.startswith('3 of the 12 images of ')
    check_parts(job, 9)


def test_a_part_keeps_all_that_the_file_says():
    def change(document):
        document['images'][3]['neg_category_ids'] = [2]
        document['images'].reverse()

    change_annotations(change)
    job, _ = begun()
    whole = json.loads(Path('train.json').read_text())
    parts = [json.loads(files.scored_list.read_text()) for files in job.files]
    for key in ('images', 'annotations'):
        found = [one for part in parts for one in part[key]]
        assert sorted(found, key=lambda one: one['id']) == sorted(whole[key], key=lambda one: one['id'])
    assert all(part['categories'] == whole['categories'] for part in parts)
    # The order of the file says nothing.
    change_annotations(lambda document: document['images'].reverse())
    assert begun()[1] == ['going on with out']


def test_images_of_a_group_are_in_one_fold_by_a_file():
    Path('groups.txt').write_text(''.join(f'train_{number} scene{number // 4}\n' for number in range(12)))
    job, _ = begun(2, 'groups.txt')
    folds = dict(zip(job.plan.clips, job.plan.folds.tolist(), strict=True))
    assert all(len({folds[f'train_{4 * scene + n}.png'] for n in range(4)}) == 1 for scene in range(3))
    with pytest.raises(ValueError, match='--group session: the image'):
        begun(2, 'session')


def twice(document):
    document['images'][1]['coco_url'] = document['images'][0]['coco_url']


IMAGE, RESIZE = {'type': 'LoadImageFromFile'}, {'type': 'Resize', 'scale': (128, 128), 'keep_ratio': True}
OBJECTS, PACK = {'type': 'LoadAnnotations', 'with_bbox': True}, {'type': 'PackDetInputs'}
DATASET = 'train_dataloader.dataset'
BOX_LOSS = 'model.roi_head.bbox_head.loss_cls'
SAMPLER = 'train_dataloader.sampler'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({f'{DATASET}.indices': 4}, 'indices=4, a part of its images'),
        ({'val_dataloader.dataset.pipeline': [IMAGE, OBJECTS, RESIZE, PACK]}, 'Resize stands behind LoadAnnotations'),
        ({'val_dataloader.dataset.pipeline': [IMAGE, RESIZE, PACK]}, 'so the objects were not loaded'),
        ({'val_dataloader.dataset.pipeline': [IMAGE, RESIZE, OBJECTS]}, 'must end with PackDetInputs'),
        (
            {BOX_LOSS: {'_delete_': True, 'type': 'CrossEntropyLoss'}},
            r"bbox_head=dict\(loss_cls=dict\(type='CDBLoss', tau=0, logit_adjustment=1.0, background=1.0",
        ),
        ({SAMPLER: {'_delete_': True, 'type': 'CDBImageSampler', 'tau': 1.0}}, r'CDBImageSampler\(tau=1.0\) acts by'),
        ({f'{DATASET}.ann_file': 'train.txt'}, 'train.txt'),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_training(changes, message):
    with pytest.raises((ValueError, OSError), match=message):
        begun(**changes)


def test_an_image_that_is_in_the_file_twice_is_refused():
    change_annotations(twice)
    with pytest.raises(ValueError, match=r"has the image 'train_0.png' more than once"):
        begun()


def test_images_without_any_object_are_refused():
    without_objects(*range(1, 13))
    with pytest.raises(ValueError, match=r'none of the 12 images of .*train\.json shows an object'):
        begun()


def test_lvis_repeat_factors_are_taken_and_a_class_may_be_in_one_fold_alone():
    sampler = {'_delete_': True, 'type': 'CDBImageSampler', 'law': 'repeat', 'tau': 0, 'repeat_threshold': 0.5}
    job, _ = begun(**{SAMPLER: sampler})
    assert Config.fromfile(job.files[0].config).train_dataloader.sampler.allow_empty is True


def save_weights(path, **changes):
    """Weights of a training with the config, changed so."""
    config = Config.fromfile('own.py')
    config.merge_from_dict(changes)
    torch.save({'state_dict': {}, 'meta': {'cfg': config.pretty_text}}, path)


def test_weights_that_were_trained_on_the_images_are_refused():
    repeated = Config.fromfile('own.py').train_dataloader.dataset.to_dict()
    repeated = {'_delete_': True, 'type': 'ClassBalancedDataset', 'oversample_thr': 0.5, 'dataset': repeated}
    for changes in ({}, {DATASET: repeated}):
        save_weights('seen.pth', **changes)
        with pytest.raises(ValueError, match=r"load_from='seen.pth' was trained on .*, which has 12 of the 12 images"):
            begun(load_from='seen.pth')
    save_weights('other.pth', **{f'{DATASET}.ann_file': 'val.json'})
    assert begun(load_from='other.pth')[1] == []


def run(folder, *words):
    return cross_fit.main(['own.py', '--work-dir', folder, *words])


def weights_of(folder):
    found = torch.load(next(Path(folder).glob('epoch_*.pth')), weights_only=False)
    return found['state_dict']


@pytest.mark.training
@pytest.mark.slow
def test_a_mask_rcnn_is_cross_fitted_and_its_difficulty_replayed(capsys):
    assert run('out') == 0
    said = capsys.readouterr().out
    assert 'cross-fit: fold 1 of 2: training on 6 images' in said
    assert 'more objects of the mean difficulty' in said
    plan = json.loads(Path('out/cross_fit.json').read_text())
    fold_of = {one['clip']: one['fold'] for one in plan['clips']}
    right, number = np.zeros(3), np.zeros(3)
    for fold in (1, 2):
        trained = {
            one['coco_url'] for one in json.loads(Path(f'out/lists/fold_{fold}_train.json').read_text())['images']
        }
        for image in pickle.loads(Path(f'out/fold_{fold}/predictions.pkl').read_bytes()):
            name = Path(image['img_path']).name
            assert fold_of[name] == fold
            assert name not in trained
            np.add.at(number, image['gt_labels'], 1)
            np.add.at(right, image['gt_labels'], image['gt_labels'] == image['answers'])
    whole = json.loads(Path('train.json').read_text())['annotations']
    history = read_history(Path('out/class_history.jsonl'))
    (record,) = history.records
    assert number.tolist() == np.bincount([one['category_id'] - 1 for one in whole]).tolist() == record.num_clips
    mean = ((number - right) / number).mean()
    assert record.difficulty == pytest.approx(((number - right + 5 * mean) / (number + 5)).tolist())
    assert history.header.train_images is not None
    report = json.loads(Path('out/class_report.json').read_text())
    assert report['split'] == 'cross-fit'
    assert 'missed' in Path('out/report.html').read_text()

    # Again: nothing is trained.
    with mock.patch('cdb_video.launch.steps.start_process', side_effect=AssertionError('started')):
        assert run('out') == 0

    replayed(record.difficulty)


def replayed(difficulty):
    """See that a training on all images takes the difficulty, with weights that grow."""
    from mmengine.runner import Runner

    config = Config.fromfile('own.py')
    loss = {'type': 'CDBLoss', 'tau': None, 'law': 'accumulated', 'strength': 3, 'logit_adjustment': 1.0}
    config.merge_from_dict({BOX_LOSS: {**loss, 'background': 1.0}, 'train_cfg.max_epochs': 2})
    config.custom_hooks = [{'type': 'DifficultyReplayHook', 'history': 'out/class_history.jsonl'}]
    config.work_dir, config.val_cfg, config.val_dataloader, config.val_evaluator = 'replayed', None, None, None
    runner = Runner.from_cfg(config)
    runner.train()
    hook = next(one for one in runner.hooks if type(one).__name__ == 'DifficultyReplayHook')
    assert hook.state_.difficulty.tolist() == pytest.approx(difficulty)
    assert runner.model.roi_head.bbox_head.loss_cls.class_weight.mean().item() == pytest.approx(1)
    assert [one.source for one in read_history(Path('replayed/class_history.jsonl')).records] == ['replay', 'replay']


@pytest.mark.training
@pytest.mark.long
def test_a_cross_fit_of_a_detector_that_is_killed_in_a_training_ends_as_the_undisturbed_one():
    words = ('--cfg-options', 'train_cfg.max_epochs=2')
    assert run('out', *words) == 0
    hook = {'type': 'SignalOnce', 'iteration': 3, 'note': str(Path('died').absolute()), 'folder': 'fold_2', 'rank': 0}
    Path('own.py').write_text(f"_base_ = ['base.py']\n{LOSS}custom_hooks = [{hook!r}]\n")
    assert run('killed', *words) == 1
    assert not Path('killed/class_history.jsonl').exists()
    assert run('killed', *words) == 0
    assert Path('killed/class_history.jsonl').read_bytes() == Path('out/class_history.jsonl').read_bytes()
    before, after = (weights_of(f'{folder}/fold_2') for folder in ('out', 'killed'))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0, msg=name)
