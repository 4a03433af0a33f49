"""The command cross-fit on toys: what it leaves, what it refuses, and how it goes on after a kill."""

import json
import pickle
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.config import Config

from cdb_video.commands import cross_fit
from cdb_video.commands import report as report_command
from cdb_video.cross_fit.pooling import pooled_difficulty
from cdb_video.difficulty.history import read_history
from cdb_video.difficulty.schedule import read_schedule
from tests.integration.video_runs import CLASSES, RECOGNIZER_3D, pipeline, write_lists
from tests.support import forked_steps
from tests.support.made_once import made_once
from tests.support.runs import merged
from tests.support.toys import CLASS_NAMES

pytest.importorskip('mmaction')
pytestmark = pytest.mark.training

COUNTS = (16, 9, 5, 1)
CONFIG = """
default_scope = 'mmengine'
custom_imports = dict(imports=['cdb_video', 'tests.support.toys', 'tests.support.deadly_hook'])
model = dict(type='ToyModel', loss_cls=dict(type='CDBLoss', tau=0, logit_adjustment=1.0))
loader = dict(batch_size=4, num_workers=0)
train_dataloader = dict(
    dataset=dict(type='ListedToys', ann_file='train.txt'), sampler=dict(type='DefaultSampler', shuffle=True), **loader)
val_dataloader = dict(
    dataset=dict(type='ListedToys', ann_file='train.txt', test_mode=True),
    sampler=dict(type='DefaultSampler', shuffle=False), **loader)
val_cfg = dict()
val_evaluator = dict(type='ClassAccuracy')
train_cfg = dict(by_epoch=True, max_epochs=3, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.3, momentum=0.9))
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best='acc/mean1', rule='greater'))
"""


def session_of(number):
    return f'P{number:02d}-R01-Pizza'


def write_list(path):
    """Clips with EGTEA's names; each class is of several sessions, the last of one."""
    lines = []
    for label, count in enumerate(COUNTS):
        for number in range(count):
            time = 1000 * len(lines)
            name = (
                f'{session_of(1 + (number + label) % 5)}-{time}-{time + 900}-F{len(lines):06d}-F{len(lines) + 20:06d}'
            )
            lines.append(f'{name} {label}')
    path.write_text('\n'.join(lines) + '\n')


