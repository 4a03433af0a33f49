"""The config of a cross-fit: what it must be, and what is made of it for a fold."""

import copy

import pytest
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS

from cdb_video.cross_fit.configs import check_config, fold_config, remarks_on_schedules, trained_length
from cdb_video.samplers.class_sampler import ClassSampler
from cdb_video_files.configs.shipped import find_config
from tests.support.toys import CLASS_NAMES, LabelsOnly

pytest.importorskip('mmaction')

BASE = {
    'default_scope': 'mmaction',
    'model': {'type': 'Recognizer3D', 'cls_head': {'type': 'I3DHead', 'loss_cls': {'type': 'CDBLoss', 'tau': 0}}},
    'train_dataloader': {
        'batch_size': 4,
        'dataset': {
            'type': 'FrameListDataset',
            'ann_file': 'train.txt',
            'data_prefix': {'img': 'frames'},
            'pipeline': [{'type': 'SampleFrames', 'clip_len': 4}],
            'on_error': 'resample',
            'max_damaged': 3,
        },
        'sampler': {'type': 'DefaultSampler', 'shuffle': True},
    },
    'test_dataloader': {
        'batch_size': 1,
        'num_workers': 2,
        'drop_last': True,
        'dataset': {
            'type': 'FrameListDataset',
            'ann_file': 'test.txt',
            'data_prefix': {'img': 'other'},
            'pipeline': [
                {'type': 'SampleFrames', 'clip_len': 4, 'num_clips': 10, 'test_mode': True},
                {'type': 'ThreeCrop', 'crop_size': 256},
            ],
        },
        'sampler': {'type': 'DefaultSampler', 'shuffle': True},
    },
    'val_dataloader': {'dataset': {'type': 'FrameListDataset', 'ann_file': 'val.txt', 'pipeline': []}},
    'val_cfg': {},
    'val_evaluator': {'type': 'ClassAccuracy'},
    'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': 30},
    'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
    'custom_hooks': [
        {'type': 'EMAHook'},
        {'type': 'ClassDifficultyHook', 'observe_only': True},
        {'type': 'DifficultyReplayHook', 'history': 'x'},
    ],
    'default_hooks': {
        'checkpoint': {
            'type': 'CheckpointHook',
            'interval': 5,
            'save_best': 'acc/mean1',
            'rule': 'greater',
            'out_dir': '/elsewhere',
            'save_optimizer': False,
        },
        'logger': {'type': 'LoggerHook'},
    },
    'randomness': {'seed': 9, 'deterministic': True},
    'load_from': 'weights.pth',
    'resume': True,
    'work_dir': 'own',
}
BASE['model']['cls_head']['loss_cls']['logit_adjustment'] = 1.0


@DATA_SAMPLERS.register_module(force=True)
class OwnSampler(ClassSampler):
    """A user's own."""

    def __init__(self, dataset, **kwargs):
        super().__init__(dataset, frequency_power=0.3, **kwargs)


@DATA_SAMPLERS.register_module(force=True)
class StrictSampler(ClassSampler):
    """One that does not take the option."""

    def __init__(self, dataset, shuffle=True):
        super().__init__(dataset, shuffle=shuffle)


