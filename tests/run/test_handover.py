"""What `Handover` hands on, to whom, and what processes must have alike."""

import dataclasses
import uuid
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from torch import nn

from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video.run import handover as handover_module
from cdb_video.run.handover import Handover, needed_consumers
from cdb_video.run.parts import RunParts
from tests.support.runs import make_runner

START = DifficultyState.start(np.array([40, 20, 10, 5]), None)


class Consumer(nn.Module):
    """Notes what it is handed."""

    tau_ = 2.0
    class_weight = np.array([1.0, 3.0])

    def __init__(self, follows_progress=False):
        super().__init__()
        self.follows_progress = follows_progress
        self.calls = []

    def set_class_difficulty(self, difficulty, accuracy=None):
        self.calls.append(('difficulty', difficulty.tolist(), accuracy.tolist()))

    def set_class_prior(self, prior):
        self.calls.append(('prior', list(prior)))

    def set_progress(self, epoch, max_epochs):
        self.calls.append(('progress', epoch, max_epochs))


@pytest.fixture
def parts(tmp_path):
    """The parts of a toy run of 3 epochs; of the model given, if one is."""

    def find(model=None, **changes):
        runner = make_runner(tmp_path, uuid.uuid4().hex, **changes)
        runner.train_loop._epoch = 1
        found = RunParts.of(runner)
        return found if model is None else dataclasses.replace(found, model=model)

    return find


def named(calls, *kinds):
    return [call for call in calls if call[0] in kinds]


def test_consumers_get_epoch_difficulty_and_prior_in_this_order(parts):
    consumer = Consumer()
    found = parts(nn.ModuleList([consumer]))
    state = dataclasses.replace(START, difficulty=np.array([0.5, 1, 0.25, 0]), num_clips=np.array([2, 0, 4, 1]))
    Handover(found, {'Consumer': consumer}, state).hand_on()
    (progress, difficulty, prior) = consumer.calls
    assert progress == ('progress', 1, 3)
    assert difficulty[1] == [0.5, 1, 0.25, 0]
    np.testing.assert_array_equal(difficulty[2], [0, np.nan, 0, 0])
    # Drawn with equal probabilities, since the sampler knows no difficulty yet: 75 / 4 of each.
    assert prior == ('prior', [18.75] * 4)


def test_epochs_done_may_be_ahead_of_the_loop(parts):
    consumer = Consumer()
    Handover(parts(nn.ModuleList([consumer])), {}, START).hand_on(epoch=2)
    assert named(consumer.calls, 'progress') == [('progress', 2, 3)]


def test_nobody_is_handed_difficulty_in_a_run_that_only_observes(parts):
    consumer = Consumer()
    handover = Handover(parts(nn.ModuleList([consumer])), {}, START)
    handover.hand_on()
    assert named(consumer.calls, 'difficulty') == []
    assert len(named(consumer.calls, 'progress', 'prior')) == 2
    assert handover.vectors == {}


def test_vectors_are_those_of_the_consumers(parts):
    handover = Handover(parts(), {'Consumer': Consumer(), 'other': SimpleNamespace()}, START)
    assert handover.vectors == {'Consumer': Derived(tau=2.0, weight=[1.0, 3.0]), 'other': Derived()}


def test_epoch_begins_with_progress_and_prior_and_no_difficulty(parts):
    consumer = Consumer()
    Handover(parts(nn.ModuleList([consumer])), {'Consumer': consumer}, START).begin_epoch()
    assert [call[0] for call in consumer.calls] == ['progress', 'prior']


def test_what_follows_the_epoch_is_refused_in_training_by_iteration(parts):
    def by_iteration(consumer):
        train_cfg = {'_delete_': True, 'by_epoch': False, 'max_iters': 4, 'val_interval': 2}
        return Handover(parts(nn.ModuleList([consumer]), train_cfg=train_cfg), {}, START)

    still, following = Consumer(), Consumer(follows_progress=True)
    by_iteration(still).begin_epoch()
    assert named(still.calls, 'progress') == []
    handover = by_iteration(following)
    with pytest.raises(ValueError, match='Consumer changes with the epoch, and this run is trained by iteration'):
        handover.begin_epoch()


def test_one_process_agrees_with_nobody(parts):
    handover = Handover(parts(), {}, START)
    with mock.patch.object(handover_module, 'check_agreement') as check:
        handover.check_start(None)
        handover.hand_on()
        handover.begin_epoch()
    assert check.call_count == 0
    assert handover.agreement is None


@pytest.mark.parametrize(('follows', 'moments'), [(False, 2), (True, 3)])
def test_processes_agree_at_the_start_after_handing_on_and_where_something_follows_the_epoch(parts, follows, moments):
    found = parts(nn.ModuleList([Consumer(follows)]))
    handover = Handover(found, {}, START)
    expected = ['before training', 'after 0 iterations', 'before epoch 2'][:moments]
    with (
        mock.patch.object(handover_module, 'get_world_size', return_value=2),
        mock.patch.object(handover_module, 'check_agreement', side_effect=lambda _, moment: f'hash {moment}') as check,
        mock.patch.object(found.logger, 'info') as info,
    ):
        handover.check_start(None)
        handover.hand_on()
        handover.begin_epoch()
    assert [call.args[1] for call in check.call_args_list] == expected
    assert handover.agreement == f'hash {expected[-1]}'
    assert info.call_args.args == (f'2 processes agree {expected[-1]}: hash {expected[-1]}',)
    names = [one.name for one in check.call_args_list[1].args[0]()]
    assert names.index('the class difficulty') < names.index('the weight of Consumer') < names.index('the class prior')


def test_difficulty_that_nobody_takes_is_refused_with_a_remedy(parts):
    sampler = {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}
    found = parts(nn.Linear(1, 1), train_dataloader={'sampler': sampler})
    with pytest.raises(ValueError, match=r'^MyHook found nothing to hand .*CDBSampler.* for CDB-S; or do this$'):
        needed_consumers(found, 'MyHook', '; or do this')
    assert list(needed_consumers(parts(), 'MyHook')) == ['CDBLoss', 'CDBSampler']
