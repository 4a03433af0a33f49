"""Acting on a module when it is imported, by whomever."""

import importlib
import sys
from importlib.machinery import PathFinder

import pytest

from cdb_video import watched_imports
from cdb_video.watched_imports import when_imported


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that nobody has imported."""
    name = f'watched_{tmp_path.name}'
    (tmp_path / f'{name}.py').write_text('value = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_a_module_is_acted_on_right_after_it_was_executed_and_once(module):
    seen = []

    def act(found):
        seen.append(found.value)
        return True

    assert when_imported(module, act)
    assert not when_imported(module, act)
    assert seen == []
    importlib.import_module(module)
    assert seen == [1]
    importlib.reload(sys.modules[module])
    assert seen == [1]


def test_a_module_that_is_there_is_acted_on_at_once(module):
    found = importlib.import_module(module)
    assert when_imported(module, lambda one: one is found)
    assert not when_imported(module, lambda one: False)


def test_a_module_that_cannot_be_imported_raises_what_it_would_have(module, tmp_path):
    seen = []
    assert when_imported(module, seen.append)
    (tmp_path / f'{module}.py').write_text('raise ValueError("broken")\n')
    with pytest.raises(ValueError, match='broken'):
        importlib.import_module(module)
    assert seen == []
    (tmp_path / f'{module}.py').write_text('value = 2  # it is mended\n')
    importlib.invalidate_caches()
    assert importlib.import_module(module).value == 2
    assert seen == [sys.modules[module]]
    assert when_imported('no_such_module_of_anybody', seen.append)
    with pytest.raises(ModuleNotFoundError, match='no_such_module_of_anybody'):
        importlib.import_module('no_such_module_of_anybody')


class Asking:
    """A finder that asks all others, as the one of a coverage tool does."""

    @staticmethod
    def find_spec(fullname, path, target=None):
        others = [finder for finder in sys.meta_path if hasattr(finder, 'find_spec') and finder is not Asking]
        return next((found for other in others if (found := other.find_spec(fullname, path, target))), None)


@pytest.mark.parametrize('place', [0, 1, 2], ids=['before', 'between', 'last'])
def test_other_finders_may_ask_all_finders_too_or_be_of_the_kind_that_cannot_be_asked(module, monkeypatch, place):
    finders = [watched_imports._WATCH, PathFinder]
    finders.insert(place, Asking)
    monkeypatch.setattr(sys, 'meta_path', [*finders, object()])
    seen = []
    assert when_imported(module, seen.append)
    assert seen == []
    found = importlib.import_module(module)
    assert seen == [found]
