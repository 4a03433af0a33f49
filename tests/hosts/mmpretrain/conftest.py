"""All tests here need mmpretrain; they skip where it is not installed, as beside mmaction2 in the main environment."""

import importlib.util
import os
from pathlib import Path

import pytest

STUB = Path(__file__).resolve().parents[2] / 'support/misfit_torchvision'


def load_stub():
    """The module that lets an unfit torchvision be imported, here and in what is started from here."""
    spec = importlib.util.spec_from_file_location('misfit_torchvision', STUB / 'sitecustomize.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paths = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    os.environ['PYTHONPATH'] = os.pathsep.join(dict.fromkeys([*filter(None, paths), str(STUB)]))
    return module


HAS_MMPRETRAIN = importlib.util.find_spec('mmpretrain') is not None
if HAS_MMPRETRAIN:
    load_stub()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lies here without mmpretrain."""
    for item in items:
        if not HAS_MMPRETRAIN and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason='needs mmpretrain: tools/setup_env.sh images'))
