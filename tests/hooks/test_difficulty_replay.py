"""DifficultyReplayHook in whole toy runs."""

import copy
import json
import uuid
from unittest import mock

import numpy as np
import pytest
import torch

from cdb_video.difficulty.history import read_history
from tests.support.runs import hook_of, make_runner
from tests.support.toys import CLASS_NAMES

pytestmark = pytest.mark.training

TEST_SET = {
    'batch_size': 8,
    'num_workers': 0,
    'dataset': {'type': 'ToyDataset', 'counts': [12, 12, 12, 12], 'seed': 2},
    'sampler': {'type': 'DefaultSampler', 'shuffle': False},
}
NO_VALIDATION = {
    'val_dataloader': ...,
    'val_cfg': ...,
    'val_evaluator': ...,
    'default_hooks': {'checkpoint': {'save_best': None}},
}


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    """A run of four epochs with validation, and its history."""
    folder = tmp_path_factory.mktemp('measured')
    runner = make_runner(folder, uuid.uuid4().hex, train_cfg={'max_epochs': 4})
    runner.train()
    return runner, folder / 'class_history.jsonl'


@pytest.fixture
def replay(tmp_path, measured):
    """Build a runner that replays; options of the hook, then changes of the config."""

    def build(options=None, **changes):
        hook = {'type': 'DifficultyReplayHook', 'history': str(measured[1]), **(options or {})}
        settings = {'train_cfg': {'max_epochs': 4}, 'custom_hooks': [hook], **NO_VALIDATION, **changes}
        return make_runner(tmp_path / 'replayed', uuid.uuid4().hex, **settings)

    return build


def test_replay_on_the_same_clips_repeats_the_training_to_the_bit(measured, replay, tmp_path):
    straight, path = measured
    runner = replay()
    runner.train()
    assert runner.model.batches == straight.model.batches
    for one, other in zip(runner.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)
    recorded, replayed = read_history(path).records, read_history(tmp_path / 'replayed/class_history.jsonl').records
    # The last validation is due after the last iteration.
    assert len(replayed) == len(recorded) - 1
    for one, other in zip(replayed, recorded, strict=False):
        for name in ('iteration', 'epoch', 'difficulty', 'consumers', 'num_clips'):
            assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize('stretch', [1.5, 'epoch'])
def test_replay_on_more_clips_acts_at_the_stretched_iterations(replay, measured, tmp_path, stretch):
    # 115 clips in batches of 8 are 15 iterations an epoch, those of the recorded run were 10.
    runner = replay({'stretch': stretch}, train_dataloader={'dataset': {'counts': [60, 30, 15, 10]}})
    weights = []
    step = runner.model.train_step
    with mock.patch.object(runner.model, 'train_step') as observed:
        observed.side_effect = lambda *args, **kwargs: (
            weights.append(runner.model.cls_head.loss_cls.class_weight.tolist()) or step(*args, **kwargs)
        )
        runner.train()
    recorded = [record.consumers['CDBLoss'].weight for record in read_history(measured[1]).records]
    assert weights[14] == [1.0] * 4
    assert weights[15] == weights[29] == recorded[0]
    assert weights[30] == recorded[1]
    assert weights[45] == recorded[2]
    records = read_history(tmp_path / 'replayed/class_history.jsonl').records
    assert [record.iteration for record in records] == [15, 30, 45]


@pytest.mark.parametrize('epoch', [1, 2])
def test_resumed_replay_equals_an_uninterrupted_one(replay, tmp_path, epoch):
    straight = replay()
    straight.train()
    before = read_history(tmp_path / 'replayed/class_history.jsonl').records
    resumed = replay(resume=True, load_from=str(tmp_path / f'replayed/epoch_{epoch}.pth'))
    resumed.train()
    assert resumed.model.batches == straight.model.batches[10 * epoch :]
    for one, other in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert read_history(tmp_path / 'replayed/class_history.jsonl').records == before


