"""SampleSeedHook and EnduringCheckpointHook in two processes with gloo on the CPU."""

import os
import socket
import uuid

import pytest
import torch
import torch.multiprocessing

from tests.restart.test_sample_seed_hook import SEEDED, shaken_run

pytestmark = pytest.mark.training


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def train_as_rank(rank, port, work_dir, parts):
    """Train up to each of `parts` epochs, resuming; write what this rank saw and ended with."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK='0')
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    seen = []
    for number, epochs in enumerate(parts):
        runner = shaken_run(
            work_dir,
            launcher='pytorch',
            train_cfg={'max_epochs': epochs},
            resume=number > 0,
            default_hooks={'checkpoint': {'type': 'EnduringCheckpointHook', 'max_keep_ckpts': 1, 'save_best': None}},
            model_wrapper_cfg={'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False},
        )
        runner.train()
        seen += runner.model.module.seen
    result = {'seen': torch.cat(seen), 'parameters': list(runner.model.module.state_dict().values())}
    torch.save(result, f'{work_dir}/rank_{rank}.pt')
    torch.distributed.destroy_process_group()


@pytest.fixture
def spawn(tmp_path):
    """Train in two processes; what each of them saw."""

    def start(*parts):
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        torch.multiprocessing.spawn(train_as_rank, (free_port(), str(folder), parts), nprocs=2)
        assert [path.name for path in folder.glob('epoch_*.pth')] == [f'epoch_{parts[-1]}.pth']
        return [torch.load(folder / f'rank_{rank}.pt') for rank in range(2)]

    return start


@pytest.mark.slow
def test_two_ranks_read_the_samples_of_one_and_resume_to_the_same_parameters(spawn, tmp_path):
    whole = spawn(2)
    resumed = spawn(1, 2)
    for one, other in zip(whole, resumed, strict=True):
        assert torch.equal(one['seen'], other['seen'])
        assert all(torch.equal(a, b) for a, b in zip(one['parameters'], other['parameters'], strict=True))
    alone = shaken_run(
        tmp_path / 'alone', hooks=SEEDED, train_cfg={'max_epochs': 1}, train_dataloader={'batch_size': 15}
    )
    alone.train()
    expected = torch.cat(alone.model.seen)
    # 75 draws are 38 for each rank; the padding of the last one is a draw of its own.
    together = torch.stack([one['seen'][:38] for one in whole], 1).flatten(0, 1)
    assert torch.equal(together[: len(expected)], expected)