def changed(**changes):
    """The base with dotted keys changed; ... removes one."""
    config = Config(copy.deepcopy(BASE))
    for key, value in changes.items():
        *path, last = key.split('__')
        part = config._cfg_dict
        for name in path:
            part = part[name]
        if value is ...:
            del part[last]
        else:
            part[last] = value
    return config


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'model__cls_head__loss_cls': {'type': 'CrossEntropyLoss'}},
            r'no balanced softmax \(its loss: CrossEnt',
        ),
        (
            {'model__cls_head__loss_cls': ...},
            r'\(its loss: that of its head\).*tau=0, logit_adjustment=1',
        ),
        ({'model__cls_head__loss_cls__logit_adjustment': 0.0}, 'no balanced softmax'),
        ({'model__cls_head__loss_cls__tau': 0.5}, r'mine: CDBLoss\(tau=0\.5\) acts by class difficulty.*set tau=0'),
        ({'model__cls_head__loss_cls__tau': ...}, r'CDBLoss\(tau=1\.0\) acts'),
        (
            {'model__cls_head__loss_cls': {'type': 'CDBLoss', 'law': 'accumulated', 'logit_adjustment': 1.0}},
            r"CDBLoss\(law='accumulated'\) acts by class difficulty",
        ),
        (
            {'train_dataloader__sampler': {'type': 'CDBSampler'}},
            r'CDBSampler\(tau=1\.0\) acts .* another sampler',
        ),
        ({'custom_hooks': [{'type': 'SecondStageHook', 'new_classifier': True}]}, 'is a second stage.*seen the clips'),
        ({'model': {}}, 'mine has no model'),
        ({'train_cfg__max_epochs': ...}, r'train_cfg\.max_epochs=None: must be a whole number >= 1'),
        ({'train_cfg': {'by_epoch': False, 'max_iters': 0}}, r'train_cfg\.max_iters=0'),
    ],
)
def test_configs_that_cannot_be_cross_fitted_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_config(changed(**changes), 'mine')


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'train_dataloader__sampler': {'type': 'CDBSampler', 'tau': 0}},
        {'train_dataloader__sampler': {'type': 'ClassSampler', 'frequency_power': 0}},
        {
            'model__cls_head__loss_cls': {
                'type': 'CDBLoss',
                'law': 'accumulated',
                'strength': 0,
                'logit_adjustment': 1.0,
            }
        },
        {'model__cls_head__loss_cls': {'type': 'OwnLoss', 'logit_adjustment': 0.7}},
    ],
)
def test_configs_without_a_difficulty_that_acts_are_taken(changes):
    check_config(changed(**changes), 'mine')


@pytest.mark.parametrize('name', ['egtea/mini/slowfast_balsoftmax.py', 'egtea/i3d_balsoftmax_action106_all.py'])
def test_shipped_configs_of_balanced_softmax_are_taken(name):
    config = Config.fromfile(find_config(f'cdb_video::{name}'))
    check_config(config, name)
    made = fold_config(config, '/a.txt', '/b.txt', 0)
    steps = [step['type'] for step in made.test_dataloader.dataset.pipeline]
    assert 'ThreeCrop' not in steps
    assert made.test_dataloader.dataset.classes == config.train_dataloader.dataset.classes


def test_a_fold_is_trained_without_validation_and_scored_in_one_view():
    config = changed()
    before = copy.deepcopy(config.to_dict())
    made = fold_config(config, '/lists/train.txt', '/lists/scored.txt', 4)
    assert config.to_dict() == before

    assert made.train_dataloader.dataset == {**BASE['train_dataloader']['dataset'], 'ann_file': '/lists/train.txt'}
    assert (made.val_dataloader, made.val_cfg, made.val_evaluator) == (None, None, None)
    scored = made.test_dataloader
    assert scored.dataset == {
        'type': 'FrameListDataset',
        'ann_file': '/lists/scored.txt',
        'data_prefix': {'img': 'frames'},  # of the training, where the clips are
        'pipeline': [
            {'type': 'SampleFrames', 'clip_len': 4, 'num_clips': 1, 'test_mode': True},
            {'type': 'CenterCrop', 'crop_size': 256},
        ],
        'test_mode': True,
    }
    assert (scored.batch_size, scored.num_workers) == (1, 2)
    assert scored.sampler == {'type': 'DefaultSampler', 'shuffle': False}
    assert 'drop_last' not in scored
    assert made.test_evaluator == {'type': 'ClassAccuracy'}
    assert made.model.cls_head.average_clips == 'prob'

    assert [hook['type'] for hook in made.custom_hooks] == ['EMAHook', 'ClassDifficultyHook', 'SampleSeedHook']
    assert made.custom_hooks[1]['observe_only'] is True
    assert made.default_hooks.checkpoint == {
        'type': 'EnduringCheckpointHook',
        'interval': 5,
        'save_optimizer': True,
        'save_param_scheduler': True,
        'save_last': True,
        'max_keep_ckpts': 1,
    }
    assert made.randomness == {'seed': 4, 'deterministic': True}
    assert (made.load_from, made.resume) == ('weights.pth', False)
    assert 'work_dir' not in made