def test_class_report_after_testing_has_difficulty_and_own_training_counts(replay, tmp_path):
    runner = replay(
        train_dataloader={'dataset': {'counts': [60, 30, 15, 10]}},
        test_dataloader=TEST_SET,
        test_cfg={},
        test_evaluator={'type': 'ClassAccuracy'},
    )
    runner.train()
    assert not (tmp_path / 'replayed/class_report.json').exists()  # nothing was measured here
    runner.test()
    document = json.loads((tmp_path / 'replayed/class_report.json').read_text())
    rows = sorted(document['classes'], key=lambda row: row['label'])
    assert [row['train_count'] for row in rows] == [60, 30, 15, 10]
    np.testing.assert_allclose(
        [row['difficulty'] for row in rows], hook_of(runner, 'DifficultyReplayHook').state_.difficulty
    )


def test_validation_of_the_replaying_run_changes_no_difficulty(replay, measured):
    with_validation = {key: {} for key in ('val_dataloader', 'val_evaluator', 'val_cfg')}
    runner = replay(**with_validation, default_hooks={'checkpoint': {'save_best': 'acc/top1'}})
    runner.train()
    assert runner.model.batches == measured[0].model.batches


def test_last_validation_of_the_replaying_run_is_reported_before_its_checkpoint(replay, tmp_path):
    with_validation = {key: {} for key in ('val_dataloader', 'val_evaluator', 'val_cfg')}
    settings = {**with_validation, 'train_cfg': {'max_epochs': 2}, 'default_hooks': {'checkpoint': {'save_best': None}}}
    runner = replay(**settings)
    path, existed = tmp_path / 'replayed/class_report.json', []
    hook = hook_of(runner, 'CheckpointHook')
    after = hook.after_val_epoch
    hook.after_val_epoch = lambda *args, **options: existed.append(path.exists()) or after(*args, **options)
    runner.train()
    assert existed == [False, True]
    document = json.loads(path.read_text())
    counts = runner.val_evaluator.metrics[0].counts_
    rows = sorted(document['classes'], key=lambda row: row['label'])
    assert [row['num_clips'] for row in rows] == counts.num_clips.tolist() == [9, 8, 7, 6]
    assert [row['num_correct'] for row in rows] == counts.num_correct.tolist()
    assert (document['split'], document['epoch'], document['iter']) == ('val', 2, 20)
    assert document['difficulty_source'] == 'replay'
    assert document['confusions']
    assert any('DifficultyReplayHook replays' in note for note in document['notes'])
    np.testing.assert_allclose(
        [row['difficulty'] for row in rows], hook_of(runner, 'DifficultyReplayHook').state_.difficulty
    )

    before = path.read_bytes()
    checkpoint = torch.load(tmp_path / 'replayed/epoch_2.pth')
    checkpoint['class_difficulty']['report']['validated_at'] = 20  # as where it was saved again after its validation
    torch.save(checkpoint, tmp_path / 'replayed/epoch_2.pth')
    resumed = replay(resume=True, load_from=str(tmp_path / 'replayed/epoch_2.pth'), **settings)
    with mock.patch.object(resumed.val_loop, 'run') as validations:
        resumed.train()
    assert not validations.called
    assert path.read_bytes() == before


def test_replaying_run_reports_no_validation_if_it_is_switched_off(replay, tmp_path):
    with_validation = {key: {} for key in ('val_dataloader', 'val_evaluator', 'val_cfg')}
    replay({'report': False}, train_cfg={'max_epochs': 1}, **with_validation).train()
    assert not list((tmp_path / 'replayed').glob('*report*'))


