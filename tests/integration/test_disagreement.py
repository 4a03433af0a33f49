"""Two processes that do not have the same are stopped, both, with a message that says what differs."""

import re
import socket
import time
import uuid
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

import cdb_video  # noqa: F401  (registers the parts of the toy configuration)
from tests.support.parallel import error_of, in_processes

pytestmark = pytest.mark.slow
DDP = {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False}


def build(work_dir, **changes):
    from tests.support.runs import make_runner, merged

    options = {'launcher': 'pytorch', 'model_wrapper_cfg': DDP} if torch.distributed.is_initialized() else {}
    owner = {'type': 'ClassDifficultyHook', 'report': False, 'live_report': False}
    # mmengine asks compilers for their versions, which takes longer than the training.
    with mock.patch('mmengine.runner.runner.collect_env', return_value={}):
        return make_runner(work_dir, uuid.uuid4().hex, **merged({**options, 'custom_hooks': [owner]}, changes))


def steps_and_error(runner):
    """How far a training came and what ended it."""
    error = error_of(runner.train)
    return runner.iter, error


def train_with_seeds(rank, work_dir):
    return steps_and_error(build(work_dir, train_dataloader={'sampler': {'seed': rank}}))


def train_with_lists(rank, work_dir):
    # The same counts, and every rank its own order.
    from tests.support.toys import ToyDataset

    original = ToyDataset.load_data_list

    def load(self):
        entries = original(self)
        return entries[::-1] if rank == 1 and len(entries) == 75 else entries

    with mock.patch.object(ToyDataset, 'load_data_list', load):
        return steps_and_error(build(work_dir))


def train_without_rounding(rank, work_dir):
    # 75 clips for two processes: 38 and 37, which are 2 and 1 batches of 37.
    return steps_and_error(build(work_dir, train_dataloader={'batch_size': 37, 'sampler': {'round_up': False}}))


def train_with_another_rounding(rank, work_dir):
    """The last bit of one weight differs in rank 1, as where two processors raise to a power differently."""
    from cdb_video.losses import cdb

    original = cdb.class_weights

    def class_weights(difficulty, tau):
        weights = original(difficulty, tau)
        if rank == 1 and not (np.asarray(difficulty) == 1).all():
            weights[2] = np.nextafter(np.float32(weights[2]), np.float32(9))
        return weights

    with mock.patch.object(cdb, 'class_weights', class_weights):
        return steps_and_error(build(work_dir))


def observing(work_dir, **changes):
    """A baseline without validation."""
    from tests.support.runs import make_runner

    nothing = {'val_dataloader': ..., 'val_cfg': ..., 'val_evaluator': ...}
    nothing |= {'default_hooks': {'checkpoint': {'save_best': None}}}
    owner = {'type': 'ClassDifficultyHook', 'observe_only': True, 'report': False, 'live_report': False}
    options = {'launcher': 'pytorch', 'model_wrapper_cfg': DDP, 'custom_hooks': [owner]}
    with mock.patch('mmengine.runner.runner.collect_env', return_value={}):
        return make_runner(work_dir, uuid.uuid4().hex, **options, **nothing, **changes)


def train_with_seeds_unvalidated(rank, work_dir):
    return steps_and_error(observing(work_dir, train_dataloader={'sampler': {'seed': rank}}))


def train_with_another_balance(rank, work_dir):
    from cdb_video.losses import class_balanced

    original = class_balanced.class_balanced_weights

    def weights(prior, beta):
        return original(prior, beta) * (1.5 if rank == 1 else 1)

    loss = {'type': 'ClassBalancedLoss', '_delete_': True}
    with mock.patch.object(class_balanced, 'class_balanced_weights', weights):
        return steps_and_error(observing(work_dir, model={'loss_cls': loss}))


def train_with_names(rank, work_dir):
    names = ['lift', 'cut', 'wash', 'spread' if rank == 0 else 'fold']
    return steps_and_error(build(work_dir, val_dataloader={'dataset': {'classes': names}}))


def resume_from(rank, checkpoints, work_dir, resume=True):
    """Each rank loads a file of its own; an empty name = none."""
    name = checkpoints[rank]
    options = {'resume': resume, 'load_from': name} if name else {}
    return steps_and_error(build(Path(work_dir, str(rank)), **options))


