"""Toy runs that are resumed from all kinds of checkpoints, beside all kinds of histories."""

import functools
import itertools
import json
import os
import pickle
import shutil
import uuid
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.runner import ValLoop

from cdb_video.difficulty.history import append_lines, read_history
from cdb_video.difficulty.records import Header, Record
from tests.support.marks import needs_safe_loading
from tests.support.runs import CLASS_NAMES, hook_of, make_runner

pytestmark = pytest.mark.training

HOOKS = [{'type': 'ClassDifficultyHook'}, {'type': 'SampleSeedHook'}]


@pytest.fixture
def run(tmp_path):
    """Train in the work directory; the runner."""

    def train(epochs, folder='work', **changes):
        settings = {'train_cfg': {'max_epochs': epochs}, 'custom_hooks': HOOKS, **changes}
        runner = make_runner(tmp_path / folder, uuid.uuid4().hex, **settings)
        with mock.patch.object(runner.logger, 'warning', wraps=runner.logger.warning) as warning:
            runner.train()
        runner.said = ' '.join(str(call.args[0]) for call in warning.call_args_list)
        return runner

    return train


@pytest.fixture
def after_one_epoch(undisturbed, tmp_path):
    """The work directory is that of a run of one epoch."""
    shutil.copytree(undisturbed(1).work_dir, tmp_path / 'work')


@pytest.fixture
def history(tmp_path):
    return tmp_path / 'work/class_history.jsonl'


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    """The runner of an undisturbed run of so many epochs; each is made once."""

    @functools.cache
    def train(epochs):
        folder = tmp_path_factory.mktemp('undisturbed')
        runner = make_runner(folder, uuid.uuid4().hex, train_cfg={'max_epochs': epochs}, custom_hooks=HOOKS)
        runner.train()
        return runner

    return train


@pytest.fixture
def same(undisturbed):
    """Whether a runner ended as an undisturbed one of so many epochs."""

    def compare(runner):
        whole = undisturbed(runner.max_epochs)
        np.testing.assert_array_equal(hook_of(runner).state_.difficulty, hook_of(whole).state_.difficulty)
        pairs = zip(runner.model.parameters(), whole.model.parameters(), strict=True)
        return all(torch.equal(one, other) for one, other in pairs)

    return compare


def test_automatic_resume_goes_on_from_the_newest_checkpoint(run, same, history):
    run(2)
    runner = run(3, resume=True)
    assert same(runner)
    assert len(runner.model.batches) == 10
    assert [record.epoch for record in read_history(history).records] == [1, 2, 3]


def test_resume_from_an_earlier_epoch_repeats_the_later_ones(run, same, history):
    run(3)
    later = read_history(history).records[1:]
    runner = run(3, resume=True, load_from=str(history.with_name('epoch_1.pth')))
    assert same(runner)
    assert read_history(history).records[1:] == later
    # epoch_1.pth was saved again after validation 1, the first best.
    assert read_history(history.with_name('class_history.1.jsonl')).records == later


@pytest.mark.parametrize(
    ('classes', 'counts', 'message'),
    [
        (('lift', 'cut', 'wash'), [40, 20, 10], 'difficulty of 4 classes, this run has 3'),
        (('cut', 'lift', 'wash', 'spread'), [40, 20, 10, 5], "class 0 is 'lift' in the checkpoint and 'cut'"),
    ],
)
def test_changed_class_list_is_refused_before_a_step(run, after_one_epoch, history, classes, counts, message):
    before = history.read_bytes()
    data = {'dataset': {'classes': classes, 'counts': counts}}
    with pytest.raises(ValueError, match=message):
        run(
            2,
            resume=True,
            train_dataloader=data,
            val_dataloader={'dataset': {'classes': classes, 'counts': [5] * len(classes)}},
            model={'num_classes': len(classes)},
        )
    assert history.read_bytes() == before


def test_best_checkpoint_brings_its_difficulty_and_says_that_it_lacks_the_optimizer(run, history):
    first = run(1)
    (best,) = history.parent.glob('best_*.pth')
    runner = run(1, resume=True, load_from=str(best))
    np.testing.assert_array_equal(hook_of(runner).state_.difficulty, hook_of(first).state_.difficulty)
    assert 'holds no state of the optimizer' in runner.said
    assert 'holds no state of the optimizer' not in run(2, resume=True).said


