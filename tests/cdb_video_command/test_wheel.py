"""A wheel, built and installed into an empty environment, and its commands in an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SOURCES = (
    'pyproject.toml', 'setup.py', 'README.md', 'LICENSE', 'model-index.yml', 'cdb_video', 'cdb_video_command',
    'cdb_video_files', 'configs', 'data_prep',
)  # fmt: skip
READ_A_BASE = """
import cdb_video, cdb_video_files.configs.shipped
from mmengine.config import Config
config = Config.fromfile('mine.py')
print(cdb_video_files.configs.shipped.shipped('configs'))
print(config.train_dataloader.sampler.type, config.train_cfg.max_epochs)
"""
ASK_MIM = """
from mim.commands.list import list_package
from mim.commands.search import get_model_info
print(*(row[0] for row in list_package()))
print(*get_model_info('cdb-video')['config'])
"""
INTO = {'capture_output': True, 'text': True, 'check': False}


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], **{**INTO, **options})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*')}


@pytest.fixture(scope='module')
def sources(repository, tmp_path_factory):
    """A source distribution, unpacked; made without what lies about in the checkout."""
    tree, folder = tmp_path_factory.mktemp('tree'), tmp_path_factory.mktemp('sources')
    for name in SOURCES:
        if (repository / name).is_dir():
            shutil.copytree(repository / name, tree / name, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(repository / name, tree / name)
    make = 'from setuptools import build_meta; import sys; build_meta.build_sdist(sys.argv[1])'
    run(sys.executable, '-c', make, folder, cwd=tree)
    (packed,) = folder.glob('*.tar.gz')
    shutil.unpack_archive(packed, folder)
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope='module')
def wheel(sources, tmp_path_factory):
    """The wheel that is built from it; that leaves the tree as it was."""
    folder, before = tmp_path_factory.mktemp('wheel'), files_of(sources)
    options = ['--quiet', '--no-deps', '--no-build-isolation', '--no-index', '--disable-pip-version-check']
    run(sys.executable, '-m', 'pip', 'wheel', *options, '--wheel-dir', folder, sources)
    assert files_of(sources) == before
    (made,) = folder.glob('*.whl')
    return made


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """The folder of the programs of an environment that has the wheel, and what it needs from this one."""
    place = tmp_path_factory.mktemp('installed') / 'venv'
    run(sys.executable, '-m', 'venv', '--without-pip', place)
    python = place / 'bin/python'
    options = ['--quiet', '--no-deps', '--no-index', '--no-compile', '--disable-pip-version-check']
    run(sys.executable, '-m', 'pip', '--python', python, 'install', *options, wheel)
    (site,) = place.glob('lib/python*/site-packages')
    # Behind its own. What is editable there is not found, for the .pth files of that folder are not read.
    (site / 'others.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
    return place / 'bin'


@pytest.fixture
def call(installed, tmp_path):
    """Call a program of the environment in an empty folder, where nothing points at the checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}

    def called(program, *words, status=0):
        done = subprocess.run([str(installed / program), *map(str, words)], cwd=tmp_path, env=environment, **INTO)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    return called


def test_a_wheel_has_all_configs_and_the_data_preparation_where_openmmlab_s_tools_look(wheel, repository):
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {name.removeprefix('cdb_video/.mim/') for name in names if name.startswith('cdb_video/.mim/')}
    expected = {
        path.relative_to(repository).as_posix()
        for pattern in ('configs/**/*.py', 'configs/**/*.yml', 'data_prep/**/*.py')
        for path in repository.glob(pattern)
    }
    assert shipped == {*expected, 'model-index.yml'}
    (top_level,) = [name for name in names if name.endswith('top_level.txt')]
    # mim takes the first for the package.
    assert zipfile.ZipFile(wheel).read(top_level).split() == [b'cdb_video', b'cdb_video_command', b'cdb_video_files']
    assert not [name for name in names if name.startswith(('configs/', 'data_prep/', 'tests/', 'setup'))]


def test_its_commands_work_in_an_empty_folder(call, tmp_path, installed):
    assert 'usage: cdb-video COMMAND' in call('cdb-video', '--help')
    assert 'egtea/slowfast_cdbs.py ' in call('cdb-video', 'config')
    assert 'wrote slowfast_cdbs.py; 5 bases are in' in call('cdb-video', 'config', 'egtea/slowfast_cdbs.py')
    assert 'usage: cdb-video list-videos ' in call('cdb-video', 'list-videos', '--help')
    (tmp_path / 'mine.py').write_text("_base_ = 'cdb_video::egtea/slowfast_cdbs.py'\ntrain_cfg = dict(max_epochs=3)\n")
    place, built = call('python', '-W', 'ignore', '-c', READ_A_BASE).splitlines()
    assert Path(place).parts[-3:] == ('cdb_video', '.mim', 'configs')
    assert Path(place).is_relative_to(installed.parent)
    assert built == 'CDBSampler 3'


def test_its_data_preparation_checks_clips_in_processes_of_their_own(call, tmp_path):
    (tmp_path / 'lists').mkdir()
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos/a.mp4').write_bytes(b'no video')
    (tmp_path / 'lists/train_videos.txt').write_text('a.mp4 0\n')
    (tmp_path / 'lists/classes.txt').write_text('cut\n')
    said = call('cdb-video', 'check', '--data-root', '.', '--lists', 'lists', '--videos', 'videos', status=1)
    assert 'Traceback' not in said


def test_mim_finds_its_models(call):
    pytest.importorskip('mim')
    packages, configs = call('python', '-W', 'ignore', '-c', ASK_MIM).splitlines()
    assert 'cdb-video' in packages.split()
    assert 'configs/egtea/slowfast_cdbs.py' in configs.split()
