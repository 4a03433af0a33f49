"""What steps the weights, beside class difficulty: averages, half precision, accumulation, clipping, compilation."""

import itertools
import uuid
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, OPTIM_WRAPPERS
from mmengine.runner import load_checkpoint
from torch import nn
from torch._dynamo.utils import counters

from cdb_video.difficulty.history import read_history
from cdb_video.losses.cdb import CDBLoss
from cdb_video.run.handover import Handover
from tests.support.marks import needs_compile, needs_half_on_cpu
from tests.support.runs import hook_of, make_runner
from tests.support.toys import ToyModel

pytestmark = pytest.mark.training

# Weights far from 1, so that a constant in the place of one of them shows.
DIFFICULTY = [0.1, 0.9, 0.5, 1.0]


@pytest.fixture
def run(tmp_path):
    """Build a runner in a folder of its own."""
    return lambda name='run', **changes: make_runner(tmp_path / name, uuid.uuid4().hex, **changes)


@MODELS.register_module(force=True)
class NormedToyModel(ToyModel):
    """The toy model with batch normalisation, whose running averages are buffers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.cls_head.fc = nn.Sequential(nn.BatchNorm1d(2, momentum=0.5), self.cls_head.fc)


@OPTIM_WRAPPERS.register_module(force=True)
class CpuAmpOptimWrapper(OPTIM_WRAPPERS.get('OptimWrapper')):
    """What AmpOptimWrapper does in float16, which mmengine has for GPUs only: autocast and a scaled loss."""

    def __init__(self, dtype, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.dtype, self.scale = getattr(torch, dtype), scale

    def optim_context(self, model):
        return torch.autocast('cpu', dtype=self.dtype)

    def backward(self, loss, **kwargs):
        (loss * self.scale).backward(**kwargs)
        for group in self.optimizer.param_groups:
            for parameter in group['params']:
                parameter.grad /= self.scale
        self._inner_count += 1


def counted(model, dataset):
    """Correct clips per class, as an evaluation by hand finds them."""
    samples = [dataset.prepare_data(index) for index in range(len(dataset))]
    with torch.no_grad():
        predicted = model.eval().cls_head.fc(torch.stack([sample['inputs'] for sample in samples])).argmax(1)
    labels = torch.cat([sample['label'] for sample in samples])
    return torch.bincount(labels[predicted == labels], minlength=4).tolist()


def epoch_with(runner, difficulty=DIFFICULTY):
    """Train one epoch with a given difficulty, and return the weights of the model at its end."""
    hand_on = Handover.hand_on

    def hand_on_given(self, epoch=None):
        for consumer in self.consumers.values():
            consumer.set_class_difficulty(difficulty, 1 - np.asarray(difficulty))

    with mock.patch.object(Handover, 'hand_on', hand_on_given):
        runner.train()
    assert hand_on is Handover.hand_on
    return {name: value.clone() for name, value in runner.model.state_dict().items()}


@pytest.mark.parametrize('update_buffers', [False, True])
def test_difficulty_under_ema_is_that_of_the_averaged_weights(run, tmp_path, update_buffers):
    ema = {'type': 'EMAHook', 'momentum': 0.05, 'update_buffers': update_buffers}
    runner = run(
        model={'type': 'NormedToyModel'},
        custom_hooks=[{'type': 'ClassDifficultyHook'}, ema],
        train_cfg={'max_epochs': 4},
    )
    runner.train()
    records = read_history(tmp_path / 'run' / 'class_history.jsonl').records
    best = max(records, key=lambda entry: entry.metrics['acc/mean1'])
    file = tmp_path / 'run' / f'best_acc_mean1_epoch_{best.epoch}.pth'
    checkpoint = torch.load(file)
    averaged, plain = (NormedToyModel(loss_cls={'type': 'CDBLoss'}) for _ in range(2))
    load_checkpoint(averaged, str(file), strict=True)
    source = {key.removeprefix('module.'): value for key, value in checkpoint['ema_state_dict'].items()}
    plain.load_state_dict({key: source[key] for key in plain.state_dict()})
    dataset = runner.val_dataloader.dataset
    assert counted(averaged, dataset) == best.num_correct
    assert counted(plain, dataset) != best.num_correct  # so the test can tell them apart
    assert checkpoint['class_difficulty']['iteration'] == best.iteration
    # The loss that steps is the one that is driven, and the copy that EMA keeps adds nothing to the checkpoint.
    weight = records[-1].consumers['CDBLoss'].weight
    assert runner.model.cls_head.loss_cls.class_weight.tolist() == weight
    assert list(hook_of(runner)._handover.consumers) == ['CDBLoss', 'CDBSampler']
    assert not [key for key in checkpoint['ema_state_dict'] if 'loss_cls' in key]


@pytest.mark.parametrize('update_buffers', [False, True])
def test_resumed_run_with_ema_makes_up_for_the_validation_on_averaged_weights(run, tmp_path, update_buffers):
    def trained(name, max_epochs, **changes):
        ema = {'type': 'EMAHook', 'momentum': 0.05, 'update_buffers': update_buffers}
        hooks = [{'type': 'ClassDifficultyHook'}, ema]
        runner = run(
            name,
            model={'type': 'NormedToyModel'},
            custom_hooks=hooks,
            train_cfg={'max_epochs': max_epochs},
            default_hooks={'checkpoint': {'save_best': None}},
            **changes,
        )
        runner.train()
        return runner

    straight = trained('a', 3)
    trained('b', 2)
    resumed = trained('b', 3, resume=True, load_from=str(tmp_path / 'b' / 'epoch_2.pth'))
    assert hook_of(resumed).state_.num_correct.tolist() == hook_of(straight).state_.num_correct.tolist()
    torch.testing.assert_close(resumed.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


# Where torch sees no GPU, its loss scaler says that it is off; mmengine asks for it by its old name.
@pytest.mark.filterwarnings('ignore:.*GradScaler is enabled, but CUDA is not available:UserWarning')
@pytest.mark.filterwarnings('ignore:.torch.cuda.amp.GradScaler:FutureWarning')
@pytest.mark.parametrize(
    'wrapper',
    [
        {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16'},
        pytest.param({'type': 'CpuAmpOptimWrapper', 'dtype': 'float16', 'scale': 1024.0}, marks=needs_half_on_cpu),
    ],
    ids=['bfloat16', 'float16'],
)
def test_half_precision_steps_as_full_precision_does(run, monkeypatch, wrapper):
    # AmpOptimWrapper refuses the CPU, though it can do bfloat16 there.
    monkeypatch.setattr('mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)
    full = epoch_with(run('full', train_cfg={'max_epochs': 1}))
    seen = []
    original = CDBLoss.forward

    def forward(self, cls_score, *args, **kwargs):
        loss = original(self, cls_score, *args, **kwargs)
        seen.append((cls_score.dtype, loss.dtype))
        return loss

    runner = run('half', optim_wrapper=wrapper, train_cfg={'max_epochs': 1}, val_cfg={'fp16': True})
    with mock.patch.object(CDBLoss, 'forward', forward):
        half = epoch_with(runner)
    assert set(seen) == {(getattr(torch, wrapper['dtype']), torch.float32)}
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.02)
    assert hook_of(runner).state_.num_clips.tolist() == [9, 8, 7, 6]


@pytest.mark.parametrize('loss_cls', [{}, {'focal_gamma': 1.0}])
def test_accumulated_steps_equal_those_of_the_large_batch(run, loss_cls):
    def trained(name, batch_size, accumulative_counts):
        runner = run(
            name,
            model={'loss_cls': loss_cls},
            train_dataloader={'batch_size': batch_size, 'sampler': {'num_samples': 72}},
            optim_wrapper={'accumulative_counts': accumulative_counts},
            train_cfg={'max_epochs': 2},
        )
        runner.train()
        return runner

    large, small = trained('large', 8, 1), trained('small', 4, 2)
    assert list(itertools.chain(*large.model.batches)) == list(itertools.chain(*small.model.batches))
    torch.testing.assert_close(small.model.state_dict(), large.model.state_dict())
    assert hook_of(small).state_.num_correct.tolist() == hook_of(large).state_.num_correct.tolist()


def test_accumulation_with_weighted_mean_divides_each_part_by_its_own_weights(run):
    def trained(name, batch_size, accumulative_counts):
        runner = run(
            name,
            model={'loss_cls': {'reduction': 'weighted_mean'}},
            train_dataloader={'batch_size': batch_size, 'sampler': {'num_samples': 72}},
            optim_wrapper={'accumulative_counts': accumulative_counts},
            train_cfg={'max_epochs': 1},
        )
        return epoch_with(runner)

    large, small = trained('large', 8, 1), trained('small', 4, 2)
    assert (large['cls_head.fc.weight'] - small['cls_head.fc.weight']).abs().max() > 1e-3


def test_clipped_gradient_bounds_the_step_whatever_the_class_weight(run):
    steps = []

    def largest_step(runner):
        before = None
        original = runner.model.train_step

        def train_step(*args, **kwargs):
            nonlocal before
            before = torch.cat([value.flatten().clone() for value in runner.model.parameters()])
            result = original(*args, **kwargs)
            after = torch.cat([value.flatten() for value in runner.model.parameters()])
            steps.append(float((after - before).detach().norm()))
            return result

        runner.model.train_step = train_step
        epoch_with(runner, [0, 0, 0, 1.0])  # the weight of class 3 is 4
        return max(steps)

    optimizer = {'optimizer': {'lr': 1.0, 'momentum': 0}}
    free = largest_step(run('free', optim_wrapper=optimizer, train_cfg={'max_epochs': 1}))
    steps.clear()
    clip = {'clip_grad': {'max_norm': 0.1}, **optimizer}
    clipped = largest_step(run('clipped', optim_wrapper=clip, train_cfg={'max_epochs': 1}))
    assert clipped <= 0.1 + 1e-5 < free


@pytest.mark.uncovered
@needs_compile
def test_compiled_loss_is_not_compiled_again_for_each_difficulty():
    torch.compiler.reset()
    counters.clear()
    loss = CDBLoss(num_classes=4, tau='dynamic')
    compiled = torch.compile(loss, backend='eager')
    generator = np.random.default_rng(0)
    for _ in range(12):  # more than the recompilations after which torch gives up
        accuracy = generator.random(4)
        loss.set_class_difficulty(1 - accuracy, accuracy)
        compiled(torch.randn(8, 4, requires_grad=True), torch.randint(4, (8,)))
    assert 1 <= counters['stats']['unique_graphs'] <= 2


# torch: dynamo looks at the scores where a graph begins anew, as after the toy model's record of its labels.
@pytest.mark.uncovered
@needs_compile
@pytest.mark.filterwarnings('ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning')
@pytest.mark.parametrize(
    ('backend', 'loss_cls'),
    [
        ('aot_eager', {}),
        pytest.param('aot_eager', {'focal_gamma': 1.0}, marks=pytest.mark.long),
        pytest.param('eager', {'tau': 'dynamic', 'logit_adjustment': 1.0}, marks=pytest.mark.long),
    ],
)
def test_compiled_run_follows_every_new_difficulty(run, backend, loss_cls):
    plain = run('plain', model={'loss_cls': loss_cls})
    plain.train()
    torch.compiler.reset()
    counters.clear()
    compiled = run('compiled', model={'loss_cls': loss_cls}, compile={'backend': backend})
    compiled.train()
    assert counters['stats']['unique_graphs'] > 0
    torch.testing.assert_close(compiled.model.state_dict(), plain.model.state_dict())
    assert hook_of(compiled).state_.difficulty.tolist() == hook_of(plain).state_.difficulty.tolist()


# mmengine leaves the variant of checkpointing to torch, which asks for a choice.
@pytest.mark.filterwarnings('ignore:torch.utils.checkpoint. the use_reentrant parameter:UserWarning')
def test_activation_checkpointing_changes_nothing(run):
    # The loss itself among the parts that run twice.
    plain, saving = run('plain'), run('saving', activation_checkpointing=['cls_head.loss_cls'])
    plain.train()
    saving.train()
    torch.testing.assert_close(saving.model.state_dict(), plain.model.state_dict(), rtol=0, atol=0)
