"""Fixtures for all tests: one thread, no host state left behind, sample videos where there are."""

import fcntl
import functools
import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests first, so that no process is left with one when the others have nothing more to do."""
    long = {item.path for item in items if item.get_closest_marker('training') or item.get_closest_marker('slow')}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope='session', autouse=True)
def _one_thread() -> None:
    """The networks of the tests are so small that threads cost more than they give."""
    torch.set_num_threads(1)


@pytest.fixture(scope='session', autouse=True)
def _short_end_of_loaders() -> None:
    """A loader that falls with its runner cannot wake its lasting workers: it waits this long for each, not 5 s."""
    torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL = 0.5


@pytest.fixture(scope='session', autouse=True)
def _light_configs_and_datasets() -> Iterator[None]:
    """A toy training spends half of its time on formatting one config again and again, on metafiles, and on garbage."""
    from mmengine.config import config, utils
    from mmengine.dataset import base_dataset

    format_code, formatted = config.FormatCode, {}

    def format_once(text, *args, **kwargs):
        key = text, repr(args), repr(kwargs)
        if key not in formatted:
            formatted[key] = format_code(text, *args, **kwargs)
        return formatted[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, 'FormatCode', format_once)
        patch.setattr(utils, '_get_cfg_metainfo', functools.cache(utils._get_cfg_metainfo))
        patch.setattr(base_dataset, 'gc', SimpleNamespace(collect=lambda: 0))
        yield


@pytest.fixture(scope='module', autouse=True)
def _collect_no_garbage_among_what_was_imported() -> None:
    """mmengine collects garbage for every dataset; to go through all modules takes longer than a toy training."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _forget_host_instances() -> Iterator[None]:
    """Drop the loggers, scopes and message hubs that mmengine keeps by name for a whole process."""
    yield
    if 'mmengine.runner' not in sys.modules:
        return
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer

    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    for kept in (MMLogger, MessageHub, DefaultScope, Visualizer):
        kept._instance_dict.clear()


@pytest.fixture(scope='session')
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared_folder() -> Path:
    """A folder of sample files beside the checkout; tests that ask for it skip without it."""
    folder = REPOSITORY.parent / 'shared'
    if not folder.is_dir():
        pytest.skip('needs the sample files in ../shared')
    return folder


@pytest.fixture(scope='session')
def tiny_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EGTEA-mini with two clips a verb and part: frames, packs, verb lists of splits 1 and 2; only to be read.

    Made once for all processes of a run, by the one that comes first.
    """
    from tests.support.egtea import make_mini

    mine = tmp_path_factory.getbasetemp()
    folder = mine.parent if 'PYTEST_XDIST_WORKER' in os.environ else mine
    root, done = folder / 'egtea_mini', folder / 'egtea_mini.done'
    with (folder / 'egtea_mini.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            make_mini(root)
            done.touch()
    return root
