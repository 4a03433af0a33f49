"""Mends for faults of mmengine.

Each mend looks for its fault and does nothing where the host is sound; each can be applied again.

* torch >= 2.6 loads files with ``weights_only=True`` unless told otherwise, and then refuses the
  checkpoints that mmengine writes (https://github.com/open-mmlab/mmengine/issues/1655), which hold
  logged scalars beside the weights. The usual advice is to switch that safety off. Here it stays
  on, and what those checkpoints hold is allowed. onedl-mmengine, a fork, allows more by itself and, with a
  warning, loads what torch refuses all the same; the first is narrowed, the second is left as it is.
* `_base_ = 'PACKAGE::NAME'` serves packages of OpenMMLab alone: the names are in a table of mmengine, an editable
  installation is not looked into, and all that such a base has is taken to be of a registry scope of that name. Here
  ``cdb_video::`` names the configs that come with this package, and they keep the scope that they state.

What fails before this package is imported cannot be mended here: ``mim`` and configs with an ``mmaction::`` base need
``pkg_resources``, which setuptools 82 dropped. ``tools/setup_env.sh`` checks for that.
"""

import functools
import inspect
import io
import pickle
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.logging import HistoryBuffer

from cdb_video.hosts.mmengine.safe_checkpoint import allowed_globals
from cdb_video_files.configs.shipped import PACKAGE, SCOPE, find_config

_CHECKPOINT = 'mmengine.runner.checkpoint'


def allow_mmengine_checkpoints() -> bool:
    """Let ``torch.load`` with ``weights_only=True`` read the checkpoints that mmengine writes.

    What is allowed, and why no more, is said in :mod:`cdb_video.hosts.mmengine.safe_checkpoint`. Everything else
    is refused by torch as before, and no setting of torch is switched off.

    Nothing is done where loading works: torch < 2.6, an mmengine that passes ``weights_only`` or
    allows its own classes, or an earlier call of this function.

    Returns:
        Whether anything was allowed.
    """
    if _mmengine_decides() or not _torch_refuses_history():
        return False
    torch.serialization.add_safe_globals(allowed_globals())
    _narrow_list_of_fork()
    return True


def find_shipped_bases() -> bool:
    """Let configs have bases that come with this package: ``_base_ = 'cdb_video::egtea/slowfast_cdbs.py'``.

    They are found in a wheel and in a checkout. What they hold gets no `_scope_` of this package, which has no
    registries of its own: its classes are in the root registries, and the configs state `default_scope`.

    Nothing is done where mmengine knows the package by itself, or after an earlier call of this function.

    Returns:
        Whether the bases were not found before.
    """
    if PACKAGE in MODULE2PACKAGE or not hasattr(Config, '_get_cfg_path'):
        return False
    MODULE2PACKAGE[PACKAGE] = PACKAGE
    theirs = Config._get_cfg_path

    @functools.wraps(theirs)
    def find(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(SCOPE):
            return str(find_config(cfg_path)), None
        found: tuple[str, str | None] = theirs(cfg_path, filename)
        return found

    Config._get_cfg_path = staticmethod(find)
    return True


def _narrow_list_of_fork() -> None:
    """Take what is allowed here out of the list that onedl-mmengine, the fork of mmengine, allows while it loads.

    That list has the true getattr and numpy's constructors under the names that this package serves, and which
    of the two torch takes is left to chance: a file then meets a mixture and cannot be read.
    """
    if 'get_torch_safe_globals' not in _checkpoint_text() and _CHECKPOINT not in sys.modules:
        return
    checkpoint: Any = import_module(_CHECKPOINT)
    theirs = getattr(checkpoint, 'get_torch_safe_globals', None)
    if theirs is None or hasattr(theirs, '__wrapped__'):
        return
    served = {allowed[1] for allowed in allowed_globals() if isinstance(allowed, tuple)}

    @functools.wraps(theirs)
    def others() -> list[Any]:
        return [
            thing
            for thing in theirs()
            if f'{thing.__module__}.{thing.__qualname__}' not in served
            and not (isinstance(thing, type) and issubclass(thing, np.dtype))
        ]

    checkpoint.get_torch_safe_globals = others


def _mmengine_decides() -> bool:
    """Tell whether mmengine says itself how ``torch.load`` is to treat its checkpoints."""
    loaded: ModuleType | None = sys.modules.get(_CHECKPOINT)
    if loaded is not None:
        return 'weights_only' in inspect.getsource(loaded.load_from_local)
    return 'weights_only' in _checkpoint_text().partition('def load_from_local(')[2].partition('\ndef ')[0]


def _checkpoint_text() -> str:
    """The module that loads checkpoints, as it stands on disk: to import it takes a second, in every process."""
    return Path(mmengine.__file__).with_name('runner').joinpath('checkpoint.py').read_text(encoding='utf-8')


def _torch_refuses_history() -> bool:
    """Tell whether ``torch.load``, as mmengine calls it, refuses a logged scalar."""
    if tuple(int(part) for part in torch.__version__.split('.')[:2]) < (2, 6):
        return False  # such a torch would load it, with a warning
    file = io.BytesIO()
    torch.save({'loss': HistoryBuffer([1.0], [1]), 'best': np.float64(1.0)}, file)
    file.seek(0)
    try:
        torch.load(file)
    except pickle.UnpicklingError:
        return True
    return False
