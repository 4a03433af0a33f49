"""Where the clips come from, beside class difficulty: wrapped datasets and batch samplers."""

import itertools
import uuid

import numpy as np
import pytest
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler

from cdb_video.difficulty.history import read_history
from tests.support.runs import CLASS_NAMES, hook_of, make_runner

pytestmark = pytest.mark.training

TOY = {'type': 'ToyDataset', 'counts': [40, 20, 10, 5]}


@pytest.fixture
def run(tmp_path):
    """Build a runner in the temporary work directory."""
    return lambda **changes: make_runner(tmp_path, uuid.uuid4().hex, **changes)


def epochs_of(runner):
    """The labels drawn in each epoch, as counts per class."""
    batches, length = runner.model.batches, len(runner.train_dataloader)
    epochs = [list(itertools.chain(*batches[start : start + length])) for start in range(0, len(batches), length)]
    return [np.bincount(labels, minlength=4) for labels in epochs]


@DATA_SAMPLERS.register_module(force=True)
class SameLabelBatchSampler(BatchSampler):
    """Batches of one class each, as detection groups images by shape; it finds the sampler in its own way."""

    def __iter__(self):
        waiting = {}
        for index in self.sampler:
            group = waiting.setdefault(self.sampler.dataset.get_data_info(index)['label'], [])
            group.append(index)
            if len(group) == self.batch_size:
                yield list(group)
                group.clear()
        yield from (group for group in waiting.values() if group)


@pytest.mark.parametrize(
    ('dataset', 'counts'),
    [
        ({'type': 'RepeatDataset', 'times': 2, 'dataset': TOY}, [80, 40, 20, 10]),
        ({'type': 'ConcatDataset', 'datasets': [TOY, {**TOY, 'counts': [1, 2, 3, 4], 'seed': 5}]}, [41, 22, 13, 9]),
        (
            {'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'ConcatDataset', 'datasets': [TOY, TOY]}},
            [160, 80, 40, 20],
        ),
    ],
    ids=['repeat', 'concat', 'both'],
)
def test_wrapped_datasets_keep_labels_and_names(run, tmp_path, dataset, counts):
    runner = run(
        train_dataloader={'dataset': {'_delete_': True, **dataset}},
        val_dataloader={
            'dataset': {'_delete_': True, 'type': 'ConcatDataset', 'datasets': [{**TOY, 'counts': [3] * 4}] * 2}
        },
        train_cfg={'max_epochs': 2},
    )
    runner.train()
    state = hook_of(runner).state_
    assert state.train_counts.tolist() == counts
    assert state.num_clips.tolist() == [6] * 4
    history = read_history(tmp_path / 'class_history.jsonl')
    assert history.header.class_names == CLASS_NAMES
    first, second = epochs_of(runner)
    assert np.ptp(first) <= 1
    expected = sum(counts) * np.array(history.records[0].consumers['CDBSampler'].probability)
    assert (np.abs(second - expected) < 1 + 1e-9).all()


def test_concatenated_datasets_with_other_class_lists_are_refused(run):
    parts = [TOY, {**TOY, 'classes': CLASS_NAMES[::-1]}]
    with pytest.raises(ValueError, match='meta information of the 2-th dataset does not match'):
        run(train_dataloader={'dataset': {'_delete_': True, 'type': 'ConcatDataset', 'datasets': parts}}).train()


def test_wrapped_validation_set_with_other_class_names_is_refused(run):
    other = {'type': 'RepeatDataset', 'times': 2, 'dataset': {**TOY, 'classes': CLASS_NAMES[::-1]}}
    with pytest.raises(ValueError, match="class 0 is 'lift' in the training set and 'spread' in the validation set"):
        run(val_dataloader={'dataset': {'_delete_': True, **other}}).train()


def test_stock_dataset_without_category_ids_cannot_be_class_balanced(run):
    wrapper = {'_delete_': True, 'type': 'ClassBalancedDataset', 'oversample_thr': 0.5, 'dataset': TOY}
    with pytest.raises(NotImplementedError, match='get_cat_ids'):
        run(train_dataloader={'dataset': wrapper}).train()


@pytest.mark.parametrize('kind', ['BatchSampler', 'SameLabelBatchSampler'])
def test_sampler_inside_a_batch_sampler_draws_anew_and_follows_the_difficulty(run, tmp_path, kind):
    runner = run(
        train_dataloader={'batch_sampler': {'type': kind, 'drop_last': False}, 'batch_size': 8},
        train_cfg={'max_epochs': 3},
    )
    runner.train()
    records = read_history(tmp_path / 'class_history.jsonl').records
    steps = [0, *(entry.iteration for entry in records)]  # batches of one class vary in number
    epochs = [list(itertools.chain(*runner.model.batches[start:end])) for start, end in itertools.pairwise(steps)]
    assert np.ptp(np.bincount(epochs[0], minlength=4)) <= 1
    for labels, entry in zip(epochs[1:], records, strict=False):
        expected = 75 * np.array(entry.consumers['CDBSampler'].probability)
        assert (np.abs(np.bincount(labels, minlength=4) - expected) < 1 + 1e-9).all()
    assert runner.train_dataloader.batch_sampler.sampler.epoch == 2
    if kind == 'SameLabelBatchSampler':
        assert all(len(set(labels)) == 1 for labels in runner.model.batches)
