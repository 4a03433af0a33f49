"""Checks when a training starts: before any hook, for each runner, once."""

import sys
from types import ModuleType

import pytest

from cdb_video.hosts.mmengine.training_start import check_before_training


@pytest.fixture
def runners(monkeypatch):
    """The two modules of mmengine with runners that note who is called."""

    def made(name, kind):
        module = ModuleType(name)
        calls = []
        setattr(
            module, kind, type(kind, (), {'call_hook': lambda self, fn_name, **given: calls.append((fn_name, given))})
        )
        monkeypatch.setitem(sys.modules, name, module)
        return getattr(module, kind), calls

    return [
        made('mmengine.runner.runner', 'Runner'),
        made('mmengine.runner._flexible_runner', 'FlexibleRunner'),
    ]


def test_the_check_comes_before_the_hooks_of_a_training_and_nowhere_else(runners):
    checked = []
    check_before_training(checked.append)
    check_before_training(lambda runner: checked.append('twice'))
    for kind, calls in runners:
        runner = kind()
        runner.call_hook('before_run')
        assert checked == []
        runner.call_hook('before_train')
        runner.call_hook('before_train_iter', batch_idx=3)
        assert checked == [runner]
        assert calls == [('before_run', {}), ('before_train', {}), ('before_train_iter', {'batch_idx': 3})]
        checked.clear()


def test_a_check_that_refuses_leaves_the_hooks_unasked(runners):
    def refuse(runner):
        raise ValueError('not so')

    check_before_training(refuse)
    for kind, calls in runners:
        with pytest.raises(ValueError, match='not so'):
            kind().call_hook('before_train')
        assert calls == []
