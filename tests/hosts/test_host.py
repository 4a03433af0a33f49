"""A host that is absent, broken or sound: what the package does about it, and whom else it costs anything."""

import importlib.util
import subprocess
import sys

import pytest

from cdb_video.hosts.host import Host, hosts

MISFIT = "raise RuntimeError('operator torchvision::nms does not exist')"
WITH_MMENGINE = """
import cdb_video
from mmengine.registry import DATASETS, MODELS, TRANSFORMS
print(MODELS.build(dict(type='CDBLoss')))
for registry, name in ((TRANSFORMS, 'VideoDecode'), (DATASETS, 'FrameListDataset'), (TRANSFORMS, 'ClipFrames')):
    try:
        registry.build(dict(type=name))
    except ImportError as error:
        print(error, '|', repr(error.__cause__ or error.__context__))
try:
    cdb_video.VideoListDataset
except ImportError as error:
    print(error)
"""
ALONE = """
import cdb_video
print(cdb_video.CDBLoss(), cdb_video.CDBSampler)
cdb_video.ClassAccuracy
"""


def run(code, folder, repository, **modules):
    """Run code where some packages are what `modules` says."""
    for name, text in modules.items():
        (folder / name).mkdir()
        (folder / name / '__init__.py').write_text(text)
    paths = f'import sys; sys.path[:0] = [{str(folder)!r}, {str(repository)!r}]\n'
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', paths + code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_broken_host_costs_its_own_names_which_say_why(tmp_path, repository):
    done = run(WITH_MMENGINE, tmp_path, repository, mmaction=MISFIT)
    assert done.returncode == 0, done.stderr
    assert 'CDBLoss(' in done.stdout
    for names in (
        'PackDecode, VideoInit and VideoDecode need',
        'FrameListDataset and VideoListDataset need',
        'ClipFrames needs',
    ):
        why = f'{names} mmaction2, which cannot be imported here: operator torchvision::nms does not exist. Install mm'
        assert why in done.stdout
    warning = 'mmaction2 is installed, but cannot be imported (RuntimeError: operator torchvision::nms does not exist)'
    assert done.stdout.count(warning) == 1
    assert done.stdout.splitlines()[-1].startswith('FrameListDataset and VideoListDataset need mmaction2')


def test_of_a_broken_host_nobody_hears_who_asks_for_nothing_of_it(tmp_path, repository):
    done = run('import cdb_video; cdb_video.CDBLoss', tmp_path, repository, mmaction=MISFIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


@pytest.mark.parametrize('text', ["assert False, 'MMCV==2.2.0 is used but incompatible'", 'import no_such_package'])
def test_whatever_the_import_of_a_host_raises_counts(tmp_path, repository, text):
    done = run(WITH_MMENGINE, tmp_path, repository, mmaction=text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('mmaction2 is installed, but cannot be imported') == 1


def test_a_user_who_stops_the_import_of_a_host_stops_the_process(tmp_path, repository):
    done = run(WITH_MMENGINE, tmp_path, repository, mmaction='raise KeyboardInterrupt')
    assert 'KeyboardInterrupt' in done.stderr
    assert 'need mmaction2' not in done.stdout


def test_a_host_that_is_not_there_is_no_fault_to_speak_of(tmp_path, repository):
    done = run(f"import sys\nsys.modules['mmaction'] = None\n{WITH_MMENGINE}", tmp_path, repository)
    assert done.returncode == 0, done.stderr
    assert 'ClipFrames needs mmaction2' in done.stdout
    assert 'is installed, but' not in done.stdout + done.stderr


def test_without_a_sound_mmengine_the_core_serves(tmp_path, repository):
    done = run(ALONE, tmp_path, repository, mmengine=MISFIT)
    assert 'CDBLoss(' in done.stdout
    assert 'mmengine is installed, but cannot be imported (RuntimeError: operator' in done.stderr
    assert done.stderr.splitlines()[-1] == 'RuntimeError: operator torchvision::nms does not exist'


def test_hosts_are_sound_here_and_offer_what_is_asked_of_them():
    for host in hosts():
        if importlib.util.find_spec(host.package) is None:  # images and video have environments of their own
            assert isinstance(host.fault, ModuleNotFoundError)
            continue
        assert host.fault is None
        assert all(host.find(name).__name__ == name for name in host.classes)


def test_a_host_need_not_offer_anything():
    class Bare(Host):
        name = package = 'json'
        remedy = 'none'

    bare = Bare()
    assert bare.fault is None
    asked = (bare.refuse(None, None, None), bare.results_of(None, has_one_score=True), bare.labels([]))
    assert asked == (None, None, None)
    assert (bare.mends(), bare.sample_path({})) == ([], None)