@pytest.mark.parametrize(
    ('function', 'kind', 'steps', 'message'),
    [
        (train_with_seeds, 'RuntimeError', 0, r'disagree after 0 iterations on seed and epoch of CDBSampler'),
        (train_with_lists, 'RuntimeError', 0, r'disagree before training on the labels of the training clips'),
        pytest.param(
            train_without_rounding,
            'RuntimeError',
            0,
            r'on the steps in an epoch .* set round_up=True in the sampler',
            marks=pytest.mark.long,
        ),
        (train_with_another_rounding, 'RuntimeError', 5, r'after 5 iterations on the weight of CDBLoss .* processors'),
        pytest.param(
            train_with_seeds_unvalidated,
            'RuntimeError',
            0,
            r'disagree after 0 iterations on seed and epoch of CDBSampler',
            marks=pytest.mark.long,
        ),
        (train_with_another_balance, 'RuntimeError', 0, r'after 0 iterations on the weight of ClassBalancedLoss'),
        (train_with_names, 'ValueError', 0, "class 3 is 'spread' in the training set and 'fold' in the validation set"),
    ],
)
def test_what_differs_is_named_in_both(tmp_path, function, kind, steps, message):
    outcomes = in_processes(2, function, str(tmp_path))
    for number, error in outcomes:
        assert number == steps
        assert error[0] == kind
    assert outcomes[0][1][1] == outcomes[1][1][1]
    assert re.search(message, outcomes[0][1][1]), outcomes[0][1][1]


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory):
    """Checkpoints of one run: of its first and second epoch, and those with something changed."""
    folder = tmp_path_factory.mktemp('checkpoints')
    build(folder, train_cfg={'max_epochs': 2}).train()
    first = torch.load(folder / 'epoch_1.pth', weights_only=True)
    first['state_dict']['cls_head.fc.bias'][0] += 1e-6
    torch.save(first, folder / 'other_weights.pth')
    first = torch.load(folder / 'epoch_2.pth', weights_only=True)
    first['class_difficulty']['difficulty'][0] = 0.125
    torch.save(first, folder / 'other_difficulty.pth')
    return folder


@pytest.mark.parametrize(
    ('names', 'resume', 'message'),
    [
        (('epoch_1.pth', 'epoch_2.pth'), True, 'on the parameters and buffers of the model'),
        pytest.param(
            ('epoch_1.pth', 'other_weights.pth'),
            True,
            'on the parameters and buffers of the model',
            marks=pytest.mark.long,
        ),
        pytest.param(
            ('epoch_1.pth', 'other_weights.pth'),
            False,
            'on the parameters and buffers of the model',
            marks=pytest.mark.long,
        ),
        (('epoch_2.pth', 'other_difficulty.pth'), True, 'on the class difficulty in the checkpoint'),
        pytest.param(('epoch_1.pth', ''), True, 'on the class difficulty in the checkpoint', marks=pytest.mark.long),
    ],
)
def test_processes_that_loaded_different_files_do_not_train(checkpoints, tmp_path, names, resume, message):
    paths = [name and str(checkpoints / name) for name in names]
    outcomes = in_processes(2, resume_from, paths, str(tmp_path), resume)
    for _, error in outcomes:
        assert error[0] == 'RuntimeError'
        assert f'disagree before training {message}' in error[1]
        assert 'in a folder that all machines share' in error[1]
        assert 'process 1: ' in error[1]


def test_processes_that_loaded_the_same_go_on(checkpoints, tmp_path):
    outcomes = in_processes(2, resume_from, [str(checkpoints / 'epoch_2.pth')] * 2, str(tmp_path))
    assert outcomes == [(20 + 5, None)] * 2


def validate_with_batch_norm(rank, work_dir, *hooks):
    """The statistics with which this rank validates, and the warnings that it gives."""
    from mmengine.hooks import Hook

    seen = []

    class Note(Hook):
        def before_val_iter(self, runner, batch_idx, data_batch=None):
            seen.append(runner.model.module.cls_head.fc[0].running_mean.tolist())

    runner = build(work_dir, model={'type': 'NormedModel'}, custom_hooks=[{'type': 'ClassDifficultyHook'}, *hooks])
    runner.register_hook(Note(), priority='LOWEST')
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    return seen, ' '.join(call.args[0] for call in warning.call_args_list)


def test_processes_validate_with_statistics_of_their_own_unless_they_are_synchronised(tmp_path):
    (own, said), (others, _) = in_processes(2, validate_with_batch_norm, str(tmp_path / '1'))
    assert own != others
    assert 'cls_head.fc.0 (BatchNorm1d) has running statistics, and every process has its own' in said
    sync = {'type': 'SyncBuffersHook'}
    (one, said), (same, _) = in_processes(2, validate_with_batch_norm, str(tmp_path / '2'), sync)
    assert one == same
    assert len(one) == 3 * 2
    assert 'running statistics' not in said


def wait_for_ever(rank, port):
    """Process 1 never comes to the evaluation."""
    from mmengine.config import Config

    from cdb_video.launch.commands import prepare_processes
    from cdb_video.metrics.class_accuracy import ClassAccuracy

    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    with mock.patch.dict('os.environ', {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}):
        prepare_processes(Config({'env_cfg': {'dist_cfg': {'timeout': 2}}}), 'pytorch')
    if rank == 1:
        time.sleep(6)  # it would then be a closed connection
        return None
    return error_of(lambda: ClassAccuracy().evaluate(4))


def test_process_that_does_not_come_is_not_waited_for_beyond_the_timeout():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    error = in_processes(2, wait_for_ever, port)[0]
    assert error[0] == 'RuntimeError'
    assert re.search('(?i)timed out', error[1])
