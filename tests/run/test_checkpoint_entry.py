"""What `CheckpointEntry` says of a checkpoint."""

import numpy as np
import pytest
import torch

from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video.run.checkpoint_entry import CheckpointEntry

STATE = DifficultyState(
    difficulty=np.array([0.25, 1.0]),
    measured=np.array([True, False]),
    num_clips=np.array([4, 0]),
    num_correct=np.array([3, 0]),
    train_counts=np.array([9, 5]),
    class_names=('lift', 'cut'),
    epoch=2,
    iteration=20,
)
REPORT = {'consumers': {'CDBLoss': {'tau': 1.0}}, 'metrics': {'acc/mean1': 0.5}, 'validated_at': 30, 'source': 'train'}


def saved(report=None, **meta):
    """A checkpoint of mmengine with the entry of a run."""
    content = STATE.to_checkpoint() | ({} if report is None else {'report': report})
    return {CHECKPOINT_KEY: content, 'meta': meta}


def test_entry_gives_back_the_state_that_was_saved():
    state = CheckpointEntry.of(saved()).state()
    assert (state.epoch, state.iteration, state.class_names) == (2, 20, ('lift', 'cut'))
    for name in ('difficulty', 'measured', 'num_clips', 'num_correct', 'train_counts'):
        np.testing.assert_array_equal(getattr(state, name), getattr(STATE, name))


def test_entry_says_what_came_of_the_difficulty():
    entry = CheckpointEntry.of(saved(REPORT))
    assert entry.consumers == {'CDBLoss': Derived(tau=1.0)}
    assert entry.metrics == {'acc/mean1': 0.5}
    assert (entry.validated_at, entry.source) == (30, 'train')


def test_entry_of_an_earlier_version_was_validated_where_its_difficulty_was_measured():
    entry = CheckpointEntry.of(saved())
    assert (entry.validated_at, entry.source, entry.metrics, entry.consumers) == (20, 'val', {}, {})


@pytest.mark.parametrize('entry', [CheckpointEntry(), CheckpointEntry.of({'state_dict': {}})])
def test_nothing_loaded_and_nothing_saved_say_the_same(entry):
    assert entry.state() is None
    assert (entry.validated_at, entry.source, entry.metrics, entry.consumers) == (None, 'val', {}, {})


@pytest.mark.parametrize(
    ('meta', 'expected'),
    [
        ({'epoch': 3, 'iter': 30}, (3, 30)),
        ({'epoch': 3}, (3, None)),
        ({'epoch': '3', 'iter': 30.0}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_epoch_and_iteration_are_those_of_the_checkpoint_if_it_says_them(meta, expected):
    entry = CheckpointEntry.of(saved(**meta))
    assert (entry.epoch, entry.iteration) == expected


@pytest.mark.parametrize(
    ('meta', 'expected'),
    [
        ({'dataset_meta': {'classes': ('a', 'b')}}, ('a', 'b')),
        ({'dataset_meta': {'CLASSES': ['a', 'b']}}, ('a', 'b')),
        ({'dataset_meta': {'classes': 'a'}}, None),
        ({'dataset_meta': {}}, None),
        ({'dataset_meta': None}, None),
        ({}, None),
    ],
)
def test_classes_of_the_training_set_are_those_that_mmengine_writes(meta, expected):
    entry = CheckpointEntry.of(saved(**meta))
    assert entry.trained_classes == entry.of_main_process().trained_classes == expected


def test_entry_is_new_until_a_training_begins():
    entry = CheckpointEntry.of(saved(REPORT, epoch=3, iter=30))
    assert entry.is_new
    begun = entry.in_training()
    assert not begun.is_new
    assert (begun.content, begun.epoch, begun.iteration) == (entry.content, 3, 30)
    assert not CheckpointEntry().is_new


def test_damaged_entry_is_kept_and_refused_when_it_is_read():
    entry = CheckpointEntry.of({CHECKPOINT_KEY: 'damaged'})
    with pytest.raises(ValueError, match="entry 'class_difficulty' cannot be read"):
        entry.state()


def test_content_comes_to_the_cpu():
    moved = []

    class OnDevice(torch.Tensor):
        def cpu(self):
            moved.append(self)
            return torch.zeros(2)

    content = CheckpointEntry.of({CHECKPOINT_KEY: {'difficulty': OnDevice(2), 'version': 1}}).content
    assert len(moved) == 1
    assert content['version'] == 1
    assert type(content['difficulty']) is torch.Tensor
