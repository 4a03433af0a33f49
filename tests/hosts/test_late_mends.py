import importlib
import importlib.util
import sys

import pytest

from cdb_video.hosts import late_mends
from cdb_video.hosts.late_mends import when_imported


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a package's module that nobody has imported."""
    package = tmp_path / 'late_package'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / 'inner.py').write_text('value = 1\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    yield 'late_package.inner'
    for name in ('late_package', 'late_package.inner'):
        sys.modules.pop(name, None)
        late_mends._AWAITING.mends.pop(name, None)


def double(module):
    module.value *= 2


def test_a_module_is_mended_right_after_its_import(module):
    when_imported(module, double)
    assert module not in sys.modules
    assert importlib.util.find_spec(module) is not None  # to look for it is not to import it
    assert importlib.import_module(module).value == 2
    assert importlib.import_module(module).value == 2


def test_a_module_that_is_there_is_mended_at_once(module):
    imported = importlib.import_module(module)
    when_imported(module, double)
    assert imported.value == 2


def test_other_modules_are_found_as_ever_and_one_that_is_not_there_is_not(module):
    when_imported('late_package.missing', double)
    with pytest.raises(ModuleNotFoundError, match=r'late_package\.missing'):
        importlib.import_module('late_package.missing')
    assert importlib.import_module(module).value == 1
    late_mends._AWAITING.mends.pop('late_package.missing')
