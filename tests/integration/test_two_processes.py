"""Two processes with gloo on the CPU: one draw, one count, one difficulty."""

import itertools
import uuid

import numpy as np
import pytest

import cdb_video  # noqa: F401  (registers the parts of the toy configuration)
from cdb_video.difficulty.history import read_history
from tests.support.parallel import in_processes

pytestmark = pytest.mark.training


def train_as_rank(rank, work_dir, val_counts):
    """Train the toy model; what this rank saw."""
    from tests.support.runs import hook_of, make_runner

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
    return {
        'difficulty': state.difficulty.tolist(),
        'num_clips': state.num_clips.tolist(),
        'weight': model.cls_head.loss_cls.class_weight.tolist(),
        'probability': sampler.class_probability.tolist(),
        'draw': sampler.draw_epoch().tolist(),
        'slice': list(sampler),
        'labels': list(itertools.chain(*model.batches)),
    }


@pytest.mark.slow
@pytest.mark.parametrize('val_counts', [pytest.param([9, 8, 7, 6], marks=pytest.mark.long), [3, 2, 1, 1]])
def test_ranks_agree_and_every_clip_counts_once(tmp_path, val_counts):
    zero, one = in_processes(2, train_as_rank, str(tmp_path), val_counts)
    for key in ('difficulty', 'num_clips', 'weight', 'probability', 'draw'):
        assert zero[key] == one[key]
    assert zero['num_clips'] == val_counts
    # 75 clips on two ranks: the draw, padded with its first clip.
    assert zero['slice'] + one['slice'] == zero['draw'][0::2] + zero['draw'][1::2] + zero['draw'][:1]
    # The first epoch was class-balanced over both ranks together.
    first = np.bincount(zero['labels'][:38] + one['labels'][:38], minlength=4)
    assert (np.abs(first - 76 / 4) < 2).all()
    assert len(read_history(tmp_path / 'class_history.jsonl').records) == 2
