"""All tests here need mmdet; they skip where it is not installed, as beside mmaction2 in the main environment."""

import importlib.util
import warnings
from pathlib import Path

import pytest

from tests.support.torchvision_stub import load_stub

WARNINGS = (
    'ignore:__array__ implementation',  # of mmdet's masks, with numpy 2
    'ignore:``MultiScaleDeformableAttention`` has been moved:ImportWarning',  # mmdet asks for it in its old place
    'ignore:.pin_memory. argument is set as true',
)
"""Of the hosts, none of ours."""
HAS_MMDET = importlib.util.find_spec('mmdet') is not None
if HAS_MMDET:
    load_stub()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # an old torchvision warns of its compiled part, once
        import torchvision  # noqa: F401
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
