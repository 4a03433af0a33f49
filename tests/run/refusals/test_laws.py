"""What the accumulated law and the measure by probability need, refused or said before the first step."""

import uuid
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from cdb_video.difficulty.history import read_history
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking import rules
from cdb_video.losses.cdb import CDBLoss
from cdb_video.run.refusals import laws
from tests.support.runs import hook_of, make_runner

pytestmark = pytest.mark.training

NATURAL = {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}
MEAN = [{'type': 'ClassDifficultyHook', 'momentum': 'mean'}]


def toy(work_dir, hooks=MEAN, loss=None, **changes):
    """A runner with CDB-A."""
    return make_runner(
        work_dir,
        uuid.uuid4().hex,
        model={'loss_cls': loss or {'_delete_': True, 'type': 'CDBLoss', 'law': 'accumulated'}},
        custom_hooks=[dict(hook) for hook in hooks],
        **{'train_dataloader': {'sampler': dict(NATURAL)}, **changes},
    )


def warnings_of(runner):
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    return ' '.join(str(call.args[0]) for call in warning.call_args_list)


@pytest.mark.parametrize('momentum', [0.0, 0.8])
def test_the_accumulated_law_is_refused_without_the_mean(tmp_path, momentum):
    runner = toy(tmp_path, [{'type': 'ClassDifficultyHook', 'momentum': momentum}])
    with pytest.raises(ValueError, match=rf"CDBLoss: law='accumulated' needs the mean.*momentum={momentum}.*'mean'"):
        runner.train()


def test_strength_0_waits_for_no_mean(tmp_path):
    loss = {'_delete_': True, 'type': 'CDBLoss', 'law': 'accumulated', 'strength': 0}
    hooks = [{'type': 'ClassDifficultyHook', 'observe_only': True}]
    assert 'will be handed no difficulty' not in warnings_of(toy(tmp_path, hooks, loss, train_cfg={'max_epochs': 1}))


@pytest.mark.parametrize(
    ('settings', 'known'),
    [({'momentum': 0.8}, r'was recorded with momentum=0\.8'), (None, 'does not say its momentum')],
)
def test_a_replayed_difficulty_that_is_no_mean_is_refused(tmp_path, settings, known):
    runner = make_runner(
        tmp_path / 'a', uuid.uuid4().hex, custom_hooks=[{'type': 'ClassDifficultyHook', **(settings or {})}]
    )
    runner.train()
    history = tmp_path / 'a' / 'class_history.jsonl'
    if settings is None:
        history.write_text(history.read_text().replace('"settings"', '"unknown"'))
    replay = toy(tmp_path / 'b', [{'type': 'DifficultyReplayHook', 'history': str(history)}])
    with pytest.raises(ValueError, match=rf"law='accumulated' needs the mean .*{known}"):
        replay.train()


def test_few_validation_clips_are_advised_a_prior(tmp_path):
    few = {'dataset': {'type': 'ToyDataset', 'counts': [9, 4, 5, 0], 'seed': 1}}
    said = warnings_of(toy(tmp_path / 'a', val_dataloader=few, train_cfg={'max_epochs': 2}))
    assert '1 class has under 5 validation clips' in said
    assert 'we advise prior_count=5' in said
    with_prior = [MEAN[0] | {'prior_count': 5}]
    assert 'prior_count=5 in' not in warnings_of(
        toy(tmp_path / 'b', with_prior, val_dataloader=few, train_cfg={'max_epochs': 2})
    )


def test_a_resume_with_more_validations_says_what_becomes_of_s(tmp_path):
    toy(tmp_path, train_cfg={'max_epochs': 2}).train()
    resumed = toy(tmp_path, train_cfg={'max_epochs': 4}, resume=True)
    assert (
        'was to make 2 validations, this one makes 4: for the 2 that the checkpoint has, s is 4.5 now, and was 9; each '
        'validation after them adds 2.25' in (warnings_of(resumed))
    )
    assert resumed.model.cls_head.loss_cls.strength_ == 9.0


