import json
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from tools import check_env

SOUND = {
    'mmcv-lite': '2.1.0',
    'mmengine': '0.10.7',
    'openmim': '0.3.9',
    'opencv-python': '4.11.0.86',
    'opencv-contrib-python': '4.11.0.86',
    'setuptools': '80.9.0',
}


def problems(*modules, **changes):
    versions = {**SOUND, **{name.replace('_', '-'): version for name, version in changes.items()}}
    return check_env.find_problems(versions.get, modules)


def test_a_sound_environment_has_no_problems():
    assert problems('mmengine') == []
    assert check_env.find_problems(lambda name: None) == []


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'mmcv_lite': '2.2.0'}, 'refuses mmcv >= 2.2'),
        ({'mmcv_lite': None, 'onedl_mmcv': '2.3.1'}, 'onedl-mmcv 2.3.1'),
        ({'mmcv': '2.1.0'}, 'overwrite each other'),
        ({'mmengine': None}, 'pip install --no-deps'),
        ({'mmengine': None, 'onedl_mmengine': '0.10.12'}, 'pip install --no-deps'),
        ({'onedl_mmengine': '0.10.12'}, 'mmengine and onedl-mmengine are both installed'),
        ({'setuptools': '82.0.1'}, "pip install 'setuptools<81'"),
        ({'opencv_python': '4.9.0.80'}, 'pip install opencv-python==4.9.0.80 opencv-contrib-python==4.9.0.80'),
    ],
)
def test_each_misfit_is_told_with_its_remedy(changes, words):
    found = problems('mmengine', **changes)
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ('versions', 'wanted'),
    [
        ({'opencv-python': '5.0.0.93', 'opencv-contrib-python': '5.1.0.95'}, 2 * ['5.0.0.93']),
        ({'opencv-python': '4.10.0.84', 'opencv-contrib-python': '4.9.0.80'}, 2 * ['4.9.0.80']),
        ({'opencv-python': '5.0.0.93', 'opencv-contrib-python': '5.0.0.93'}, []),
        ({'opencv-python': '5.0.0.93'}, []),
        ({}, []),
    ],
)
def test_opencv_is_brought_to_the_oldest_version_found(versions, wanted):
    found = check_env.one_opencv(versions.get)
    assert [line.split('==')[1] for line in found] == wanted
    assert [line.split('==')[0] for line in found] == (list(versions) if wanted else [])


def test_newer_setuptools_do_not_matter_without_mim():
    assert problems(setuptools='82.0.1', openmim=None) == []


def test_each_host_has_its_own_limit_of_mmcv():
    versions = {**SOUND, 'mmcv-lite': '2.2.0'}
    assert check_env.find_problems(versions.get, (), 'mmpretrain') == []
    (problem,) = check_env.find_problems({**versions, 'mmcv-lite': '2.4.0'}.get, (), 'mmpretrain')
    assert 'mmpretrain 1.2.0 refuses mmcv >= 2.4' in problem
    (problem,) = check_env.find_problems(versions.get, (), 'mmdet')
    assert 'mmdet 3.3.0 refuses mmcv >= 2.2' in problem


@pytest.mark.parametrize(('file', 'status'), [('_ext.cpython-311-x86_64-linux-gnu.so', 0), ('ops.py', 1), (None, 1)])
def test_compiled_operators_of_mmcv_are_looked_for_without_an_import(file, status, tmp_path, monkeypatch):
    where = None
    if file:
        (tmp_path / file).touch()
        where = ModuleSpec('mmcv', None, is_package=True)
        where.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(check_env, 'find_spec', lambda name: where)
    assert check_env.main(['--operators']) == status


@pytest.mark.parametrize(
    ('torch', 'torchvision'),
    [('2.13.0+cpu', '0.28.0'), ('2.0.1', '0.15.2'), ('2.1.2', '0.16.2'), ('1.13.1', None), ('', None)],
)
def test_the_torchvision_of_a_torch_is_the_one_released_with_it(torch, torchvision):
    assert check_env.fitting_torchvision(torch) == (torchvision and f'torchvision=={torchvision}')