def test_weights_alone_start_a_new_run(run, history):
    run(2)
    runner = run(1, load_from=str(history.with_name('epoch_2.pth')))
    assert (runner.epoch, runner.iter) == (1, 10)
    first_epoch = np.bincount(list(itertools.chain(*runner.model.batches))[:75], minlength=4)
    assert (np.abs(first_epoch - 75 / 4) < 1).all()  # difficulty 1: all classes alike
    assert [record.epoch for record in read_history(history).records] == [1]


def test_checkpoint_without_difficulty_is_validated_before_it_is_trained_on(run, history):
    run(1, custom_hooks=[{'type': 'OwnHook'}])
    runner = run(2, resume=True)
    assert 'has no class difficulty' in runner.said
    assert [record.epoch for record in read_history(history).records] == [1, 2]


def test_deleted_history_costs_itself_only(run, same, history):
    run(2)
    history.unlink()
    assert same(run(3, resume=True))
    found = read_history(history)
    assert found.header.class_names == CLASS_NAMES
    # Validation 2 is repeated where it was no new best, and the checkpoint lacks it.
    assert [record.epoch for record in found.records] in ([3], [2, 3])


@pytest.mark.filterwarnings('ignore:.*left out, being torn')
def test_torn_last_line_costs_itself_only(run, same, history):
    run(2)
    history.write_bytes(history.read_bytes()[:-30])
    assert same(run(3, resume=True))
    assert [record.epoch for record in read_history(history).records] in ([1, 3], [1, 2, 3])
    assert history.with_name('class_history.1.jsonl').read_bytes().startswith(b'{"kind": "validation", "epoch": 2')


def test_history_of_a_run_with_other_classes_goes_aside(run, same, history):
    run(2)
    history.unlink()
    other = Record(1, 3, [2, 2], [0, 1], accuracy=[0.0, 0.5], difficulty=[1.0, 0.5], consumers={}, metrics={})
    append_lines(history, Header('other', 2, ('a', 'b'), [1, 2]), other)
    assert same(run(3, resume=True))
    assert [record.epoch for record in read_history(history).records] in ([3], [2, 3])
    assert read_history(history.with_name('class_history.1.jsonl')).header.class_names == ('a', 'b')


ABSURD = {
    'huge number': b'{"kind": "validation", "epoch": 1, "iter": ' + b'9' * 5000 + b'}',
    'number that fits': b'{"kind": "validation", "epoch": 1, "iter": ' + b'9' * 400 + b'}',
    'endless number': b'{"kind": "validation", "epoch": 1, "iter": 1e999}',
    'no number': b'{"kind": "validation", "epoch": NaN, "iter": NaN, "difficulty": [NaN, Infinity]}',
    'deep': b'{"kind": "validation", "iter": 1, "x": ' + b'[' * 100_000 + b']' * 100_000 + b'}',
    'binary': bytes(range(256)) * 40,
    'pickle': pickle.dumps({'kind': 'validation', 'iter': 1}),
    'utf-16': '{"kind": "validation", "iter": 1}'.encode('utf-16'),
    'half a character': b'{"kind": "validation", "iter": 1, "x": "\\ud800"}',
    'other types': b'{"kind": "validation", "epoch": [], "iter": 2, "difficulty": "x", "consumers": 7}',
    'odd header': b'{"kind": "header", "version": NaN, "train_counts": {}}',
    'header of nothing': b'{"kind": "header", "version": 1, "class_names": 5, "num_classes": "x", "train_counts": -1}',
    'long': b'{"kind": "validation", "iter": 1, "x": "' + b'x' * 100 * 2**20 + b'"}',
    'long and torn': b'[' * 100 * 2**20,
}


@pytest.mark.filterwarnings('ignore:.*left out, being torn')
@pytest.mark.parametrize('name', ABSURD)
def test_absurd_history_does_not_change_a_resumed_run(run, history, after_one_epoch, name):
    line = ABSURD[name]
    history.write_bytes(line + b'\n' + history.read_bytes() + line + b'\n')
    runner = run(2, resume=True, load_from=str(history.with_name('epoch_1.pth')))
    assert (runner.epoch, len(runner.model.batches)) == (2, 10)
    last = json.loads(history.read_bytes().splitlines()[-1])
    assert last['epoch'] == 2
    assert last['difficulty'] == hook_of(runner).state_.difficulty.tolist()


