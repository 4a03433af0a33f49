"""Fixtures for all tests: one thread, no host state left behind, sample videos where there are."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session', autouse=True)
def _one_thread() -> None:
    """The networks of the tests are so small that threads cost more than they give."""
    torch.set_num_threads(1)


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
    """EGTEA-mini with two training, validation and test clips a verb, frames, packs and verb lists; only to be read."""
    import build_lists
    import extract_frames
    import make_egtea_mini

    root = tmp_path_factory.mktemp('egtea_mini')
    assert make_egtea_mini.main(['--out', str(root), '--scale', '0.001', '--workers', '1']) == 0
    for form in ([], ['--pack']):
        assert extract_frames.main(['--data-root', str(root), '--workers', '1', *form]) == 0
    options = ['--label', 'verb', '--split', '1', '--hold-out', 'subjects:P20-P26']
    assert build_lists.main(['--data-root', str(root), *options]) == 0
    return root
