"""Validations on a fixed part of their set: which, with what loader, recorded, resumed, and refused."""

import uuid
from unittest import mock

import pytest
import torch

from cdb_video.difficulty.history import read_history
from cdb_video.hooks.class_difficulty import ClassDifficultyHook
from cdb_video.hosts.host import hosts
from tests.support.runs import CLASS_NAMES, hook_of, make_runner

pytestmark = pytest.mark.training


def toy(work_dir, hook, epochs=2, **changes):
    hook = {'type': 'ClassDifficultyHook', **hook}
    return make_runner(
        work_dir, uuid.uuid4().hex, custom_hooks=[hook], **{'train_cfg': {'max_epochs': epochs}, **changes}
    )


def said_by(runner, level='warning'):
    with mock.patch.object(runner.logger, level, wraps=getattr(runner.logger, level)) as log:
        runner.train()
    return [str(call.args[0]) for call in log.call_args_list]


def test_every_validation_is_of_the_same_part_also_after_a_resume(tmp_path):
    part = {'val_subset': 8, 'val_subset_seed': 3}
    runner = toy(tmp_path, part)
    given = runner.val_dataloader
    said = said_by(runner, 'info')
    assert (
        'validations are of 8 of the 30 clips of ToyDataset, with 8 of its 30 clips, chosen to cover the classes '
        '(val_subset_seed=3)' in said
    )
    assert (len(given.dataset), len(runner.val_dataloader.dataset)) == (30, 8)
    assert runner.val_dataloader.batch_size == given.batch_size
    assert hook_of(runner).state_.num_clips.tolist() == [2, 2, 2, 2]
    history = read_history(tmp_path / 'class_history.jsonl')
    assert history.header.settings.items() >= part.items()
    assert [list(one.num_clips) for one in history.records] == [[2] * 4] * 2
    saved = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)['class_difficulty']['report']
    assert saved['settings'].items() >= part.items()
    assert saved['lists']['val']['per_class'] == [2, 2, 2, 2]
    same = said_by(toy(tmp_path, part, 3, resume=True))
    assert not [text for text in same if 'is not that of the checkpoint' in text]
    other = said_by(toy(tmp_path, part | {'val_subset': 9}, 4, resume=True))
    assert [text for text in other if text.startswith('the validation set is not that of the checkpoint')]


def test_without_it_nothing_of_it_is_recorded(tmp_path):
    runner = toy(tmp_path, {}, 1)
    runner.train()
    assert len(runner.val_dataloader.dataset) == 30
    assert 'val_subset' not in read_history(tmp_path / 'class_history.jsonl').header.settings


def test_a_part_that_is_no_smaller_is_the_whole(tmp_path):
    runner = toy(tmp_path, {'val_subset': 30}, 1)
    said = said_by(runner, 'info')
    assert 'val_subset=30: the validation set has 30 clips, and all are taken' in said
    assert len(runner.val_dataloader.dataset) == 30


def test_classes_that_it_leaves_out_are_named(tmp_path):
    (said,) = [text for text in said_by(toy(tmp_path, {'val_subset': 3}, 1)) if 'too few to cover' in text]
    # Of those that tie the rarest come first.
    assert said.startswith(f'val_subset=3 is too few to cover the classes: {CLASS_NAMES[0]} have no clip in it')


def test_metrics_with_a_file_of_their_own_are_told(tmp_path):
    runner = toy(tmp_path, {'val_subset': 8}, 1)
    with mock.patch.object(type(hosts()[0]), 'evaluate_on') as told:
        runner.train()
    (call,) = told.call_args_list
    assert call.args == (runner.val_evaluator.metrics[0], runner.val_dataloader.dataset)


def test_sets_around_sets_and_loaders_that_are_given_are_refused(tmp_path):
    inner = {'type': 'ToyDataset', 'counts': [5, 5, 5, 5]}
    both = {'dataset': {'_delete_': True, 'type': 'ConcatDataset', 'datasets': [inner, dict(inner)]}}
    with pytest.raises(ValueError, match='val_subset=8: ConcatDataset cannot be divided'):
        toy(tmp_path, {'val_subset': 8}, 1, val_dataloader=both).train()
    runner = toy(tmp_path, {'val_subset': 8}, 1)
    runner._val_dataloader = runner.val_dataloader
    with pytest.raises(ValueError, match=r'given its val_dataloader as a DataLoader.*leave val_subset out'):
        runner.train()


def test_a_set_that_stores_its_labels_is_refused_by_the_option(tmp_path):
    runner = toy(tmp_path, {'val_subset': 8}, 1)
    dataset = runner.val_dataloader.dataset
    labels = [dataset.get_data_info(index)['label'] for index in range(len(dataset))]
    dataset.get_labels = lambda: labels
    with pytest.raises(ValueError, match=r'val_subset=8: .* still those of all.*shape \(30,\).*leave val_subset out'):
        runner.train()


@pytest.mark.parametrize('options', [{'val_subset': 0}, {'val_subset': True}, {'val_subset': 2.5}])
def test_a_part_is_a_number_of_samples(options):
    with pytest.raises(ValueError, match=r'val_subset=.*: must be a whole number of samples >= 1'):
        ClassDifficultyHook(**options)


@pytest.mark.parametrize('seed', [-1, None, 0.5])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match=r'val_subset_seed=.*: must be a whole number >= 0'):
        ClassDifficultyHook(val_subset=5, val_subset_seed=seed)
