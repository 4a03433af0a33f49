"""A mend for a fault of lvis, the package with which mmdet's LVISMetric evaluates.

It looks for its fault and does nothing where the host is sound; it can be applied again.

* lvis 0.5.3, the newest on PyPI, asks for ``np.float``, which numpy dropped with 1.24: LVISMetric ends with an
  AttributeError when all images are evaluated. It is mended in lvis-api's main branch, and was not released since
  (https://github.com/lvis-dataset/lvis-api/issues/37, merged by pull request 42).
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cdb_video.watched_imports import when_imported

_EVAL = 'lvis.eval'


class _WithFloat(ModuleType):
    """numpy, and the name that it dropped; for one module alone."""

    float = float

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def give_lvis_its_float() -> bool:
    """Let LVISEval accumulate with numpy >= 1.24. lvis is not imported for it, and numpy stays as it is for others.

    Returns:
        Whether LVISEval has the fault.
    """
    if hasattr(np, 'float') or 'dtype=np.float)' not in _eval_text():
        return False
    when_imported(_EVAL, _mend_eval)
    return True


def _mend_eval(module: Any) -> bool:
    if isinstance(module.np, _WithFloat):
        return False
    module.np = _WithFloat('numpy')
    return True


def _eval_text() -> str:
    """The module of lvis that evaluates, as it stands on disk; empty where there is none."""
    loaded = sys.modules.get('lvis')
    spec = loaded.__spec__ if loaded else importlib.util.find_spec('lvis')
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, 'eval.py')
        if path.is_file():
            return path.read_text(encoding='utf-8')
    return ''
