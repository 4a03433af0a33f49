"""A training says in ten lines what it is made of, in the log and on the console."""

import re
import subprocess
import sys
import uuid

import pytest

import cdb_video
from cdb_video.difficulty.history import read_history
from cdb_video.run.checkpoint_entry import CheckpointEntry
from cdb_video.run.reporting.facts import described, log_test_facts
from cdb_video.run.reporting.repository import commit_of
from cdb_video.samplers.class_sampler import ClassSampler
from tests.support.runs import make_runner
from tests.support.toys import LabelsOnly

pytestmark = pytest.mark.training


def facts_of(text, title='this training', number=10):
    """The lines below the title, by name."""
    lines = text.partition(f'{title}\n')[2].splitlines()
    return {line[2:12].strip(): line[12:] for line in lines[:number]}


def test_a_training_says_what_it_is_made_of_before_the_first_step(tmp_path, capsys):
    loss = {'type': 'CDBLoss', 'tau': 0.5, 'logit_adjustment': 1.0}
    runner = make_runner(
        tmp_path,
        uuid.uuid4().hex,
        model={'loss_cls': loss},
        train_dataloader={'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}},
        custom_hooks=[{'type': 'ClassDifficultyHook', 'momentum': 0.8}],
        train_cfg={'max_epochs': 1},
    )
    runner.train()
    text = next(tmp_path.glob('*/*.log')).read_text()
    facts = facts_of(text)
    assert facts == facts_of(capsys.readouterr().out)
    assert text.index('this training') < text.index('Epoch(train)')
    assert facts['config'] == 'not from a file'
    assert facts['writes to'] == str(tmp_path)
    assert facts['data'] == '4 classes; 75 clips to train on, 30 to validate on'
    assert facts['method'] == (
        'CDBLoss(tau=0.5, logit_adjustment=1.0); DefaultSampler; ClassDifficultyHook(momentum=0.8)'
    )
    assert facts['length'] == '1 epoch of 10 steps'
    assert facts['batch'] == '8 clips in 1 process'
    assert (facts['device'], facts['seed']) == ('cpu', '7')
    assert f'cdb_video {cdb_video.__version__}, Python 3' in facts['versions']
    assert facts['mended']


def test_a_loss_that_is_not_ours_and_a_seed_that_was_drawn_are_named_as_such(tmp_path, capsys):
    runner = make_runner(
        tmp_path, uuid.uuid4().hex, model={'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}}, randomness=...
    )
    runner.call_hook('before_run')
    runner.train_loop  # noqa: B018  (builds the loop, as train() does)
    runner.val_loop  # noqa: B018
    runner.call_hook('before_train')
    facts = facts_of(capsys.readouterr().out)
    assert facts['method'].startswith('PlainLoss; CDBSampler(tau=1.0')
    assert facts['seed'] == f'{runner.seed}, drawn: none was given'


@pytest.fixture
def testing(tmp_path):
    """Build a runner that can train and test."""
    loader = {
        'dataset': {'type': 'ToyDataset', 'counts': [2, 2, 2, 2]},
        'batch_size': 8,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    }
    test = {
        'test_cfg': {},
        'test_dataloader': loader,
        'test_evaluator': {'type': 'ClassAccuracy', 'shot_thresholds': (2, 9)},
    }
    return lambda **changes: make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 1}, **test, **changes)


def test_a_test_says_what_it_evaluates_in_fewer_lines(testing, tmp_path, capsys):
    trained = testing()
    trained.train()
    capsys.readouterr()
    trained.test()
    assert 'this test' not in capsys.readouterr().out
    checkpoint = str(tmp_path / 'epoch_1.pth')
    testing(load_from=checkpoint).test()
    text = capsys.readouterr().out
    facts = facts_of(text, 'this test', 7)
    assert text.index('this test') < text.index('Epoch(test)')
    assert facts.pop('versions').startswith(f'cdb_video {cdb_video.__version__}, Python 3')
    assert facts == {
        'config': 'not from a file',
        'weights': f'{checkpoint}, trained for 1 epoch',
        'writes to': str(tmp_path),
        'data': '4 classes; 8 clips to test on',
        'metrics': 'ClassAccuracy(shot_thresholds=(2, 9))',
        'device': 'cpu',
    }


def test_a_loader_of_the_user_need_not_tell_how_many_clips_it_has(testing, capsys):
    runner = testing()
    runner.test_loop.dataloader = iter([])
    log_test_facts(runner, CheckpointEntry(iteration=30), None)
    facts = facts_of(capsys.readouterr().out, 'this test', 7)
    assert (facts['data'], facts['weights']) == ('clips not counted', 'none were loaded, trained for 30 steps')


def test_a_test_without_a_checkpoint_says_so(testing, capsys):
    testing().test()
    assert facts_of(capsys.readouterr().out, 'this test', 7)['weights'] == 'none were loaded'


def test_a_part_is_described_by_what_is_not_the_default():
    sampler = ClassSampler(LabelsOnly([0, 1]), frequency_power=0.5)
    assert described(sampler) == 'ClassSampler(frequency_power=0.5)'
    assert described([0, 1]) == 'list'


def test_the_history_says_how_the_run_was_started_and_once_unless_that_changes(tmp_path, monkeypatch):
    for argument in (
        ['init', '-q'],
        ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'x'],
    ):
        subprocess.run(['git', '-C', str(tmp_path), *argument], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'orig_argv', ['python', 'my train.py', 'config.py'])
    make_runner(tmp_path / 'run', uuid.uuid4().hex, train_cfg={'max_epochs': 1}).train()
    path = tmp_path / 'run/class_history.jsonl'
    facts = read_history(path).header.facts
    assert facts['seed'] == '7'
    assert facts['config'] == 'not from a file'
    assert facts['commit'] == f'{commit_of(tmp_path).split(",")[0]}, unchanged'
    assert re.fullmatch('75 clips, hash [0-9a-f]{16}', facts['train list'])
    assert re.fullmatch('30 clips, hash [0-9a-f]{16}', facts['val list'])
    assert facts['command'] == "python 'my train.py' config.py"
    monkeypatch.setattr(sys, 'orig_argv', ['train.py', '--resume'])
    make_runner(tmp_path / 'run', uuid.uuid4().hex, train_cfg={'max_epochs': 2}, resume=True).train()
    assert sum('"header"' in line for line in path.read_text().splitlines()) == 2  # which plans more validations
    make_runner(tmp_path / 'run', uuid.uuid4().hex, train_cfg={'max_epochs': 2}, resume=True).train()
    assert sum('"header"' in line for line in path.read_text().splitlines()) == 2
    assert len(read_history(path).records) == 2


def test_a_commit_says_whether_tracked_files_were_changed_and_nothing_is_said_without_a_repository(tmp_path):
    assert commit_of(tmp_path) is None
    for argument in (
        ['init', '-q'],
        ['add', '.'],
        ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '-m', 'x'],
    ):
        (tmp_path / 'a.py').write_text('a = 1')
        subprocess.run(['git', '-C', str(tmp_path), *argument], check=True)
    (tmp_path / 'other').write_text('not tracked')
    assert re.fullmatch('[0-9a-f]{40}, unchanged', commit_of(tmp_path))
    (tmp_path / 'a.py').write_text('a = 2')
    assert re.fullmatch('[0-9a-f]{40}, changed since', commit_of(tmp_path))
