"""The command sweep on toys: what it leaves and compares, what it refuses, and how it goes on after a kill."""

import csv
import json
import os
import shutil
from pathlib import Path
from unittest import mock

import pytest

from cdb_video.commands import sweep
from tests.support import forked_steps
from tests.support.made_once import made_once

pytest.importorskip('mmaction')
pytestmark = pytest.mark.training

CONFIG = """
default_scope = 'mmengine'
custom_imports = dict(imports=['cdb_video', 'tests.support.toys', 'tests.support.deadly_hook'])
model = dict(type='ToyModel', loss_cls=dict(type='CDBLoss', tau=TAU))
loader = dict(batch_size=8, num_workers=0)
train_dataloader = dict(
    dataset=dict(type='ToyDataset', counts=[16, 9, 5, 2]), sampler=dict(type='DefaultSampler', shuffle=True), **loader)
val_dataloader = dict(
    dataset=dict(type='ToyDataset', counts=[6, 6, 6, 6], seed=1), sampler=dict(type='DefaultSampler', shuffle=False),
    **loader)
val_cfg = dict()
val_evaluator = dict(type='ClassAccuracy')
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.3, momentum=0.9))
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=OBSERVE)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best='acc/mean1', rule='greater'))
"""
CE = CONFIG.replace('TAU', '0').replace('OBSERVE', 'True')
CDB = CONFIG.replace('TAU', '1.0').replace('OBSERVE', 'False')
RUNS = [f'{config}/seed_{seed}' for seed in (0, 1) for config in ('ce', 'cdb')]


