"""What waits for a result of the validation that will not come, or cannot be compared: said before the first step."""

import uuid
from unittest import mock

import numpy as np
import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, LOOPS
from mmengine.runner import ValLoop

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from tests.support.runs import make_runner

pytestmark = pytest.mark.training

MATRIX_FIRST = {'val_evaluator': [{'type': 'mmaction.ConfusionMatrix'}, {'type': 'ClassAccuracy'}]}
MATRIX_LAST = {'val_evaluator': [{'type': 'ClassAccuracy'}, {'type': 'mmaction.ConfusionMatrix'}]}
PLATEAU = {'type': 'ReduceOnPlateauLR', 'monitor': 'acc/top1', 'patience': 1}


@pytest.fixture
def run(tmp_path):
    """Build a runner in the temporary work directory."""
    import mmaction.evaluation  # noqa: F401  (registers its metrics)

    return lambda **changes: make_runner(tmp_path, uuid.uuid4().hex, **changes)


def saving(key, rule=None):
    return {'default_hooks': {'checkpoint': {'save_best': key, 'rule': rule}}}


def stopping(**options):
    return {'custom_hooks': [{'type': 'ClassDifficultyHook'}, {'type': 'EarlyStoppingHook', **options}]}


MATRIX = 'confusion_matrix/result'


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (MATRIX_FIRST | saving('auto'), r"save_best='auto'.* takes the first.*ConfusionMatrix returns a Tensor"),
        (MATRIX_LAST | saving(MATRIX, 'greater'), r"save_best of CheckpointHook='confusion.*Set save_best='acc/mean1'"),
        (MATRIX_LAST | stopping(monitor=MATRIX, rule='greater'), r"monitor of EarlyStopping.*Set monitor='acc/mean1'"),
        (MATRIX_LAST | {'param_scheduler': {**PLATEAU, 'monitor': MATRIX}}, 'monitor of ReduceOnPlateauLR=.*only'),
        (saving(['acc/mean1', 'acc/mean2'], 'greater'), r"CheckpointHook='acc/mean2': the validation will not return"),
        (saving('acc/few_shots', 'greater'), 'the validation will not return that; it returns acc/top1'),
        ({'param_scheduler': {**PLATEAU, 'monitor': 'loss'}}, "monitor of ReduceOnPlateauLR='loss'"),
    ],
)
def test_result_that_cannot_be_chosen_by_is_refused_before_the_first_step(run, changes, said):
    runner = run(train_cfg={'max_epochs': 1}, **changes)
    with pytest.raises(ValueError, match=said):
        runner.train()
    assert runner.model.batches == []


@HOOKS.register_module()
class AddingHook(Hook):
    """Of a user's own: it adds a result to those of the validation."""

    def after_val_epoch(self, runner, metrics=None):
        metrics['mine/score'] = float(runner.epoch)


@HOOKS.register_module()
class IdleHook(Hook):
    """Of a user's own too; it never sees a result."""


def by_hook(kind, key='mine/score'):
    return saving(key, 'greater') | {'custom_hooks': [{'type': 'ClassDifficultyHook'}, {'type': kind}]}


def test_best_by_a_result_that_a_hook_of_the_user_adds_is_warned_of_and_kept(run, tmp_path):
    plateau = {'param_scheduler': {**PLATEAU, 'monitor': 'mine/score', 'rule': 'greater'}}
    runner = run(train_cfg={'max_epochs': 2}, **by_hook('AddingHook'), **plateau)
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    said = [str(call.args[0]) for call in warning.call_args_list if 'AddingHook' in str(call)]
    assert [line.partition('=')[0] for line in said] == ['save_best of CheckpointHook', 'monitor of ReduceOnPlateauLR']
    assert all(line.endswith('AddingHook may add it before it is asked for; if not, the first validation ends the run')
               for line in said)  # fmt: skip
    assert list(tmp_path.glob('best_mine_score_epoch_2.pth'))


def test_a_hook_of_the_user_that_sees_no_result_adds_none(run):
    runner = run(train_cfg={'max_epochs': 1}, **by_hook('IdleHook'))
    with pytest.raises(ValueError, match="save_best of CheckpointHook='mine/score': the validation will not return"):
        runner.train()
    assert runner.model.batches == []


