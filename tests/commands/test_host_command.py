"""Training and testing as commands: what is said of a failure, and last."""

import copy
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
from mmengine.config import Config

import cdb_video
from cdb_video.commands import test as testing
from cdb_video.commands import train as training
from cdb_video.commands.host_command import run_host_command, say_failure
from cdb_video_files.configs.shipped import find_config
from cdb_video_files.video.errors import ClipError
from tests.support.runs import BASE, merged

pytest.importorskip('mmaction')


def failure(work):
    """The error that a call raises."""
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError('nothing was raised')


def lines_of(error, capsys):
    status = say_failure('train', error)
    return status, capsys.readouterr().err.splitlines()


def test_what_this_package_refuses_is_said_in_a_sentence_alone(capsys):
    error = failure(lambda: cdb_video.CDBLoss(tau=-1))
    status, lines = lines_of(error, capsys)
    assert status == 2
    assert lines == [f'train: {error}']


def builder(module, path):
    """A function of a module that wraps the error of what it builds, as hosts do: without `from`."""
    path.write_text(
        'def build(make):\n'
        '    try:\n'
        '        make(tau=-1)\n'
        '    except ValueError as error:\n'
        "        raise ValueError(f'class `CDBLoss`: {error}')\n"
    )
    names = {'__name__': module}
    exec(compile(path.read_text(), path, 'exec'), names)
    return names['build']


def test_a_refusal_that_a_host_wraps_in_an_error_of_its_own_stays_one(capsys, tmp_path):
    build = builder('mmengine.registry.build_functions', tmp_path / 'host.py')
    status, lines = lines_of(failure(lambda: build(cdb_video.CDBLoss)), capsys)
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith('train: class `CDBLoss`: tau=-1: must be')


def test_a_user_s_own_fault_while_a_refusal_is_handled_keeps_its_traceback(capsys, tmp_path):
    build = builder('my_project', tmp_path / 'own.py')
    status, lines = lines_of(failure(lambda: build(cdb_video.CDBLoss)), capsys)
    assert status == 1
    assert lines[0] == 'Traceback (most recent call last):'

    def chosen():
        try:
            cdb_video.CDBLoss(tau=-1)
        except ValueError as error:
            raise RuntimeError('my loss') from error

    assert lines_of(failure(chosen), capsys) == (2, ['train: my loss'])


def test_any_other_failure_is_printed_whole_and_its_sentence_last(capsys):
    def fail():
        {}['missing key']

    status, lines = lines_of(failure(fail), capsys)
    assert status == 1
    assert lines[0] == 'Traceback (most recent call last):'
    assert sum(line.startswith('Traceback') for line in lines) == 1
    assert lines[-1] == 'train: KeyError: missing key'


def test_a_fault_in_a_line_of_this_package_is_no_refusal(capsys):
    status, lines = lines_of(failure(lambda: find_config(None)), capsys)
    assert (status, lines[0]) == (1, 'Traceback (most recent call last):')
    assert lines[-1].startswith('train: AttributeError: ')


def test_an_error_without_words_says_where_to_look(capsys):
    def fail():
        raise AssertionError

    status, lines = lines_of(failure(fail), capsys)
    assert status == 1
    assert lines[-1] == 'train: AssertionError: it says no more; what Python prints of it is above'


