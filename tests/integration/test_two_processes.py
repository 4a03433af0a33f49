"""Two processes with gloo on the CPU: one draw, one count, one difficulty."""

import itertools
import json
import os
import socket
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing

from cdb_video.history import read_history


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def train_as_rank(rank, world_size, port, work_dir, val_counts):
    """Train the toy model; write what this rank saw to ``rank_<rank>.json``."""
    from tests.runs import hook_of, make_runner

    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE=str(world_size), LOCAL_RANK=str(rank)
    )
    torch.distributed.init_process_group('gloo', rank=rank, world_size=world_size)
    runner = make_runner(
        work_dir,
        uuid.uuid4().hex,
        launcher='pytorch',
        train_cfg={'max_epochs': 2},
        val_dataloader={'dataset': {'counts': val_counts}},
        model_wrapper_cfg={'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False},
    )
    runner.train()
    state, sampler = hook_of(runner).state_, runner.train_dataloader.sampler
    model = runner.model.module
    sampler.set_epoch(0)
    seen = {
        'difficulty': state.difficulty.tolist(),
        'num_clips': state.num_clips.tolist(),
        'weight': model.cls_head.loss_cls.class_weight.tolist(),
        'probability': sampler.class_probability.tolist(),
        'draw': sampler.draw_epoch().tolist(),
        'slice': list(sampler),
        'labels': list(itertools.chain(*model.batches)),
    }
    Path(work_dir, f'rank_{rank}.json').write_text(json.dumps(seen))
    torch.distributed.destroy_process_group()


def fail_as_rank(rank, world_size, port, work_dir, val_counts):
    """Evaluate with a NaN on rank 1 only; both ranks must raise."""
    from cdb_video.metrics import ClassAccuracy

    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.distributed.init_process_group('gloo', rank=rank, world_size=world_size)
    metric = ClassAccuracy()
    score = torch.tensor([0.0, float('nan') if rank == 1 else 1.0])
    metric.process(None, [{'pred_score': score, 'gt_label': torch.tensor([1])}])
    try:
        metric.evaluate(2)
    except ValueError as error:
        Path(work_dir, f'error_{rank}').write_text(str(error))
    torch.distributed.destroy_process_group()


def spawn(function, tmp_path, *arguments):
    torch.multiprocessing.spawn(function, (2, free_port(), str(tmp_path), *arguments), nprocs=2)


@pytest.mark.slow
@pytest.mark.parametrize('val_counts', [[9, 8, 7, 6], [3, 2, 1, 1]])
def test_ranks_agree_and_every_clip_counts_once(tmp_path, val_counts):
    spawn(train_as_rank, tmp_path, val_counts)
    zero, one = (json.loads((tmp_path / f'rank_{rank}.json').read_text()) for rank in range(2))
    for key in ('difficulty', 'num_clips', 'weight', 'probability', 'draw'):
        assert zero[key] == one[key]
    assert zero['num_clips'] == val_counts
    # 75 clips on two ranks: the draw, padded with its first clip.
    assert zero['slice'] + one['slice'] == zero['draw'][0::2] + zero['draw'][1::2] + zero['draw'][:1]
    # The first epoch was class-balanced over both ranks together.
    first = np.bincount(zero['labels'][:38] + one['labels'][:38], minlength=4)
    assert (np.abs(first - 76 / 4) < 2).all()
    assert len(read_history(tmp_path / 'class_history.jsonl').records) == 2


@pytest.mark.slow
def test_error_in_the_metric_reaches_every_rank(tmp_path):
    spawn(fail_as_rank, tmp_path, [])
    assert (tmp_path / 'error_0').read_text() == (tmp_path / 'error_1').read_text()
    assert '1 of 2 clips hold NaN' in (tmp_path / 'error_0').read_text()
