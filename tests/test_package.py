import ast
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml

import cdb_video
from cdb_video.hosts.host import hosts

WITHOUT_MMENGINE = """
import sys
sys.modules['mmengine'] = None  # as if it were not installed
import cdb_video, cdb_video.difficulty.formulas, cdb_video.difficulty.history
import cdb_video_files.lists, cdb_video_files.packs
print(sorted({'torch', 'cv2'} & set(sys.modules)))
cdb_video.ClassAccuracy
"""


@pytest.fixture(scope='module')
def project(repository):
    return tomllib.loads((repository / 'pyproject.toml').read_text())['project']


HERE = sorted(
    set(cdb_video._REGISTERED) - {name for host in hosts() if host.fault is not None for name in host.classes}
)
"""Without the classes of hosts that are not installed: images and video have environments of their own."""


@pytest.mark.parametrize('name', HERE)
def test_every_registered_class_is_an_attribute_of_the_package(name):
    assert getattr(cdb_video, name).__name__ == name


def test_an_unknown_attribute_is_named():
    with pytest.raises(AttributeError, match='CDBLos'):
        _ = cdb_video.CDBLos


def test_dir_and_the_list_of_names_show_what_there_is():
    there = {*HERE, '__version__', 'DifficultyTracker', 'load'}
    assert there <= set(dir(cdb_video))
    assert set(cdb_video.__all__) == there


STAR = """
import sys
for name in {absent!r}:
    sys.modules[name] = None
from cdb_video import *
print(sorted(name for name in globals() if not name.startswith('_') and name not in ('sys', 'name')))
import cdb_video
print(len(dir(cdb_video)) > 20)
"""


@pytest.mark.parametrize(
    ('absent', 'there', 'not_there'),
    [
        ([], {'CDBLoss', 'ClassDifficultyHook', 'VideoListDataset'}, set()),
        (['mmaction'], {'CDBLoss', 'ClassDifficultyHook'}, {'VideoListDataset'}),
        (['mmengine'], {'CDBLoss', 'CDBSampler'}, {'ClassDifficultyHook', 'VideoListDataset'}),
    ],
)
def test_a_star_import_has_what_can_be_had(repository, absent, there, not_there):
    code = STAR.format(absent=absent)
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names, many = done.stdout.splitlines()
    assert there <= set(ast.literal_eval(names))
    assert not not_there & set(ast.literal_eval(names))
    assert many == 'True'


def test_the_extra_for_fresh_environments_brings_the_page(project):
    extras = project['optional-dependencies']
    assert 'cdb-video[host,report]' in extras['mmaction']
    assert {line.partition('>')[0] for line in extras['report']} >= {'jinja2', 'plotly', 'matplotlib', 'scipy'}


def test_without_mmengine_the_pure_modules_import_and_load_no_torch(repository):
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_MMENGINE],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == '[]', done.stderr
    assert 'ImportError: cdb_video.ClassAccuracy needs mmengine' in done.stderr
    assert "pip install 'cdb-video[mmaction]'" in done.stderr


def test_the_base_replaces_nothing_that_a_user_has(project):
    names = {line.partition('>')[0] for line in project['dependencies']}
    assert names == {'numpy', 'torch'}
    assert not any(set('<=~!') & set(line.replace('>=', '')) for line in project['dependencies'])


def test_only_the_extras_for_fresh_environments_bring_mmcv(project):
    with_mmcv = [
        extra for extra, lines in project['optional-dependencies'].items() if any('mmcv' in line for line in lines)
    ]
    assert with_mmcv == ['mmaction', 'images']
    # It belongs to one torch, and pip would bring another one.
    everything = [line for lines in project['optional-dependencies'].values() for line in lines]
    assert not any('torchvision' in line for line in everything)


def test_commits_and_continuous_integration_use_the_checkers_that_the_project_pins(project, repository):
    pins = dict(line.split('==') for line in project['optional-dependencies']['dev'] if '==' in line)
    commands = {'import-linter': 'lint-imports'}  # by distribution, where they bear another name
    assert set(pins) == {'ruff', 'mypy', 'codespell', 'import-linter'}
    config = yaml.safe_load((repository / '.pre-commit-config.yaml').read_text())
    local = [hook for repo in config['repos'] if repo['repo'] == 'local' for hook in repo['hooks']]
    assert {hook['entry'].split()[0] for hook in local} == {commands.get(name, name) for name in pins}
    assert {hook['language'] for hook in local} == {'system'}
    script = (repository / 'tools' / 'test.sh').read_text()
    for name, version in pins.items():
        command = commands.get(name, name)
        assert f"' {command} " in script or f"' {command}\n" in script
        assert metadata.version(name) == version


def test_the_citation_and_the_package_have_one_version(repository):
    citation = yaml.safe_load((repository / 'CITATION.cff').read_text())
    assert citation['version'] == cdb_video.__version__
    papers = {reference['url'].rpartition('/')[2] for reference in citation['references']}
    assert papers == {'2010.01824', '2207.14499'}