def test_the_words_of_the_process_are_those_of_the_command_while_it_runs():
    seen, before = [], list(sys.argv)
    assert run_host_command('train', lambda: seen.append(sys.argv[1:]), ['a', '--b']) == 0
    assert run_host_command('train', lambda: seen.append(list(sys.argv)), None) == 0
    assert seen == [['a', '--b'], before]
    assert sys.argv == before


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config file of a toy run that does not import the package."""
    monkeypatch.chdir(tmp_path)
    test = {f'test_{part}': BASE[f'val_{part}'] for part in ('dataloader', 'cfg', 'evaluator')}
    settings = merged(BASE, {**copy.deepcopy(test), 'train_cfg': {'max_epochs': 1}, 'randomness': ...})
    Config(settings).dump('toy.py')
    return tmp_path / 'toy.py'


@pytest.mark.parametrize(
    ('command', 'words', 'message'),
    [
        (training, ['gone.py'], 'there is no config gone.py: name a file, or a config that comes with cdb-video as'),
        (training, ['.'], 'there is no config .: name a file'),
        (training, ['cdb_video::egtea/slowfast_cbds.py'], 'perhaps egtea/slowfast_cdbs.py'),
        (training, ['notes.txt'], 'notes.txt is no config: its name must end in .py, .yml, .yaml, .json'),
        (training, ['broken.py'], 'line 2'),
        (training, ['failing.py'], "failing.py, line 3: NameError: name 'lerning_rate' is not defined"),
        (training, ['importing.py'], 'no_such_module'),
        (training, ['toy.py', '--seed', '-1'], '--seed -1: must be from 0 to 4294967295'),
        (training, ['toy.py', '--cfg-options', 'a.b', 'c=1'], '--cfg-options a.b: each word must be KEY=VALUE'),
        (training, ['toy.py', '--auto-scale-lr'], 'toy.py --auto-scale-lr do not go together: it has no auto_scale_lr'),
        (training, ['toy.py', '--launcher', 'mpi'], '--launcher mpi: without a GPU it must be none, pytorch or slurm'),
        (
            training,
            ['toy.py', '--resume', 'gone.pth'],
            '--resume: there is no gone.pth. Name a checkpoint that is there: in . there are torn.pth, whole.pth',
        ),
        (training, ['toy.py', '--resume', 'notes.txt'], '--resume: notes.txt is no checkpoint, or is cut off: name a'),
        (
            training,
            ['toy.py', '--cfg-options', 'load_from=torn.pth'],
            'load_from: torn.pth is no checkpoint, or is cut',
        ),
        (training, ['toy.py', '--cfg-options', 'train_cfg.max_epochs=x'], "max_epochs='x': must be a whole number of"),
        (
            training,
            ['toy.py', '--work-dir', 'notes.txt'],
            'notes.txt is a file. Name a folder of your own by --work-dir',
        ),
        (testing, ['toy.py', 'whole.pth', '--work-dir', 'toy.py/run'], 'toy.py is a file. Name a folder of your own'),
        (testing, ['gone.py', 'gone.pth'], 'there is no config gone.py'),
        (
            testing,
            ['toy.py', 'gone.pth'],
            'checkpoint: there is no gone.pth. Name a checkpoint that is there: in . there are torn.pth, whole.pth',
        ),
        (testing, ['toy.py', 'toy.py'], 'checkpoint: toy.py is no checkpoint, or is cut off: name a .pth file'),
        (testing, ['toy.py', 'x.pth', '--dump', 'out.txt'], 'The dump file must be a pkl file'),
    ],
)
def test_wrong_words_are_refused_with_the_word_before_anything_is_built(config, capsys, command, words, message):
    Path('notes.txt').write_text('x = 1')
    torch.save({'state_dict': {}}, 'whole.pth')
    Path('torn.pth').write_bytes(Path('whole.pth').read_bytes()[:-30])
    Path('broken.py').write_text('x = 1\ny = (\n')
    Path('failing.py').write_text('x = 1\n\ny = lerning_rate\n')
    Path('importing.py').write_text("custom_imports = dict(imports=['no_such_module'])\n")
    with mock.patch('cdb_video.launch.commands._build', side_effect=AssertionError('built')):
        assert command.main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert 'Traceback' not in said
    assert said.startswith(('train: ', 'test: '))


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (None, ['cdb_video']),
        ("dict(imports=['toys'])", ['toys', 'cdb_video']),
        ("dict(imports='toys', allow_failed_imports=True)", ['toys', 'cdb_video']),
        ("dict(imports=['cdb_video'])", ['cdb_video']),
        ("dict(imports=['cdb_video.losses'])", ['cdb_video.losses']),
    ],
)
def test_a_config_that_does_not_import_the_package_is_made_to(config, monkeypatch, given, expected):
    monkeypatch.syspath_prepend(config.parent)
    Path('toys.py').write_text('')
    if given is not None:
        with config.open('a') as file:
            file.write(f'custom_imports = {given}\n')
    with mock.patch('cdb_video.launch.commands._build') as build:
        assert training.main([str(config), '--seed', '0']) == 0
    (built,) = build.call_args.args
    assert built.custom_imports['imports'] == expected
    assert built.custom_imports.get('allow_failed_imports', False) == (given is not None and 'True' in given)
    assert built.work_dir == './work_dirs/toy'


def test_a_shipped_config_is_trained_by_its_name(config):
    with mock.patch('cdb_video.launch.commands._build') as build:
        assert training.main(['cdb_video::egtea/mini/slowfast_cdbs.py', '--seed', '0']) == 0
    (built,) = build.call_args.args
    assert built.work_dir == './work_dirs/slowfast_cdbs'
    assert built.train_dataloader.sampler.type == 'CDBSampler'


@pytest.mark.training
def test_a_toy_is_trained_and_tested_in_this_process(config, capsys):
    assert training.main(['toy.py', '--seed', '0', '--work-dir', 'work']) == 0
    assert Path('work/class_report.json').is_file()
    dumped = next(Path('work').glob('*/vis_data/config.py'))
    assert Config.fromfile(dumped).custom_imports['imports'] == ['cdb_video']
    checkpoint = str(next(Path('work').glob('best_*.pth')))
    # mmengine names an experiment by the second, and refuses two of one name in a process.
    named = ['--cfg-options', 'experiment_name=tested']
    assert testing.main(['toy.py', checkpoint, '--work-dir', 'work', '--dump', 'work/predictions.pkl', *named]) == 0
    assert Path('work/predictions.pkl').is_file()


class _Damaged(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise ClipError('a/b.mp4', 'cut off')


@pytest.mark.parametrize('workers', [0, 1])
def test_a_sample_that_cannot_be_read_ends_with_the_sentence_alone_whoever_met_it(capsys, workers):
    loader = torch.utils.data.DataLoader(_Damaged(), num_workers=workers)
    status, lines = lines_of(failure(lambda: list(loader)), capsys)
    assert status == 2
    assert lines == ['train: a/b.mp4: cut off. Mend or replace the file, or take it off the list']