def test_a_resume_with_another_measure_is_warned_of(tmp_path):
    hooks = {'checkpoint': {'save_best': None}}
    toy(tmp_path, train_cfg={'max_epochs': 2}, default_hooks=hooks).train()
    other = [MEAN[0] | {'measure': 'probability'}]
    said = warnings_of(toy(tmp_path, other, train_cfg={'max_epochs': 3}, resume=True, default_hooks=hooks))
    assert 'a difficulty measured by accuracy, and this run measures by probability' in said


@pytest.mark.parametrize(
    ('before', 'after', 'said'),
    [
        (0.8, 'mean', 'the difficulty of the checkpoint has momentum=0.8, and this run has momentum='),
        ('mean', 'mean', None),
        ('mean', 0.8, None),
        (None, 'mean', 'the difficulty of the checkpoint does not say its momentum'),
    ],
)
def test_a_mean_that_goes_on_from_another_difficulty_is_warned_of(before, after, said):
    state = DifficultyState.start(np.array([3, 2]), None).updated(
        np.array([4, 4]), np.array([1, 2]), epoch=1, iteration=9
    )
    parts, settings = mock.Mock(), None if before is None else {'momentum': before}
    rules.warn_of_other_memory(
        parts.logger, state, settings, {'momentum': after, 'prior_count': 0, 'min_difficulty': 0}
    )
    warnings = [str(call.args[0]) for call in parts.logger.warning.call_args_list]
    assert len(warnings) == (said is not None)
    assert all(said in text and 'the mean of 1 validation, which it need not be' in text for text in warnings)


@pytest.mark.parametrize('name', ['prior_count', 'min_difficulty'])
@pytest.mark.parametrize('momentum', [0.0, 0.8, 'mean'])
def test_memory_of_a_difficulty_with_another_prior_or_floor_is_warned_of(name, momentum):
    state = DifficultyState.start(np.array([3, 2]), None).updated(
        np.array([4, 4]), np.array([1, 2]), epoch=1, iteration=9
    )
    before = {'momentum': momentum, 'prior_count': 0.0, 'min_difficulty': 0.0}
    parts = mock.Mock()
    rules.warn_of_other_memory(parts.logger, state, before, before)
    assert not parts.logger.warning.called
    rules.warn_of_other_memory(parts.logger, state, before, before | {name: 0.5})
    said = [str(call.args[0]) for call in parts.logger.warning.call_args_list]
    assert len(said) == bool(momentum)
    assert all(f'has {name}=0.0, and this run has {name}=0.5: the memory' in text for text in said)


def test_a_replay_that_goes_on_with_the_history_of_another_run_is_warned_of(tmp_path):
    plain = {'_delete_': True, 'type': 'CDBLoss'}
    for name in ('a', 'b'):
        toy(tmp_path / name, [{'type': 'ClassDifficultyHook'}], plain, train_cfg={'max_epochs': 4}).train()

    def replay(of, epochs, **more):
        hooks = [{'type': 'DifficultyReplayHook', 'history': str(tmp_path / of / 'class_history.jsonl')}]
        return toy(tmp_path / 'replay', hooks, plain, train_cfg={'max_epochs': epochs}, **more)

    replay('a', 1).train()
    assert 'replayed the history of run' not in warnings_of(replay('a', 2, resume=True))
    assert 'replayed the history of run' in warnings_of(replay('b', 3, resume=True))


def test_another_measure_without_memory_is_nothing_to_warn_of():
    state = DifficultyState.start(np.array([3]), None).updated(np.array([4]), np.array([1]), epoch=1, iteration=9)
    parts = mock.Mock()
    rules.warn_of_other_measure(parts.logger, state, 'probability', 0.0)
    assert not parts.logger.warning.called
    rules.warn_of_other_measure(parts.logger, state, 'probability', 0.8)
    assert parts.logger.warning.called