@pytest.fixture(autouse=True)
def forked(monkeypatch, repository):
    """Trainings and scorings are forked."""
    monkeypatch.setenv('PYTHONPATH', str(repository))  # of the process that is forked
    with mock.patch('cdb_video.launch.steps.start_process', forked_steps.start_forked):
        yield


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with a config and its list."""
    monkeypatch.chdir(tmp_path)
    Path('toy.py').write_text(CONFIG)
    write_list(Path('train.txt'))
    return tmp_path


@pytest.fixture(scope='module')
def _kept(tmp_path_factory):
    return tmp_path_factory.mktemp('finished')


@pytest.fixture
def finished(desk, _kept):
    """The same with a finished cross-fit in `out`, made once; what it said."""
    return made_once(_kept, run)


def run(*words):
    return cross_fit.main(['toy.py', '--work-dir', 'out', *words])


def split(folder='out'):
    return json.loads(Path(folder, 'cross_fit.json').read_text())


def scores(path):
    return {clip['filename']: clip['pred_score'] for clip in pickle.loads(Path(path).read_bytes())}


def names_in(path):
    return [f'toys/{line.split()[0]}' for line in Path(path).read_text().splitlines()]


def same_scores(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_clip_is_scored_by_a_model_that_has_not_seen_it_and_the_counts_are_pooled(finished):
    plan = split()
    assert [clip['clip'] for clip in plan['clips']] == sorted(clip['clip'] for clip in plan['clips'])
    assert len(plan['clips']) == sum(COUNTS)
    listed = dict(line.rsplit(maxsplit=1) for line in Path('train.txt').read_text().splitlines())
    assert {clip['clip'].removeprefix('toys/'): str(clip['label']) for clip in plan['clips']} == listed

    pooled = scores('out/predictions.pkl')
    clips, correct = np.zeros(4, np.int64), np.zeros(4, np.int64)
    for fold in (1, 2):
        mine = {clip['clip'] for clip in plan['clips'] if clip['fold'] == fold}
        trained, scored = (names_in(f'out/lists/fold_{fold}_{part}.txt') for part in ('train', 'scored'))
        assert set(scored) == mine
        assert set(trained) == {clip['clip'] for clip in plan['clips']} - mine
        samples = pickle.loads(Path(f'out/fold_{fold}/predictions.pkl').read_bytes())  # in the order of the list
        dump = {name: sample['pred_score'] for name, sample in zip(scored, samples, strict=True)}
        for name, score in dump.items():
            label = int(listed[name.removeprefix('toys/')])
            if label == 3:  # a class of one clip: the model never saw it
                assert name not in pooled
                continue
            assert torch.equal(score, pooled[name])
            clips[label] += 1
            correct[label] += int(score.argmax()) == label
    assert len(pooled) == sum(COUNTS) - 1

    history = read_history(Path('out/class_history.jsonl'))
    (record,) = history.records
    assert (record.source, record.epoch, record.iteration) == ('cross-fit', 0, 0)
    assert history.header.class_names == CLASS_NAMES
    assert history.header.train_counts == list(COUNTS)
    assert (list(record.num_clips), list(record.num_correct)) == (clips.tolist(), correct.tolist())
    np.testing.assert_allclose(record.difficulty, pooled_difficulty(clips, correct)[0])
    assert read_schedule(Path('out/class_history.jsonl')).is_constant

    report = json.loads(Path('out/class_report.json').read_text())
    assert (report['split'], report['difficulty_source']) == ('cross-fit', 'cross-fit')
    rows = {row['label']: row for row in report['classes']}
    assert [rows[label]['difficulty'] for label in range(4)] == record.difficulty
    assert [rows[label]['num_clips'] for label in range(4)] == clips.tolist()
    assert Path('out/report.html').is_file()
    # The report can be made again from the folder, and is the same.
    kept = Path('out/class_report.json').read_bytes()
    assert report_command.main(['out']) == 0
    assert json.loads(Path('out/class_report.json').read_bytes()) == json.loads(kept)
    Path('out/class_report.json').write_bytes(kept)
    assert '1 class is not measured' in finished
    assert 'saw one: spread. They take the mean difficulty, and 1 clip is left out' in finished
    assert "dict(type='DifficultyReplayHook', history='out/class_history.jsonl')" in finished

    # Again: nothing is trained, and all files are the same.
    names = ('class_history.jsonl', 'class_report.json', 'cross_fit.json')
    before = {name: Path('out', name).read_bytes() for name in names}
    with mock.patch('cdb_video.launch.steps.start_process', side_effect=AssertionError('started')):
        assert run() == 0
    assert {name: Path('out', name).read_bytes() for name in names} == before
    assert same_scores(scores('out/predictions.pkl'), pooled)


def test_no_session_is_in_two_folds(desk):
    # A saver by iteration, which no training by epoch can end with, is made one by epoch.
    options = [
        'train_cfg.max_epochs=1',
        'default_hooks.checkpoint.by_epoch=False',
        'default_hooks.checkpoint.interval=2',
    ]
    assert run('--group', 'session', '--cfg-options', *options) == 0
    folds = {}
    for clip in split()['clips']:
        assert clip['clip'].startswith(f'toys/{clip["group"]}-')
        folds.setdefault(clip['group'], set()).add(clip['fold'])
    assert sorted(folds) == [session_of(number) for number in (1, 2, 3, 4, 5)]
    assert all(len(found) == 1 for found in folds.values())


def dying(folder, iteration, note, rank=0):
    """The config, with a hook that kills the training of a fold once."""
    settings = {'type': 'SignalOnce', 'iteration': iteration, 'note': str(note), 'folder': folder, 'rank': rank}
    return f'{CONFIG}custom_hooks += [{settings!r}]\n'


@pytest.mark.parametrize(('fold', 'iteration'), [pytest.param(1, 2, marks=pytest.mark.long), (2, 9)])
def test_a_cross_fit_that_is_killed_in_a_training_ends_as_the_undisturbed_one(desk, finished, capsys, fold, iteration):
    undisturbed = scores('out/predictions.pkl'), Path('out/class_history.jsonl').read_bytes()
    Path('toy.py').write_text(dying(f'fold_{fold}', iteration, desk / 'died'))
    words = ['toy.py', '--work-dir', 'killed']
    capsys.readouterr()
    assert cross_fit.main(words) == 1
    said = capsys.readouterr()
    assert f'the training of fold {fold} of 2 ended with exit code -9; what it said is above.' in said.err
    assert 'the same command goes on from there' in said.err
    assert not Path('killed/class_history.jsonl').exists()
    assert cross_fit.main(words) == 0
    said = capsys.readouterr().out
    assert 'cross-fit: going on with killed' in said
    assert ('fold 1 of 2: done already' in said) == (fold == 2)
    assert same_scores(scores('killed/predictions.pkl'), undisturbed[0])
    assert Path('killed/class_history.jsonl').read_bytes() == undisturbed[1]


@pytest.mark.long
def test_in_two_processes_a_killed_cross_fit_ends_as_the_undisturbed_one_too(desk, capsys):
    words = ['--processes', '2', '--cfg-options', 'train_cfg.max_epochs=2']
    assert run(*words) == 0
    Path('toy.py').write_text(dying('fold_1', 3, desk / 'died', rank=1))
    killed = ['toy.py', '--work-dir', 'killed', *words]
    assert cross_fit.main(killed) == 1
    assert Path('killed/fold_1/epoch_1.pth').exists()
    assert cross_fit.main(killed) == 0
    assert split('killed')['processes'] == 2
    assert same_scores(scores('killed/predictions.pkl'), scores('out/predictions.pkl'))
    assert Path('killed/class_history.jsonl').read_bytes() == Path('out/class_history.jsonl').read_bytes()


def test_a_fold_that_is_trained_is_scored_without_a_second_training(desk, capsys):
    started = []

    def start(words, *others):
        started.append(words[words.index('cdb_video_command') + 1 :][:2])
        died = started[-1][0] == 'test' and len(started) == 2
        return mock.Mock(wait=lambda: -9) if died else forked_steps.start_forked(words, *others)

    with mock.patch('cdb_video.launch.steps.start_process', start):
        assert run() == 1
        assert run() == 0
    commands = [f'{command} {Path(config).stem}' for command, config in started]
    assert commands == ['train fold_1', 'test fold_1', 'test fold_1', 'train fold_2', 'test fold_2']


def test_what_another_cross_fit_has_begun_is_not_gone_on_with(desk, finished, capsys):
    for words, what in (
        (['--cfg-options', 'train_cfg.max_epochs=1'], 'train_cfg of the config'),
        (['--cfg-options', 'optim_wrapper.optimizer.lr=0.1'], 'optim_wrapper of the config'),
        (['--seed', '1'], '--seed (0 there, 1 now)'),
        (['--folds', '3'], '--folds (2 there, 3 now)'),
        (['--group', 'subject'], "--group (None there, 'subject' now)"),
        (['--processes', '2'], '--processes (1 there, 2 now)'),
    ):
        assert run(*words) == 2
        assert f'out holds a cross-fit that differs in {what}' in capsys.readouterr().err
    lines = Path('train.txt').read_text().splitlines()
    Path('train.txt').write_text('\n'.join(lines[:-1]) + '\n')
    assert run() == 2
    assert 'out holds a cross-fit that differs in the training list (31 clips there, 30 now): name another' in (
        capsys.readouterr().err
    )
    Path('train.txt').write_text('\n'.join(lines[::-1]) + '\n')  # the order is no change
    assert run('--cfg-options', 'train_dataloader.num_workers=1') == 0


def test_a_cross_fit_that_has_trained_nothing_begins_anew_with_other_settings(desk, capsys):
    with mock.patch('cdb_video.launch.steps.start_process', return_value=mock.Mock(wait=lambda: 2)):
        assert run() == 2
        assert run('--folds', '3', '--seed', '5') == 2
    assert 'had trained nothing yet; it begins anew' in capsys.readouterr().out
    assert (split()['folds'], split()['seed']) == (3, 5)


def test_dumps_and_checkpoints_of_other_clips_are_not_taken(desk, finished, capsys):
    dump = Path('out/fold_1/predictions.pkl')
    kept = dump.read_bytes()
    clips = pickle.loads(kept)
    dump.write_bytes(pickle.dumps(clips[::-1], protocol=2))
    assert run() == 2
    assert f'{dump} has ' in (said := capsys.readouterr().err)
    assert 'than out/lists/fold_1_scored.txt: remove it, and give the same command again' in said
    dump.write_bytes(kept)
    # A model of another list: its checkpoint says on which it was trained.
    dump.unlink()
    for name in ('epoch_3.pth', 'last_checkpoint'):
        Path('out/fold_1', name).write_bytes(Path('out/fold_2', name).read_bytes().replace(b'fold_2', b'fold_1'))
    assert run() == 2
    assert 'epoch_3.pth was not trained on out/lists/fold_1_train.txt' in capsys.readouterr().err


def test_a_folder_that_is_in_use_or_holds_something_else_is_refused(desk, capsys):
    from cdb_video_files.commands.folder_lock import lock_folder

    with lock_folder(Path('out')):
        assert run() == 2
    said = capsys.readouterr().err
    assert 'another run is working in out. Wait until it ends, or stop it; trainings that a killed cross-fit' in said
    Path('out/notes.txt').touch()
    assert run() == 2
    assert 'out holds other files (notes.txt, ...) and no cross_fit.json: name another folder by --work-dir' in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--folds', '1'], '--folds 1: must be 2 or more'),
        (['--seed', '-1'], '--seed -1: must be from 0 to 4294967295'),
        (['--processes', '0'], '--processes 0: must be 1 or more'),
        (['--parallel', '0'], '--parallel 0: must be 1 or more'),
        (['--cfg-options', 'a.b'], '--cfg-options: each word must be KEY=VALUE'),
        (['--folds', '32'], 'folds=32: there are only 31 clips'),
        (['--folds', '6', '--group', 'session'], 'folds=6: there are only 5 groups'),
        (['--group', 'kitchen'], "--group kitchen: there is no such file; give 'session' or 'subject'"),
        (['--cfg-options', 'model.loss_cls.logit_adjustment=0'], 'toy.py has no balanced softmax (its loss: CDBLoss)'),
        (['--cfg-options', 'model.loss_cls.tau=0.5'], 'toy.py: CDBLoss(tau=0.5) acts by class difficulty'),
        (['--cfg-options', 'train_dataloader.dataset.ann_file=gone.txt'], 'gone.txt'),
        (['--cfg-options', 'train_dataloader.dataset.type=Nothing'], 'Nothing is not in'),
    ],
)
def test_what_cannot_be_followed_is_refused_before_anything_is_written(desk, capsys, words, message):
    assert run(*words) in (1, 2)
    assert message in capsys.readouterr().err
    assert not Path('out').exists()


def test_several_processes_are_asked_for_otherwise(desk, capsys, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert run() == 2
    assert 'start it once, with --processes N' in capsys.readouterr().err


def test_videos_are_cross_fitted_with_a_recognizer_and_named_in_the_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_lists(tmp_path)
    dataset = {'type': 'VideoListDataset', 'classes': list(CLASSES), 'data_prefix': {'video': str(tmp_path)}}
    dataset['ann_file'] = 'train.txt'
    loader = {'batch_size': 4, 'num_workers': 0}
    model = merged(RECOGNIZER_3D, {'cls_head': {'loss_cls': {'tau': 0, 'logit_adjustment': 1.0}, 'average_clips': ...}})
    settings = {
        'default_scope': 'mmaction',
        'custom_imports': {'imports': ['cdb_video', 'tests.support.deadly_hook']},
        'model': model,
        'train_dataloader': {
            'dataset': {**dataset, 'pipeline': pipeline()},
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            **loader,
        },
        'test_dataloader': {'dataset': {**dataset, 'pipeline': pipeline(num_clips=3, test_mode=True)}, **loader},
        'train_cfg': {'by_epoch': True, 'max_epochs': 1},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.02}},
    }
    Config(settings).dump('toy.py')
    assert run() == 0
    dump = pickle.loads(Path('out/predictions.pkl').read_bytes())
    assert [clip['filename'] for clip in dump] == [
        f'{tmp_path}/train_{label}_{number}.mp4' for label, count in enumerate((6, 3, 2)) for number in range(count)
    ]
    assert {clip['total_frames'] for clip in dump} == {8}
    assert all(clip['pred_score'].sum() == pytest.approx(1) for clip in dump)  # one view, averaged as probabilities
    assert 'src="data:image/jpeg;base64,' in Path('out/report.html').read_text()
