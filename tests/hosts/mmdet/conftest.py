"""All tests here need mmdet; they skip where it is not installed, as beside mmaction2 in the main environment."""

import importlib.util
from pathlib import Path

import pytest

from tests.support.torchvision_stub import import_quietly, load_stub

WARNINGS = (
    'ignore:__array__ implementation',  # of mmdet's masks, with numpy 2
    'ignore:.pin_memory. argument is set as true',
)
"""Of the hosts, none of ours."""
HAS_MMDET = importlib.util.find_spec('mmdet') is not None
if HAS_MMDET:
    load_stub()
    import_quietly()
    import tests.support.mmcv_operators  # noqa: F401  before mmdet is imported


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lies here without mmdet, and let its warnings be."""
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue
        for warning in WARNINGS:
            item.add_marker(pytest.mark.filterwarnings(warning))
        if not HAS_MMDET:
            item.add_marker(pytest.mark.skip(reason='needs mmdet, mmcv-lite and lvis: docs/use/hosts.md says which'))