@pytest.mark.parametrize(
    ('options', 'changes', 'message'),
    [
        ({'stretch': 0}, {}, 'stretch=0'),
        ({'stretch': float('inf')}, {}, 'stretch=inf'),
        ({'stretch': 'epochs'}, {}, "stretch='epochs'"),
        (
            {'stretch': 'epoch'},
            {'train_cfg': {'_delete_': True, 'by_epoch': False, 'max_iters': 4}},
            "stretch='epoch': this run is trained by iteration",
        ),
        ({'log_classes': -1}, {}, 'log_classes=-1'),
        (
            {},
            {
                'model': {'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}},
                'train_dataloader': {'sampler': {'_delete_': True, 'type': 'DefaultSampler'}},
            },
            'DifficultyReplayHook found nothing to hand the difficulty to',
        ),
        (
            {},
            {'train_dataloader': {'dataset': {'classes': CLASS_NAMES[::-1]}}},
            r"class 0 is 'lift' in .*class_history\.jsonl and 'spread' in this run",
        ),
        (
            {},
            {
                'model': {'num_classes': 5},
                'train_dataloader': {'dataset': {'classes': None, 'counts': [4, 3, 2, 1, 1]}},
            },
            r'is of 4 classes, this run has 5',
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_step(replay, options, changes, message):
    with pytest.raises(ValueError, match=message):
        replay(options, **changes).train()


def test_missing_history_is_an_error_with_its_name(replay, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        replay({'history': str(tmp_path / 'nowhere.jsonl')}).train()


def test_schedule_that_never_acts_is_warned_about(replay):
    runner = replay({'stretch': 99})
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any('no difficulty will act' in str(call) for call in warning.call_args_list)


BY_ITERATION = {
    'train_cfg': {'_delete_': True, 'by_epoch': False, 'max_iters': 40, 'val_interval': 10},
    # A pass of ten batches between two validations.
    'train_dataloader': {'sampler': {'num_samples': 80}},
    'default_hooks': {'checkpoint': {'by_epoch': False, 'interval': 10, 'save_best': None}},
}


def test_replay_by_iteration_repeats_the_training_and_resumes_to_the_bit(tmp_path):
    straight = make_runner(tmp_path / 'measured', uuid.uuid4().hex, **copy.deepcopy(BY_ITERATION))
    straight.train()
    hook = {'type': 'DifficultyReplayHook', 'history': str(tmp_path / 'measured/class_history.jsonl')}
    without_validation = dict.fromkeys(('val_cfg', 'val_dataloader', 'val_evaluator'), ...)
    settings = {**BY_ITERATION, 'custom_hooks': [hook], **without_validation}
    replayed = make_runner(tmp_path / 'replayed', uuid.uuid4().hex, **copy.deepcopy(settings))
    replayed.train()
    before = read_history(tmp_path / 'replayed/class_history.jsonl').records
    assert [record.iteration for record in before] == [10, 20, 30]
    resumed = make_runner(
        tmp_path / 'replayed',
        uuid.uuid4().hex,
        **copy.deepcopy(settings),
        resume=True,
        load_from=str(tmp_path / 'replayed/iter_20.pth'),
    )
    resumed.train()
    assert replayed.model.batches == straight.model.batches
    assert resumed.model.batches == straight.model.batches[20:]
    for runner in (replayed, resumed):
        for one, other in zip(runner.model.parameters(), straight.model.parameters(), strict=True):
            assert torch.equal(one, other)
    assert read_history(tmp_path / 'replayed/class_history.jsonl').records == before


def test_history_of_the_own_work_directory_is_refused(replay, tmp_path):
    with pytest.raises(ValueError, match='is the file that this run writes itself'):
        replay({'history': str(tmp_path / 'replayed/class_history.jsonl')}).train()


def test_what_cannot_take_part_is_refused_in_a_replay_too(replay):
    with pytest.raises(ValueError, match='its epoch would never end'):
        replay(train_dataloader={'sampler': {'infinite': True}}).train()


def test_two_owners_of_a_difficulty_are_refused(replay, measured):
    hooks = [{'type': 'ClassDifficultyHook'}, {'type': 'DifficultyReplayHook', 'history': str(measured[1])}]
    with pytest.raises(ValueError, match=r'ClassDifficultyHook and DifficultyReplayHook.*keep one'):
        replay(custom_hooks=hooks).train()


def test_history_that_is_malformed_is_a_clear_error(replay, tmp_path):
    path = tmp_path / 'bad.jsonl'
    path.write_text('{"kind": "header", "version": "2"}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl: format version '2'"):
        replay({'history': str(path)}).train()