def test_folder_in_the_place_of_the_history_costs_the_history_only(run, same, history):
    run(2)
    history.unlink()
    history.mkdir()
    runner = run(3, resume=True)
    assert same(runner)
    assert 'the class history could not be written' in runner.said


class Poison:
    """Unpickling it without care makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@needs_safe_loading
@pytest.mark.parametrize('key', ['meta', 'message_hub', 'optimizer', 'class_difficulty'])
@pytest.mark.parametrize('resume', [True, False])
def test_poisoned_checkpoint_is_refused_and_nothing_of_it_runs(run, after_one_epoch, tmp_path, key, resume):
    path, marker = tmp_path / 'work/epoch_1.pth', tmp_path / 'poisoned'
    checkpoint = torch.load(path)
    checkpoint[key]['extra'] = Poison(marker)
    torch.save(checkpoint, path)
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        run(2, resume=resume, load_from=str(path))
    assert not marker.exists()


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        ({'difficulty': torch.tensor([0.5, float('nan'), 0.5, 0.5])}, r'difficulty is not in 0\.\.1'),
        ({'difficulty': torch.tensor([0.5, 2.0, 0.5, 0.5])}, r'difficulty is not in 0\.\.1'),
        ({'num_correct': torch.tensor([0, 0, 99, 0])}, 'counts are impossible'),
        ({'train_counts': torch.tensor([0, 0, -1, 0])}, 'counts are impossible'),
    ],
)
def test_impossible_difficulty_in_a_checkpoint_is_refused(run, after_one_epoch, tmp_path, entry, message):
    path = tmp_path / 'work/epoch_1.pth'
    checkpoint = torch.load(path)
    checkpoint['class_difficulty'].update(entry)
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match=rf'cannot be read.*{message}'):
        run(2, resume=True)


@pytest.mark.parametrize('epoch', [1, 3])
@pytest.mark.parametrize('kind', ['val', 'train', 'replay'])
def test_validation_that_was_killed_is_made_up_for_whatever_owns_the_difficulty(run, tmp_path, kind, epoch):
    if kind == 'replay':
        run(3, folder='measured')
        owner = {'type': 'DifficultyReplayHook', 'history': str(tmp_path / 'measured/class_history.jsonl')}
    else:
        owner = {'type': 'ClassDifficultyHook', 'source': kind, 'min_difficulty': 0.05}
    changes = {
        'custom_hooks': [owner, {'type': 'SampleSeedHook'}],
        'default_hooks': {'checkpoint': {'type': 'EnduringCheckpointHook', 'save_best': 'acc/mean1'}},
    }
    run(3, folder='whole', **changes)
    validate = ValLoop.run

    def killed(loop):
        if loop.runner.epoch == epoch:
            raise KeyboardInterrupt
        return validate(loop)

    with mock.patch.object(ValLoop, 'run', killed), pytest.raises(KeyboardInterrupt):
        run(3, **changes)
    run(3, resume=True, **changes)
    ends = []
    for folder in ('whole', 'work'):
        info = torch.load(tmp_path / folder / 'epoch_3.pth')['message_hub']['runtime_info']
        files = sorted(path.name for path in (tmp_path / folder).iterdir() if path.is_file() and path.suffix != '.py')
        ends.append((info['best_score'], os.path.basename(info['best_ckpt']), files))
    assert ends[0] == ends[1]


UNVALIDATED = {
    'val_dataloader': ...,
    'val_cfg': ...,
    'val_evaluator': ...,
    'custom_hooks': [{'type': 'ClassDifficultyHook', 'observe_only': True}],
    'default_hooks': {'checkpoint': {'save_best': None}},
}


def test_resume_without_validation_keeps_the_difficulty_of_the_checkpoint(run, tmp_path):
    measured = run(2)
    run(3, resume=True, **UNVALIDATED)
    kept = torch.load(tmp_path / 'work/epoch_3.pth')['class_difficulty']
    np.testing.assert_array_equal(
        kept['difficulty'], torch.load(tmp_path / 'work/epoch_2.pth')['class_difficulty']['difficulty']
    )
    assert len(kept['difficulty']) == len(hook_of(measured).state_.difficulty)


def test_resume_without_validation_refuses_another_class_list(run):
    run(2)
    other = {'train_dataloader': {'dataset': {'classes': ['a', 'b', 'c', 'd']}}}
    with pytest.raises(ValueError, match='the checkpoint'):
        run(3, resume=True, **UNVALIDATED, **other)