@pytest.mark.parametrize(
    'sampler',
    [
        {'type': 'ClassSampler', 'frequency_power': 0.5},
        {'type': 'CDBSampler', 'tau': 0},
        {'type': 'ProgressiveSampler'},
        {'type': 'RepeatFactorSampler', 'threshold': 0.1},
        {'type': 'cdb_video.samplers.by_frequency.RepeatFactorSampler'},
        {'type': 'OwnSampler'},
    ],
)
def test_a_sampler_of_classes_takes_parts_that_lack_a_class(sampler):
    config = changed(train_dataloader__sampler=sampler)
    check_config(config, 'toy.py')
    made = fold_config(config, '/lists/train.txt', '/lists/scored.txt', 0)
    assert made.train_dataloader.sampler == {**sampler, 'allow_empty': True}
    assert 'allow_empty' not in config.train_dataloader.sampler
    labels = [0, 0, 0, 1, 2, 2]  # none of the last class
    part = LabelsOnly(labels, CLASS_NAMES)
    built = DATA_SAMPLERS.build(made.train_dataloader.sampler, default_args={'dataset': part, 'seed': 0})
    assert {labels[place] for place in built} == {0, 1, 2}


@pytest.mark.parametrize('sampler', [BASE['train_dataloader']['sampler'], {'type': 'StrictSampler'}])
def test_other_samplers_get_no_option_that_they_do_not_have(sampler):
    made = fold_config(changed(train_dataloader__sampler=sampler), '/lists/train.txt', '/lists/scored.txt', 0)
    assert made.train_dataloader.sampler == sampler


@pytest.mark.parametrize(
    ('train_cfg', 'saver', 'expected'),
    [
        ({'max_epochs': 30}, {'interval': 2, 'by_epoch': False, 'save_begin': 100}, {'interval': 1, 'by_epoch': True}),
        ({'by_epoch': False, 'max_iters': 900}, {'interval': 5, 'save_begin': 2}, {'interval': 90, 'by_epoch': False}),
        ({'type': 'IterBasedTrainLoop', 'max_iters': 7}, None, {'interval': 1, 'by_epoch': False}),
        (
            {'type': 'IterBasedTrainLoop', 'max_iters': 9},
            {'interval': 2, 'by_epoch': False},
            {'interval': 2, 'by_epoch': False},
        ),
        ({'max_epochs': 30}, {'interval': 5, 'save_begin': 2}, {'interval': 5, 'save_begin': 2}),
    ],
)
def test_the_saver_counts_as_the_training_does_so_that_the_last_checkpoint_says_that_it_is_over(
    train_cfg, saver, expected
):
    saver = saver and {'type': 'CheckpointHook', 'filename_tmpl': 'model_{}.pth', **saver}
    config = changed(train_cfg=train_cfg, default_hooks={'checkpoint': saver})
    made = dict(fold_config(config, 'a', 'b', 0).default_hooks.checkpoint)
    assert all(made.pop(key) for key in ('save_optimizer', 'save_param_scheduler', 'save_last'))
    assert (made.pop('type'), made.pop('max_keep_ckpts')) == ('EnduringCheckpointHook', 1)
    assert made == expected


def test_a_second_saver_is_left_out():
    by_iteration = {'type': 'CheckpointHook', 'interval': 3, 'by_epoch': False}
    config = changed(custom_hooks=[by_iteration, {'type': 'EMAHook'}], default_hooks__also=by_iteration)
    made = fold_config(config, 'a', 'b', 0)
    assert [hook['type'] for hook in made.custom_hooks] == ['EMAHook', 'ClassDifficultyHook', 'SampleSeedHook']
    assert sorted(made.default_hooks) == ['checkpoint', 'logger']


