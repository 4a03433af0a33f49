"""For tests and the quickstart alone: mmcv-lite finds a stand-in for the compiled operators that it lacks.

With the folder of this file on PYTHONPATH every Python that is started acts so, those of `mim train mmdet` too, and
imports nothing until an operator of mmcv is asked for. An mmcv with operators of its own is left as it is.
"""

import importlib.util
import sys
from pathlib import Path

STAND_IN = Path(__file__).resolve().parents[1] / 'mmcv_operators.py'
"""What it does and lacks is said there."""


class _BeforeOperators:
    """Stands before the finders of modules, finds none, and acts when the operators of mmcv are looked for."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == 'mmcv.ops':
            sys.meta_path.remove(cls)
            spec = importlib.util.spec_from_file_location('mmcv_operators', STAND_IN)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))


if 'mmcv.ops' not in sys.modules:
    sys.meta_path.insert(0, _BeforeOperators)
