"""Letting a torchvision that does not fit torch be imported, by the module in misfit_torchvision/."""

import importlib.util
import os
import warnings
from pathlib import Path

STUB = Path(__file__).resolve().parent / 'misfit_torchvision'


def load_stub():
    """The module that lets an unfit torchvision be imported, here and in what is started from here."""
    spec = importlib.util.spec_from_file_location('misfit_torchvision', STUB / 'sitecustomize.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paths = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    os.environ['PYTHONPATH'] = os.pathsep.join(dict.fromkeys([*filter(None, paths), str(STUB)]))
    return module


def import_quietly():
    """Import torchvision, which warns where its compiled part does not fit torch; once, so that no test meets it."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import torchvision  # noqa: F401
