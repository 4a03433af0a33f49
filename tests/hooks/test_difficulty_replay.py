"""DifficultyReplayHook in whole toy runs."""

import copy
import json
import uuid
from unittest import mock

import numpy as np
import pytest
import torch

from cdb_video.difficulty.history import append_lines, read_history
from cdb_video.difficulty.records import Header, Record
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


@pytest.mark.long
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


DIFFICULTY = [0.1, 0.4, 0.4, 0.7]


@pytest.fixture
def cross_fitted(tmp_path):
    """Build a runner that takes the difficulty of a cross-fit; settings of the loss, then changes of the config."""
    path = tmp_path / 'cross_fit.jsonl'
    header = Header('x', 4, CLASS_NAMES, [40, 20, 10, 5], {'measure': 'accuracy', 'momentum': 'mean'})
    record = Record(
        epoch=0,
        iteration=0,
        num_clips=[20] * 4,
        num_correct=[18, 12, 12, 6],
        accuracy=[1 - value for value in DIFFICULTY],
        difficulty=DIFFICULTY,
        consumers={},
        metrics={},
        source='cross-fit',
    )
    append_lines(path, header, record)

    def build(loss, options=None, **changes):
        hook = {'type': 'DifficultyReplayHook', 'history': str(path), **(options or {})}
        settings = {
            'train_cfg': {'max_epochs': 4},
            'custom_hooks': [hook],
            'model': {'loss_cls': {'tau': None, 'logit_adjustment': 1.0, **loss}},
            'train_dataloader': {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}},
        }
        return make_runner(tmp_path / 'taken', uuid.uuid4().hex, **{**settings, **NO_VALIDATION, **changes})

    return build


def weights_of(runner):
    """Train; the class weights of every step."""
    weights, step = [], runner.model.train_step
    with mock.patch.object(runner.model, 'train_step') as observed:
        observed.side_effect = lambda *args, **kwargs: (
            weights.append(runner.model.cls_head.loss_cls.class_weight.tolist()) or step(*args, **kwargs)
        )
        runner.train()
    return weights


def test_accumulated_weights_grow_from_one_with_the_difficulty_of_a_cross_fit(cross_fitted, tmp_path):
    weights = weights_of(cross_fitted({'law': 'accumulated', 'strength': 3.0}))
    for epoch in range(4):
        powers = np.exp(3 * epoch / 4 * np.array(DIFFICULTY))
        for row in weights[10 * epoch : 10 * epoch + 10]:
            np.testing.assert_allclose(row, powers / powers.mean(), rtol=1e-12)
    assert weights[0] == [1.0] * 4  # to the last bit
    records = read_history(tmp_path / 'taken/class_history.jsonl').records
    assert [(record.epoch, record.iteration, record.source) for record in records] == [
        (epoch, 10 * epoch, 'replay') for epoch in range(4)
    ]
    assert [record.consumers['CDBLoss'].strength for record in records] == [0, 0.75, 1.5, 2.25]


def test_weights_that_begin_late_are_one_before_and_those_of_the_difficulty_after(cross_fitted):
    weights = weights_of(cross_fitted({'tau': 0.5, 'begin': 0.5}))
    powers = np.sqrt(DIFFICULTY)
    assert weights[:20] == [[1.0] * 4] * 20
    np.testing.assert_allclose(weights[20:], [powers / powers.mean()] * 20)


@pytest.mark.parametrize('epoch', [1, 3])
def test_resumed_run_with_a_cross_fitted_difficulty_equals_an_uninterrupted_one(cross_fitted, tmp_path, epoch):
    straight = cross_fitted({'law': 'accumulated'})
    straight.train()
    before = read_history(tmp_path / 'taken/class_history.jsonl').records
    resumed = cross_fitted({'law': 'accumulated'}, resume=True, load_from=str(tmp_path / f'taken/epoch_{epoch}.pth'))
    resumed.train()
    for one, other in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert read_history(tmp_path / 'taken/class_history.jsonl').records == before


def test_a_run_by_iteration_takes_a_cross_fitted_difficulty_at_twenty_iterations(cross_fitted, tmp_path):
    one_pass = {'batch_size': 2, 'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}}
    by_iteration = {key: copy.deepcopy(BY_ITERATION[key]) for key in ('train_cfg', 'default_hooks')}
    by_iteration['train_cfg']['max_iters'] = 38
    settings = {**by_iteration, 'train_dataloader': one_pass}
    weights = weights_of(cross_fitted({'law': 'accumulated', 'strength': 3.0}, **settings))
    taken = [38 * part // 20 for part in range(20)]
    records = read_history(tmp_path / 'taken/class_history.jsonl').records
    assert [record.iteration for record in records] == taken
    for iteration, row in enumerate(weights):
        done = sum(moment <= iteration for moment in taken) - 1
        powers = np.exp(3 * done / 20 * np.array(DIFFICULTY))
        np.testing.assert_allclose(row, powers / powers.mean(), rtol=1e-12)


@pytest.mark.parametrize(
    ('loss', 'is_warned'),
    [
        ({'tau': 0.5}, True),
        ({'tau': (0.5, 1.0)}, True),
        ({'tau': (0, 1.0)}, False),
        ({'tau': 0.5, 'begin': 1 / 3}, False),
        ({'law': 'accumulated'}, False),
        ({'tau': 0}, False),
    ],
)
def test_full_weights_from_the_first_step_are_warned_of_with_what_they_cost(cross_fitted, loss, is_warned):
    runner = cross_fitted(loss, train_cfg={'max_epochs': 1})
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    said = [call.args[0] for call in warning.call_args_list if 'in full from the first step' in call.args[0]]
    assert bool(said) == is_warned
    assert all('6.4 +- 2.6 points' in text and "law='accumulated', strength=3" in text for text in said)


def test_a_constant_difficulty_cannot_be_stretched(cross_fitted):
    with pytest.raises(ValueError, match=r'stretch=1\.5: .*cross_fit\.jsonl holds the one difficulty of a cross-fit'):
        cross_fitted({'tau': 0.5}, {'stretch': 1.5}).train()
    cross_fitted({'law': 'accumulated'}, {'stretch': 'epoch'}, train_cfg={'max_epochs': 1}).train()


def test_a_resume_with_other_epochs_says_what_becomes_of_the_strength(cross_fitted, tmp_path):
    cross_fitted({'law': 'accumulated', 'strength': 3.0}, train_cfg={'max_epochs': 2}).train()
    last = str(tmp_path / 'taken/epoch_2.pth')
    resumed = cross_fitted({'law': 'accumulated', 'strength': 3.0}, resume=True, load_from=last)
    with mock.patch.object(resumed.logger, 'warning') as warning:
        resumed.train()
    assert any('was to make 2 validations, this one makes 4' in str(call) for call in warning.call_args_list)