@pytest.mark.parametrize(
    ('text', 'printed'),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", 'torchvision==0.16.2\n'),
        ("raise ImportError('something else')", ''),  # find_import_problems tells it
        ('', ''),
    ],
)
def test_what_takes_the_place_of_a_torchvision_for_another_torch_is_printed(
    text, printed, tmp_path, monkeypatch, capsys
):
    (tmp_path / 'torchvision.py').write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'torchvision', raising=False)
    assert check_env.main(['--python-torchvision']) == 0
    assert capsys.readouterr().out == printed


def test_a_torchvision_that_does_not_fit_is_told_with_its_remedy(tmp_path, monkeypatch):
    (tmp_path / 'torchvision.py').write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'torchvision', raising=False)
    (problem,) = check_env.find_import_problems(['torchvision'])
    assert 'nms does not exist. It does not fit the torch that is installed' in problem
    assert 'TORCHVISION_SPEC' in problem


def test_a_module_that_cannot_be_imported_is_named():
    (problem,) = check_env.find_import_problems(['no_such_module'])
    assert 'no_such_module cannot be imported: ModuleNotFoundError' in problem


@pytest.mark.parametrize(
    ('text', 'numbers'), [('2.1.0rc4+cpu', (2, 1, 0)), ('2.13.0+cpu', (2, 13, 0)), ('unknown', ())]
)
def test_release_reads_the_leading_numbers(text, numbers):
    assert check_env.release(text) == numbers


def report(version, *needs):
    metadata = {'name': 'torch', 'version': version, 'requires_dist': list(needs)}
    other = {'name': 'nvidia-something', 'version': '1'}
    return {'install': [{'metadata': metadata}, {'metadata': other}]}


@pytest.mark.parametrize(
    ('candidate', 'is_cpu'),
    [
        (report('2.13.0+cpu', 'nvidia-cublas'), True),
        (report('2.13.0', 'sympy', 'filelock; extra == "x"'), True),
        (report('2.13.0', 'sympy', "nvidia-cublas-cu12==12; sys_platform != 'none'"), False),
        (report('2.13.0', 'cuda-toolkit[nvcc]==13'), False),
        (report('2.13.0', 'triton==3.7'), False),
        (report('2.13.0', "nvidia-cublas-cu12==12; sys_platform == 'none'"), True),
    ],
)
def test_a_torch_with_cuda_packages_for_this_machine_is_recognised(candidate, is_cpu, tmp_path):
    file = tmp_path / 'report.json'
    file.write_text(json.dumps(candidate))
    # In a process of its own: pip, which knows how to read the needs, changes how modules import.
    command = [sys.executable, check_env.__file__, '--cpu-torch', str(file)]
    assert (subprocess.run(command, check=False).returncode == 0) is is_cpu


def test_the_questions_of_the_set_up_are_answered_by_status_and_output(capsys):
    assert check_env.main(['--has', 'torch']) == 0
    assert check_env.main(['--has', 'no-such-distribution']) == 1
    assert check_env.main(['--version', 'pytest']) == 0
    assert capsys.readouterr().out.strip() == pytest.__version__
    assert check_env.main(['--pins', 'pytest', 'no-such-distribution']) == 0
    assert capsys.readouterr().out.strip() == f'pytest=={pytest.__version__}'


def test_a_problem_makes_the_exit_status_1(monkeypatch, capsys):
    monkeypatch.setattr(check_env, 'installed_version', {'mmcv': '2.2.0'}.get)
    assert check_env.main(['--imports']) == 1
    assert 'refuses mmcv >= 2.2' in capsys.readouterr().err


def test_the_environment_of_these_tests_fits():
    assert check_env.main([]) == 0