def test_a_training_by_iteration_gets_no_hook_that_needs_epochs():
    config = changed(train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': 900})
    assert trained_length(config) == ('iteration', 900)
    assert 'SampleSeedHook' not in [hook['type'] for hook in fold_config(config, 'a', 'b', 0).custom_hooks]


def test_a_hook_that_seeds_samples_is_added_once():
    config = changed(default_hooks={'sample_seed': {'type': 'SampleSeedHook'}})
    assert 'SampleSeedHook' not in [hook['type'] for hook in fold_config(config, 'a', 'b', 0).custom_hooks]


def test_without_a_test_the_validation_says_how_clips_are_scored_and_one_of_the_two_is_needed():
    config = changed(test_dataloader=None)
    config.val_dataloader.dataset.pipeline = [{'type': 'SampleFrames', 'num_clips': 3}]
    made = fold_config(config, 'a', 'b', 0)
    assert made.test_dataloader.dataset.pipeline == [{'type': 'SampleFrames', 'num_clips': 1}]
    assert made.test_dataloader.batch_size == 4  # as in training, where none is stated
    with pytest.raises(ValueError, match=r'neither test_dataloader nor val_dataloader .*: add a test_dataloader'):
        fold_config(changed(test_dataloader=None, val_dataloader=None), 'a', 'b', 0)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda inner: {'type': 'ConcatDataset', 'datasets': [inner, {**inner, 'ann_file': 'more.txt'}]},
        lambda inner: {'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'ConcatDataset', 'datasets': [inner]}},
    ],
)
def test_a_wrapped_test_set_says_how_clips_are_scored_too(wrap):
    plain = fold_config(changed(), 'a', 'b', 0).test_dataloader
    wrapped = changed(test_dataloader__dataset=wrap(BASE['test_dataloader']['dataset']))
    assert fold_config(wrapped, 'a', 'b', 0).test_dataloader == plain


def test_test_sets_that_are_read_in_different_ways_or_in_none_are_refused_in_their_words():
    inner = BASE['test_dataloader']['dataset']
    other = {**inner, 'pipeline': inner['pipeline'][:1]}
    config = changed(test_dataloader__dataset={'type': 'ConcatDataset', 'datasets': [inner, other]})
    with pytest.raises(ValueError, match=r'test_dataloader reads 2 sets by different pipelines.*with one set'):
        fold_config(config, 'a', 'b', 0)
    config = changed(test_dataloader__dataset={'type': 'OwnDataset'}, val_dataloader=None)
    with pytest.raises(ValueError, match=r'^test_dataloader \(OwnDataset\) has no pipeline, by which'):
        fold_config(config, 'a', 'b', 0)
    config = changed(test_dataloader__dataset={'type': 'OwnDataset'})
    config.val_dataloader.dataset.pipeline = [{'type': 'SampleFrames', 'num_clips': 3}]
    assert fold_config(config, 'a', 'b', 0).test_dataloader.dataset.pipeline == [
        {'type': 'SampleFrames', 'num_clips': 1}
    ]


@pytest.mark.parametrize(
    'scheduler',
    [
        {'type': 'ReduceOnPlateauLR', 'monitor': 'acc/mean1'},
        [{'type': 'LinearLR'}, {'type': 'ReduceOnPlateauMomentum', 'monitor': 'acc/mean1'}],
        {'generator': {'type': 'ReduceOnPlateauParamScheduler', 'param_name': 'lr', 'monitor': 'acc/mean1'}},
    ],
)
def test_a_schedule_that_goes_by_validation_is_refused(scheduler):
    with pytest.raises(
        ValueError, match=r'mine: ReduceOnPlateau\w+ acts by what a validation gives.*CosineAnnealingLR'
    ):
        check_config(changed(param_scheduler=scheduler), 'mine')


def test_a_schedule_by_iteration_in_a_training_by_epoch_is_remarked_on():
    by_iteration = {'type': 'LinearLR', 'by_epoch': False, 'end': 500}
    by_epoch = {'type': 'CosineAnnealingLR', 'by_epoch': True, 'convert_to_iter_based': True}
    (remark,) = remarks_on_schedules(changed(param_scheduler=[by_iteration, by_epoch]))
    assert remark.startswith('LinearLR (by_epoch=False) counts iterations')
    assert remarks_on_schedules(changed(param_scheduler=[by_epoch, {'type': 'StepLR'}])) == []
    assert remarks_on_schedules(changed()) == []
    by_iterations = changed(train_cfg={'by_epoch': False, 'max_iters': 9}, param_scheduler=by_iteration)
    assert remarks_on_schedules(by_iterations) == []