@HOOKS.register_module()
class WrappingHook(Hook):
    """Of a user's own: it puts another function in the place of what evaluates."""

    def before_train(self, runner):
        evaluator = runner.val_loop.evaluator
        evaluate = evaluator.evaluate
        evaluator.evaluate = lambda size: evaluate(size) | {'mine/score': 1.0}


def test_of_an_evaluation_that_a_hook_has_replaced_nothing_is_known(run, tmp_path):
    run(train_cfg={'max_epochs': 1}, **by_hook('WrappingHook')).train()
    assert list(tmp_path.glob('best_mine_score_epoch_1.pth'))


@LOOPS.register_module()
class AddingLoop(ValLoop):
    """Of a user's own: it returns more than the metrics do."""

    def run(self):
        raise InterruptedError


def test_a_validation_loop_of_the_user_may_add_results(run):
    runner = run(train_cfg={'max_epochs': 1}, val_cfg={'type': 'AddingLoop'}, **saving('mine/score', 'greater'))
    with mock.patch.object(runner.logger, 'warning') as warning, pytest.raises(InterruptedError):
        runner.train()
    assert any('AddingLoop may add it' in str(call) for call in warning.call_args_list)


def test_best_by_the_first_result_needs_a_rule_that_shows_in_its_name(run):
    hooks = {'checkpoint': {'save_best': 'auto', 'rule': None, 'greater_keys': ['auc']}}
    runner = run(default_hooks=hooks)
    with pytest.raises(ValueError, match=r"'acc/top1', and whether a greater one is better.*rule='greater'"):
        runner.train()
    assert runner.model.batches == []
    run(default_hooks={'checkpoint': {**hooks['checkpoint'], 'rule': 'greater'}}, train_cfg={'max_epochs': 1}).train()


@pytest.mark.parametrize(('rule', 'is_said'), [('less', True), ('greater', False)])
def test_scheduler_that_takes_the_lowest_accuracy_for_the_best_is_warned_about(run, rule, is_said):
    runner = run(param_scheduler={**PLATEAU, 'rule': rule}, train_cfg={'max_epochs': 1})
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any("set rule='greater'" in str(call) for call in warning.call_args_list) == is_said


def test_waiting_for_validations_that_do_not_come_is_warned_about(run):
    runner = run(
        **stopping(monitor='acc/mean1'),
        train_dataloader={'sampler': {'_delete_': True, 'type': 'DefaultSampler'}},
        train_cfg={'max_epochs': 1, 'val_begin': 2},
    )
    runner.hooks[[type(hook).__name__ for hook in runner.hooks].index('ClassDifficultyHook')].observe_only = True
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    (said,) = [str(call.args[0]) for call in warning.call_args_list if 'nothing to choose or stop by' in str(call)]
    assert said.startswith("save_best of CheckpointHook='acc/mean1', monitor of EarlyStoppingHook='acc/mean1'")


@pytest.mark.parametrize('evaluator', ['val_evaluator', 'test_evaluator'])
def test_clashing_metrics_are_refused_before_the_first_batch(run, evaluator):
    both = [{'type': 'mmaction.AccMetric'}, {'type': 'ClassAccuracy'}]
    dataset = {'type': 'ToyDataset', 'counts': [2, 2, 2, 2]}
    loader = {'dataset': dataset, 'batch_size': 8, 'num_workers': 0, 'sampler': {'type': 'DefaultSampler'}}
    test = {'test_cfg': {}, 'test_dataloader': loader, 'test_evaluator': {'type': 'ClassAccuracy'}}
    runner = run(**{**test, evaluator: both})
    begin, step = (runner.train, 'train_step') if evaluator == 'val_evaluator' else (runner.test, 'test_step')
    with (
        mock.patch.object(type(runner.model), step, side_effect=InterruptedError),
        pytest.raises(ValueError, match=f'{evaluator}: AccMetric and ClassAccuracy both return'),
    ):
        begin()


def test_random_numbers_of_the_training_are_not_spent_on_the_first_sample(run):
    states = []
    runner = run(train_cfg={'max_epochs': 1})
    dataset = runner.val_dataloader.dataset
    original = dataset.prepare_data

    def noisy(index):
        states.append(np.random.random())
        return original(index)

    with mock.patch.object(dataset, 'prepare_data', noisy):
        before = np.random.get_state()[1].tolist()
        runner.call_hook('before_train')
        assert np.random.get_state()[1].tolist() == before
    assert len(states) == 1
