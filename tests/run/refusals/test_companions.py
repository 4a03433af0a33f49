"""Models in shards are refused before the first step; a difficulty that acts twice is warned of; the others run."""

import uuid
from unittest import mock

import pytest
import torch
from mmengine._strategy import ColossalAIStrategy, DeepSpeedStrategy, FSDPStrategy, SingleDeviceStrategy
from mmengine._strategy.colossalai import ColossalAIModelWrapper
from mmengine._strategy.deepspeed import MMDeepSpeedEngineWrapper
from mmengine.config import Config
from mmengine.model import MMFullyShardedDataParallel
from mmengine.registry import STRATEGIES
from mmengine.runner import FlexibleRunner
from torch import nn

from cdb_video import advice
from tests.support.runs import BASE, hook_of, make_runner, merged

pytestmark = pytest.mark.training


def flexible_runner(work_dir, strategy, **changes):
    """A FlexibleRunner of the toy configuration."""
    settings = {'work_dir': str(work_dir), 'experiment_name': uuid.uuid4().hex, 'env_cfg': {}}
    return FlexibleRunner.from_cfg(Config({**settings, 'strategy': {'type': strategy}, **merged(BASE, changes)}))


class _OnOneDevice(SingleDeviceStrategy):
    """Runs where there is no accelerator, as the strategies that it is mixed into do elsewhere."""

    def __init__(self, **kwargs):
        SingleDeviceStrategy.__init__(self, **{key: kwargs[key] for key in ('work_dir', 'experiment_name')})


@STRATEGIES.register_module(force=True)
class ToyFSDPStrategy(_OnOneDevice, FSDPStrategy):
    """FSDPStrategy without its need of an accelerator."""

    skip_init_weights = False

    def _wrap_model(self, model):
        return model


@STRATEGIES.register_module(force=True)
class ToyDeepSpeedStrategy(_OnOneDevice, DeepSpeedStrategy):
    """DeepSpeedStrategy without its need of DeepSpeed."""


@STRATEGIES.register_module(force=True)
class ToyColossalAIStrategy(_OnOneDevice, ColossalAIStrategy):
    """ColossalAIStrategy without its need of Colossal-AI."""


@pytest.mark.parametrize(
    ('strategy', 'name'),
    [
        ('ToyFSDPStrategy', 'FSDP'),
        ('ToyDeepSpeedStrategy', 'DeepSpeed'),
        ('ToyColossalAIStrategy', 'Colossal-AI'),
    ],
)
@pytest.mark.parametrize('observe_only', [False, True])
def test_strategy_that_shards_is_refused_before_the_first_step(tmp_path, strategy, name, observe_only):
    hooks = [{'type': 'ClassDifficultyHook', 'observe_only': observe_only}]
    runner = flexible_runner(tmp_path, strategy, custom_hooks=hooks)
    with pytest.raises(ValueError, match=rf'{strategy}: ClassDifficultyHook does not support {name}\..*DDPStrategy'):
        runner.train()
    assert runner.model.batches == []


@pytest.mark.parametrize(
    ('wrapper', 'name'),
    [
        (MMFullyShardedDataParallel, 'FSDP'),
        (MMDeepSpeedEngineWrapper, 'DeepSpeed'),
        (ColossalAIModelWrapper, 'Colossal-AI'),
    ],
)
def test_model_in_shards_is_refused_before_the_first_step(tmp_path, wrapper, name):
    runner = make_runner(tmp_path, uuid.uuid4().hex)
    model = runner.model
    # The wrappers' constructors need accelerators and packages; their classes do not.
    runner.train_loop  # noqa: B018  (builds the loop, as train() does)
    runner.model = object.__new__(wrapper)
    if isinstance(runner.model, nn.Module):
        nn.Module.__init__(runner.model)
    with pytest.raises(ValueError, match=rf'{wrapper.__name__}: ClassDifficultyHook does not support {name}\.'):
        runner.call_hook('before_train')
    assert model.batches == []


def test_flexible_runner_on_one_device_trains_and_resumes(tmp_path):
    def trained(name, max_epochs, **changes):
        # Not with save_best: mmengine then saves the epoch as one too many (FlexibleRunner.save_checkpoint).
        checkpoint = {'checkpoint': {'save_best': None}}
        train_cfg = {'max_epochs': max_epochs}
        runner = flexible_runner(
            tmp_path / name, 'SingleDeviceStrategy', train_cfg=train_cfg, default_hooks=checkpoint, **changes
        )
        runner.train()
        return runner

    straight = trained('a', 2)
    trained('b', 1)
    resumed = trained('b', 2, resume=True, load_from=str(tmp_path / 'b' / 'epoch_1.pth'))
    ordinary = make_runner(tmp_path / 'c', uuid.uuid4().hex, train_cfg={'max_epochs': 2})
    ordinary.train()
    for runner in (straight, resumed):
        torch.testing.assert_close(runner.model.state_dict(), ordinary.model.state_dict(), rtol=0, atol=0)
        assert hook_of(runner).state_.num_correct.tolist() == hook_of(ordinary).state_.num_correct.tolist()


CDB_W, CDB_S = {'type': 'CDBLoss', 'tau': 1.0}, {'type': 'CDBSampler', 'tau': 1.0}
NATURAL = {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}


def warnings_before_training(tmp_path, **changes):
    """What a run warns of before its first step."""
    runner = make_runner(tmp_path, uuid.uuid4().hex, **changes)
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train_loop, runner.val_loop  # noqa: B018  (builds the loops, as train() does)
        runner.call_hook('before_train')
    return [call.args[0] for call in warning.call_args_list]


def test_difficulty_in_loss_and_sampler_at_once_is_warned_of_with_what_we_advise(tmp_path):
    (text,) = (one for one in warnings_before_training(tmp_path) if 'acts twice' in one)
    assert text.startswith('CDBLoss(tau=1.0) and CDBSampler(tau=1.0): the difficulty acts twice')
    assert advice.as_code(advice.LOSS) in text
    assert advice.as_code(advice.HOOK) in text
    assert 'docs/methods/which_method.md' in text


@pytest.mark.parametrize(
    ('loss', 'sampler', 'observe_only'),
    [
        ({'_delete_': True, **advice.LOSS}, NATURAL, False),
        (CDB_W, NATURAL, False),
        (CDB_W, {'tau': 0}, False),
        ({'type': 'CDBLoss', 'tau': 0}, CDB_S, False),
        ({'_delete_': True, 'type': 'PlainLoss'}, CDB_S, False),
        (CDB_W, CDB_S, True),
    ],
)
def test_what_acts_once_or_not_at_all_is_not_warned_of(tmp_path, loss, sampler, observe_only):
    said = warnings_before_training(
        tmp_path,
        model={'loss_cls': dict(loss)},
        train_dataloader={'sampler': dict(sampler)},
        custom_hooks=[
            {'type': 'ClassDifficultyHook', 'observe_only': observe_only} | (dict(advice.HOOK) if 'law' in loss else {})
        ],
    )
    assert not any('acts twice' in text for text in said)
