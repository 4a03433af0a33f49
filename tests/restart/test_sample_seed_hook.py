"""SampleSeedHook in whole toy runs: a resumed run is the uninterrupted one, parameters and all."""

import random
import uuid
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, MODELS

from cdb_video.difficulty.history import read_history
from tests.support.runs import hook_of, make_runner
from tests.support.toys import ToyDataset, ToyModel

pytestmark = pytest.mark.training


@DATASETS.register_module(force=True)
class ShakenDataset(ToyDataset):
    """Its features are shaken with numbers of three generators; some reads fail and another clip is taken."""

    def prepare_data(self, index):
        sample = super().prepare_data(index)
        shake = torch.randn(2) + random.gauss(0, 1) + float(np.random.normal())
        if not self.test_mode:
            sample['inputs'] = sample['inputs'] + 0.3 * shake
        return None if not self.test_mode and np.random.random_sample() < 0.1 else sample


@MODELS.register_module(force=True)
class ForgetfulModel(ToyModel):
    """With dropout, and noise of numpy and Python, as blending draws it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def forward(self, inputs, label, mode='tensor'):
        if mode == 'loss':
            self.seen.append(torch.stack(list(inputs)))
            scale = 1 + 0.1 * float(np.random.normal()) + 0.1 * random.random()
            inputs = [torch.nn.functional.dropout(one, 0.3) * scale for one in inputs]
        return super().forward(inputs, label, mode)


SEEDED = [{'type': 'ClassDifficultyHook'}, {'type': 'SampleSeedHook'}]


def shaken_run(work_dir, workers=0, persistent=False, hooks=SEEDED, **changes):
    train = {
        'num_workers': workers,
        'persistent_workers': persistent and workers > 0,
        'dataset': {'type': 'ShakenDataset'},
        **changes.pop('train_dataloader', {}),
    }
    val = {'dataset': {'type': 'ShakenDataset', 'test_mode': True}}
    model = {'type': 'ForgetfulModel'}
    # The best checkpoint is not kept, so that every resumed run has a validation to make up for.
    default_hooks = changes.pop('default_hooks', {'checkpoint': {'save_best': None}})
    return make_runner(
        work_dir,
        uuid.uuid4().hex,
        model=model,
        train_dataloader=train,
        val_dataloader=val,
        custom_hooks=list(hooks),
        default_hooks=default_hooks,
        **changes,
    )


def train_in_parts(work_dir, **settings):
    """Three epochs, each in a run of its own; the last runner, and the inputs of all steps."""
    seen = []
    for epochs in (1, 2, 3):
        runner = shaken_run(work_dir, train_cfg={'max_epochs': epochs}, resume=epochs > 1, **settings)
        runner.train()
        seen += runner.model.seen
    return runner, seen


def differences(one, other):
    """What of (runner, inputs) of two runs is not equal to the bit."""
    (runner, seen), (other_runner, other_seen) = one, other
    pairs = {
        'inputs': zip(seen, other_seen, strict=True),
        'parameters': zip(runner.model.parameters(), other_runner.model.parameters(), strict=True),
        'difficulty': [[torch.from_numpy(hook_of(each).state_.difficulty) for each in (runner, other_runner)]],
    }
    found = {name for name, values in pairs.items() if not all(torch.equal(a, b) for a, b in values)}
    histories = [read_history(Path(each.work_dir, 'class_history.jsonl')).records for each in (runner, other_runner)]
    return found | ({'history'} if histories[0] != histories[1] else set())


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    runner = shaken_run(tmp_path_factory.mktemp('straight'))
    runner.train()
    return runner, runner.model.seen


@pytest.mark.parametrize(
    ('workers', 'persistent'),
    [
        (0, False),
        (1, True),
        *(pytest.param(*one, marks=pytest.mark.long) for one in ((1, False), (2, False), (2, True))),
    ],
    ids=str,
)
def test_resumed_run_is_the_uninterrupted_one_for_any_workers(straight, tmp_path, workers, persistent):
    settings = {'workers': workers, 'persistent': persistent}
    whole = shaken_run(tmp_path / 'whole', **settings)
    whole.train()
    assert differences(straight, (whole, whole.model.seen)) == set()
    assert differences(straight, train_in_parts(tmp_path / 'parts', **settings)) == set()


def test_without_the_hook_a_resumed_run_takes_another_course(tmp_path):
    hooks = SEEDED[:1]
    whole = shaken_run(tmp_path / 'whole', hooks=hooks)
    whole.train()
    found = differences((whole, whole.model.seen), train_in_parts(tmp_path / 'parts', hooks=hooks))
    assert {'inputs', 'parameters'} <= found


def test_repeats_of_a_clip_within_an_epoch_differ(tmp_path):
    counts = {'dataset': {'type': 'ShakenDataset', 'counts': [1, 1, 1, 1]}}
    runner = shaken_run(tmp_path, train_dataloader={**counts, 'sampler': {'num_samples': 40}})
    runner.train()
    inputs = torch.cat(runner.model.seen[:5])
    assert len(inputs.unique(dim=0)) == 40


def test_difficulty_still_reaches_the_sampler_through_a_batch_sampler(tmp_path):
    batches = {'batch_sampler': {'type': 'BatchSampler', 'drop_last': True}, 'batch_size': 8}
    runner = shaken_run(tmp_path, train_dataloader=batches)
    runner.train()
    sampler = runner.train_dataloader.batch_sampler.sampler
    assert sampler.epoch == 2
    assert sampler.tau_ == 1.0
    assert hook_of(runner)._handover.parts.sampler is sampler


def test_run_without_a_seed_says_so_and_resumes_with_the_seed_of_its_checkpoint(tmp_path):
    first = shaken_run(tmp_path, randomness={'seed': None}, train_cfg={'max_epochs': 1})
    with mock.patch.object(first.logger, 'warning') as warning:
        first.train()
    assert any(f'has the random seed {first.seed}: a restart' in str(call) for call in warning.call_args_list)
    resumed = shaken_run(tmp_path, randomness={'seed': None}, resume=True)
    assert resumed.seed != first.seed
    with mock.patch.object(resumed.logger, 'warning') as warning:
        resumed.train()
    assert not any('random seed' in str(call) for call in warning.call_args_list)
    assert resumed.train_dataloader.sampler.seed == first.seed
    whole = shaken_run(tmp_path / 'whole', randomness={'seed': first.seed})
    whole.train()
    assert differences((whole, whole.model.seen), (resumed, first.model.seen + resumed.model.seen)) == set()


def test_seed_of_the_sampler_s_own_config_is_kept(tmp_path):
    shaken_run(tmp_path, train_cfg={'max_epochs': 1}).train()
    resumed = shaken_run(tmp_path, resume=True, randomness={'seed': 8}, train_dataloader={'sampler': {'seed': 3}})
    resumed.train()
    assert (resumed.seed, resumed.train_dataloader.sampler.seed) == (7, 3)


def test_iteration_based_run_is_refused(tmp_path):
    runner = shaken_run(tmp_path, train_cfg={'_delete_': True, 'by_epoch': False, 'max_iters': 4, 'val_interval': 2})
    with pytest.raises(ValueError, match=r'needs an epoch-based loop.*by_epoch=True'):
        runner.train()


def test_validation_and_test_runs_are_left_alone(tmp_path):
    without_training = dict.fromkeys(('train_dataloader', 'train_cfg', 'optim_wrapper', 'default_hooks'), ...)
    runner = make_runner(tmp_path, uuid.uuid4().hex, custom_hooks=SEEDED, **without_training)
    assert 'acc/top1' in runner.val()
    assert runner._train_loop is None
