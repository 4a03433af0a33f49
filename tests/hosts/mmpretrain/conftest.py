"""All tests here need mmpretrain; they skip where it is not installed, as beside mmaction2 in the main environment."""

import importlib.util
from pathlib import Path

import pytest

from tests.support.torchvision_stub import import_quietly, load_stub

HAS_MMPRETRAIN = importlib.util.find_spec('mmpretrain') is not None
if HAS_MMPRETRAIN:
    load_stub()
    import_quietly()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lies here without mmpretrain."""
    for item in items:
        if not HAS_MMPRETRAIN and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason='needs mmpretrain: tools/setup_env.sh images'))