def test_a_run_by_power_that_is_resumed_as_cdba_is_told_that_its_difficulty_is_no_mean(tmp_path):
    hooks = {'checkpoint': {'save_best': None}}
    power = {'_delete_': True, 'type': 'CDBLoss'}
    toy(tmp_path, [{'type': 'ClassDifficultyHook'}], power, train_cfg={'max_epochs': 2}, default_hooks=hooks).train()
    said = warnings_of(toy(tmp_path, train_cfg={'max_epochs': 3}, resume=True, default_hooks=hooks))
    assert 'the difficulty of the checkpoint has momentum=0.0, and this run has' in said


def test_scores_that_are_no_probabilities_are_refused(tmp_path):
    runner = toy(tmp_path, [MEAN[0] | {'measure': 'probability'}])
    runner.model.cls_head.average_clips = 'score'
    runner.model.cls_head.__class__ = type('Head', (type(runner.model.cls_head),), {})
    with pytest.raises(ValueError, match=r"average_clips='score'.*measure='probability' needs.*average_clips='prob'"):
        runner.train()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'measure': 'loss'}, r"measure='loss': must be 'accuracy'"),
        ({'measure': 'probability', 'source': 'train'}, r"measure='probability' with source='train'"),
        ({'momentum': 'median'}, r"momentum='median': must be in \[0, 1\).*'mean'"),
        ({'momentum': 1.0}, r'momentum=1\.0: must be in \[0, 1\)'),
    ],
)
def test_options_of_the_hook_are_checked_when_it_is_made(options, message):
    from cdb_video.hooks.class_difficulty import ClassDifficultyHook

    with pytest.raises(ValueError, match=message):
        ClassDifficultyHook(**options)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'law': 'linear'}, r"law='linear': must be 'power'"),
        ({'law': 'accumulated', 'tau': 1.0}, r"tau=1\.0: law='accumulated' has no tau"),
        ({'law': 'accumulated', 'strength': -1}, r'strength=-1: must be a finite number >= 0'),
        ({'law': 'accumulated', 'strength': 'much'}, r"strength='much': must be a finite number >= 0"),
        ({'strength': 3}, r"strength=3: law='power' has no strength"),
    ],
)
def test_options_of_one_law_are_refused_with_the_other(options, message):
    with pytest.raises(ValueError, match=message):
        CDBLoss(**options)


def test_probability_is_measured_recorded_and_reported_as_what_it_is(tmp_path):
    hooks = [MEAN[0] | {'measure': 'probability', 'momentum': 0.0}]
    runner = toy(tmp_path, hooks, {'_delete_': True, 'type': 'CDBLoss'})
    runner.train()
    history = read_history(tmp_path / 'class_history.jsonl')
    assert history.header.settings['measure'] == 'probability'
    for record in history.records:
        np.testing.assert_allclose(record.difficulty, 1 - np.array(record.mean_probability))
        assert record.difficulty != [1 - accuracy for accuracy in record.accuracy]
    state = hook_of(runner).state_
    assert state.measure == 'probability'
    report = (tmp_path / 'class_report.json').read_text()
    assert '"difficulty_measure": "probability"' in report
    assert '1 minus the mean probability of the true class' in (tmp_path / 'report.html').read_text()


@pytest.mark.parametrize(
    ('loss', 'hook', 'is_advised'),
    [
        ({'background': 1.0}, {}, True),
        ({'background': 1.0}, {'min_difficulty': 0.1}, False),
        ({'background': 1.0}, {'prior_count': 2}, False),
        ({'background': 1.0, 'tau': 0}, {}, False),
        ({'background': 1.0, 'law': 'accumulated'}, {'momentum': 'mean'}, False),
        ({}, {}, False),
    ],
)
def test_a_floor_is_advised_where_a_perfect_class_would_have_weight_0(loss, hook, is_advised):
    logger = mock.Mock()
    handover = SimpleNamespace(consumers={'CDBLoss': CDBLoss(**loss)}, parts=SimpleNamespace(logger=logger))
    laws.advise_min_difficulty(handover, {'min_difficulty': 0.0, 'prior_count': 0.0, 'momentum': 0.0} | hook)
    assert bool(logger.warning.call_count) == is_advised
    if is_advised:
        assert 'weight 0' in logger.warning.call_args.args[0]
        assert 'min_difficulty=0.1' in logger.warning.call_args.args[0]