@pytest.fixture(autouse=True)
def forked(monkeypatch, repository):
    """Trainings are forked."""
    monkeypatch.setenv('PYTHONPATH', str(repository))  # of the process that is forked
    with mock.patch('cdb_video.launch.steps.start_process', forked_steps.start_forked):
        yield


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with two configs."""
    monkeypatch.chdir(tmp_path)
    Path('ce.py').write_text(CE)
    Path('cdb.py').write_text(CDB)
    return tmp_path


@pytest.fixture(scope='module')
def _kept(tmp_path_factory):
    return tmp_path_factory.mktemp('finished')


@pytest.fixture
def finished(desk, _kept):
    """The same with a finished sweep in `out`, made once; what it said."""
    return made_once(_kept, lambda: run('--no-html'))


def run(*words, configs=('ce.py', 'cdb.py'), seeds='0-1'):
    return sweep.main([*configs, '--seeds', seeds, '--out', 'out', *words])


def started():
    """A stand-in for what starts trainings: in its list is what was to be trained; nothing is."""
    begun = []

    def start(words, environ, output, handed_on):
        begun.append((words[words.index('train') + 1 :], environ))
        return mock.Mock(wait=lambda *timeout: 0)

    return begun, mock.patch('cdb_video.launch.steps.start_process', start)


def test_configs_and_seeds_are_trained_and_compared(finished, desk):
    said = [line for line in finished.splitlines() if line.startswith('sweep: ')]
    begun = [line for line in said if ': run ' in line]
    assert begun == [f'sweep: {one}, seed {seed}: run {number} of 4' for one, seed, number in (
        ('ce', 0, 1), ('cdb', 0, 2), ('ce', 1, 3), ('cdb', 1, 4))]  # fmt: skip
    assert '| ce | 2 |' in finished
    assert 'wrote out/compare.csv' in finished
    rows = list(csv.DictReader(Path('out/compare.csv').read_text().splitlines()))
    assert {(row['method'], row['seeds']) for row in rows} == {('ce', '2'), ('cdb', '2')}
    assert rows[0]['method'] == 'ce'  # the first that was given is the baseline
    assert 'against ce:' in finished
    for name in RUNS:
        record = json.loads(Path('out', name, 'sweep_run.json').read_text())
        assert (record['is_finished'], f'seed_{record["seed"]}') == (True, name.partition('/')[2])
        assert Path('out', name, 'epoch_2.pth').exists()
        assert 'Epoch(train)' in Path('out', name, 'output.txt').read_text()
    histories = {Path('out', name, 'class_history.jsonl').read_text() for name in RUNS}
    assert len(histories) == 4


def test_finished_runs_are_not_run_again_and_others_join_them(finished, desk, capsys):
    with mock.patch('cdb_video.launch.steps.start_process', side_effect=AssertionError('started')):
        assert run('--no-html') == 0
    assert 'sweep: 4 of 4 runs finished before' in capsys.readouterr().out
    assert run('--no-html', configs=['cdb.py'], seeds='1-2') == 0
    said = capsys.readouterr().out
    assert 'sweep: cdb, seed 2: run 2 of 2' in said
    assert '| cdb | 3 |' in said
    assert '| ce | 2 |' in said


def test_configs_that_register_the_same_name_go_each_in_its_own_process(desk):
    for name in ('ce', 'cdb'):
        module = f'loss_of_{name}'
        Path(f'{module}.py').write_text(
            'from mmengine.registry import MODELS\nfrom torch import nn\n\n\n'
            '@MODELS.register_module()\nclass SweptLoss(nn.Module):\n    pass\n'
        )
        config = CE.replace("'cdb_video',", f"'cdb_video', '{module}',")
        Path(f'{name}.py').write_text(config)
    begun, standing_in = started()
    with standing_in, mock.patch('cdb_video.commands.sweep.compare_runs', return_value=0):
        assert run(seeds='0') == 0
    assert [words[0] for words, _ in begun] == ['ce.py', 'cdb.py']


def test_a_config_that_changed_since_its_finished_runs_is_refused_before_anything_starts(finished, desk, capsys):
    Path('ce.py').write_text(CE.replace('lr=0.3', 'lr=0.1'))
    begun, standing_in = started()
    with standing_in:
        assert run(seeds='5') == 2
        message = (
            'sweep: ce.py is not what it was for 2 runs (out/ce/seed_0, out/ce/seed_1): it differs in optim_wrapper. '
            'Runs of one config must have the same settings: name another folder by --out, remove these runs, or set '
            'the config and --cfg-options back'
        )
        assert message in capsys.readouterr().err
        assert run('--cfg-options', 'train_cfg.max_epochs=3', configs=['cdb.py']) == 2
        assert 'cdb.py is not what it was for 2 runs' in (said := capsys.readouterr().err)
        assert 'it differs in train_cfg. ' in said
    assert not begun
    # How fast a loader is and how a run is shown is no change.
    shutil.rmtree('out/ce')
    with mock.patch('cdb_video.launch.steps.start_process', side_effect=AssertionError('started')):
        words = ['train_dataloader.num_workers=1', 'log_level=ERROR']
        assert run('--no-html', '--cfg-options', *words, configs=['cdb.py']) == 0


def dying(folder, iteration, note, **settings):
    """CE, with a hook that sends a signal once."""
    hook = {'type': 'SignalOnce', 'iteration': iteration, 'note': str(note), 'folder': folder, **settings}
    return f'{CE}custom_hooks += [{hook!r}]\n'


def test_a_run_that_is_killed_is_named_the_others_go_on_and_it_resumes(finished, desk, capsys):
    undisturbed = Path('out/ce/seed_0/class_history.jsonl').read_text().splitlines()[1:]
    shutil.rmtree('out/ce')
    Path('ce.py').write_text(dying('ce/seed_0', 5, desk / 'died'))
    assert run('--no-html', configs=['ce.py']) == 1
    printed = capsys.readouterr()
    assert 'sweep: ce, seed 0 failed: ended by signal 9, after ' in printed.err
    assert '(its log: out/ce/seed_0/output.txt)' in printed.err
    assert 'sweep: 1 of 2 runs failed; the same command goes on with them' in printed.err
    assert '| ce | 1 |' in printed.out
    assert '| cdb | 2 |' in printed.out
    assert run('--no-html') == 0
    printed = capsys.readouterr()
    assert 'sweep: 3 of 4 runs finished before\nsweep: ce, seed 0: run 4 of 4' in printed.out
    assert '| ce | 2 |' in printed.out
    assert 'resumed epoch: 1' in Path('out/ce/seed_0/output.txt').read_text()
    assert Path('out/ce/seed_0/class_history.jsonl').read_text().splitlines()[1:] == undisturbed


def test_a_failing_run_is_named_with_the_last_line_of_its_log(desk, capsys):
    Path('cdb.py').write_text(
        f"{CDB}custom_hooks += [dict(type='RaiseOnce', iteration=1, rank=0, sentence='the paper is out')]\n"
    )
    assert run('--no-html', seeds='0') == 1
    printed = capsys.readouterr()
    reason = 'cdb, seed 0 failed: train: RuntimeError: the paper is out (its log: out/cdb/seed_0/output.txt)'
    assert f'sweep: {reason}' in printed.err
    assert 'sweep: ce, seed 0: finished' in printed.out
    assert not json.loads(Path('out/cdb/seed_0/sweep_run.json').read_text())['is_finished']
    # It has come to no checkpoint, so a config that was mended takes its place.
    Path('cdb.py').write_text(CDB)
    assert run('--no-html', seeds='0') == 0
    assert '| cdb | 1 |' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['SIGTERM', pytest.param('SIGINT', marks=pytest.mark.long)])
def test_a_sweep_that_is_stopped_ends_its_trainings_and_leaves_all_resumable(desk, capsys, name):
    # The signal of a queue or a terminal, to this process.
    Path('ce.py').write_text(dying('ce/seed_0', 5, desk / 'died', name=name, to=os.getpid()))
    assert run('--no-html', '--jobs', '2', configs=['ce.py']) == 130
    assert 'sweep: stopped; the same command goes on from here' in capsys.readouterr().err
    record = json.loads(Path('out/ce/seed_0/sweep_run.json').read_text())
    assert not record['is_finished']
    assert run('--no-html', configs=['ce.py'], seeds='0') == 0
    assert 'resumed epoch: 1' in Path('out/ce/seed_0/output.txt').read_text()


def test_two_sweeps_in_one_folder_at_once_are_refused(desk, capsys):
    from cdb_video_files.commands.folder_lock import lock_folder

    begun, standing_in = started()
    with standing_in, lock_folder(Path('out')):
        assert run() == 2
    said = capsys.readouterr().err
    assert 'sweep: another run is working in out. Wait until it ends, or stop it; trainings that a killed sweep' in said
    assert not begun


def test_runs_are_spread_over_the_devices(desk):
    begun, standing_in = started()
    with standing_in, mock.patch('cdb_video.launch.steps.visible_devices', return_value=['4', '6']):
        assert run('--cfg-options', 'a=1', 'b.c=[2,3]', configs=['ce.py']) in (0, 2)
    options = ['--resume', '--cfg-options', 'a=1', 'b.c=[2,3]']
    assert sorted(words for words, _ in begun) == [
        ['ce.py', '--work-dir', f'out/ce/seed_{seed}', '--seed', str(seed), *options] for seed in (0, 1)
    ]
    assert {environ['CUDA_VISIBLE_DEVICES'] for _, environ in begun} <= {'4', '6'}


def test_a_config_that_sets_randomness_gets_the_seed_all_the_same(desk):
    Path('ce.py').write_text(f'{CE}randomness = dict(seed=7)\n')
    begun, standing_in = started()
    with standing_in:
        run(configs=['ce.py'], seeds='3')
    assert begun[0][0][-2:] == ['--cfg-options', 'randomness.seed=3']


def test_a_config_that_changes_while_the_sweep_runs_fails_from_there_on(desk, capsys):
    def change(words, *others):
        Path('ce.py').write_text(CE.replace('lr=0.3', 'lr=0.1'))
        return mock.Mock(wait=lambda *timeout: 0)

    with mock.patch('cdb_video.launch.steps.start_process', change):
        assert run(configs=['ce.py']) == 1
    assert 'ce, seed 1 failed: ce.py was changed while the sweep ran' in capsys.readouterr().err
    assert not Path('out/ce/seed_1').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['ce.py', '--seeds', '4-0'], "--seeds 4-0: '4-0' must be a whole number, or a range as 0-4"),
        (['ce.py', '--seeds', '0', '--jobs', '0'], '--jobs 0: must be 1 or more'),
        (['ce.py', '--seeds', '0', '--sort', 'speed'], '--sort speed: must be one of top1, top5'),
        (
            ['ce.py', 'cdb.py', '--seeds', '0', '--baseline', 'ce.py'],
            '--baseline ce.py: must be one of ce, cdb, or the folder of a run',
        ),
        (['gone.py', '--seeds', '0'], 'there is no config gone.py'),
        (['ce.py', 'sub/ce.py', '--seeds', '0'], 'ce.py and sub/ce.py would both go to out/ce'),
        (['ce.py', 'ce.py', '--seeds', '0'], 'ce.py and ce.py would both go to out/ce: give each config once'),
        (['empty.py', '--seeds', '0'], 'empty.py has no model, train_dataloader, train_cfg'),
        (['ce.py', '--seeds', '0', '--cfg-options', 'a.b'], '--cfg-options a.b: each word must be KEY=VALUE'),
        (['ce.py', '--seeds', '0', '--cfg-options', 'randomness.seed=1'], 'the seeds of a sweep are those of --seeds'),
    ],
)
def test_what_cannot_be_followed_is_refused_before_anything_is_written(desk, capsys, words, message):
    Path('sub').mkdir()
    Path('sub/ce.py').write_text(CE)
    Path('empty.py').touch()
    assert sweep.main([*words, '--out', 'out']) == 2
    assert message in capsys.readouterr().err
    assert not Path('out').exists()


def test_folders_of_others_and_torn_records_are_refused(desk, capsys):
    Path('out/ce/seed_0').mkdir(parents=True)
    Path('out/ce/seed_0/epoch_1.pth').touch()
    assert run(configs=['ce.py']) == 2
    assert 'out/ce/seed_0 holds a training that no sweep has begun: name another folder' in capsys.readouterr().err
    Path('out/ce/seed_0/sweep_run.json').write_text('{"version": 1, "seed"')
    assert run(configs=['ce.py']) == 2
    said = capsys.readouterr().err
    assert 'out/ce/seed_0/sweep_run.json cannot be read (' in said
    assert 'Remove out/ce/seed_0, which is then run anew' in said
    Path('out/ce/seed_0/sweep_run.json').write_text('{"version": 2}')
    assert run(configs=['ce.py']) == 2
    assert 'update cdb_video' in capsys.readouterr().err


def test_a_run_that_was_moved_to_another_seed_is_refused(finished, desk, capsys):
    Path('out/ce/seed_0').rename('out/ce/seed_9')
    assert run(configs=['ce.py']) == 2
    assert 'out/ce/seed_9 holds the run of seed 0: give the folder its name back' in capsys.readouterr().err


def test_in_several_processes_it_is_refused(desk, capsys, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert run() == 2
    assert 'start it once' in capsys.readouterr().err
