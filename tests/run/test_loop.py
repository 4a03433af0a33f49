"""What `Loop` says of a run, and that no other file reads private attributes of the runner."""

import ast
import re
import uuid
from types import SimpleNamespace
from unittest import mock

import pytest

from cdb_video.run.loop import Loop, vis_backends
from tests.support.runs import make_runner

ITERATIONS = {'_delete_': True, 'by_epoch': False, 'max_iters': 6, 'val_interval': 2}


@pytest.fixture
def run(tmp_path):
    """Build a toy runner."""
    return lambda **changes: make_runner(tmp_path, uuid.uuid4().hex, **changes)


def standing_at(runner, epoch, iteration):
    """The loop of a runner that has come so far."""
    runner.train_loop._epoch, runner.train_loop._iter = epoch, iteration
    return Loop(runner)


def test_steps_are_epochs_or_iterations(run):
    by_epoch = standing_at(run(train_cfg={'max_epochs': 3}), 2, 20)
    assert (by_epoch.by_epoch, by_epoch.step, by_epoch.last_step) == (True, 2, 3)
    assert (by_epoch.epoch, by_epoch.iteration, by_epoch.max_iterations) == (2, 20, 30)
    assert (by_epoch.kind, by_epoch.is_over) == ('EpochBasedTrainLoop', False)
    assert standing_at(by_epoch.runner, 3, 30).is_over
    by_iteration = standing_at(run(train_cfg=dict(ITERATIONS)), 0, 5)
    assert (by_iteration.by_epoch, by_iteration.step, by_iteration.last_step) == (False, 5, 6)
    assert (by_iteration.max_epochs, by_iteration.kind) == (1, 'IterBasedTrainLoop')
    assert standing_at(by_iteration.runner, 0, 6).is_over


@pytest.mark.parametrize(
    ('train_cfg', 'expected'),
    [
        ({'max_epochs': 3, 'val_interval': 1}, 1),
        ({'max_epochs': 3, 'val_interval': 2}, 2),
        ({'max_epochs': 3, 'val_interval': 9}, 3),
        ({'max_epochs': 5, 'val_begin': 4, 'val_interval': 3}, 5),
        ({'max_epochs': 5, 'val_interval': 4, 'dynamic_intervals': [(4, 1)]}, 3),
        ({'max_epochs': 3, 'val_begin': 4}, None),
        ({**ITERATIONS, 'val_interval': 4}, 4),
    ],
)
def test_first_validation_is_the_first_that_the_loop_makes(run, train_cfg, expected):
    runner = run(train_cfg=train_cfg, custom_hooks=[{'type': 'OwnHook'}], default_hooks={'checkpoint': None})
    loop = Loop(runner)
    assert loop.first_validation == expected
    made = []
    with mock.patch.object(runner.val_loop, 'run', side_effect=lambda: made.append(loop.step)):
        runner.train()
    assert made[:1] == ([] if expected is None else [expected])


def test_validation_is_due_where_the_loop_would_make_it(run):
    runner = run(train_cfg={'max_epochs': 5, 'val_begin': 2, 'val_interval': 3})
    assert [standing_at(runner, epoch, 0).validation_is_due for epoch in range(6)] == [
        False,
        False,
        False,
        True,
        False,
        True,
    ]


def test_run_without_validation_has_none_first_or_due(run):
    runner = run(val_dataloader=..., val_cfg=..., val_evaluator=..., custom_hooks=[])
    loop = standing_at(runner, 3, 30)
    assert (loop.validates, loop.first_validation, loop.validation_is_due) == (False, None, False)


def test_run_goes_on_only_if_it_was_asked_to_and_found_a_checkpoint(run, tmp_path):
    fresh = run(resume=True, train_cfg={'max_epochs': 1})
    assert (Loop(fresh).asked_to_resume, Loop(fresh).is_built) == (True, False)
    fresh.train()
    assert (Loop(fresh).has_loaded, Loop(fresh).is_resumed, Loop(fresh).is_built) == (False, False, True)
    path = str(tmp_path / 'epoch_1.pth')
    loaded = run(load_from=path, train_cfg={'max_epochs': 1})
    loaded.train()
    assert (Loop(loaded).load_from, Loop(loaded).has_loaded, Loop(loaded).is_resumed) == (path, True, False)
    resumed = run(resume=True, load_from=path, train_cfg={'max_epochs': 1})
    resumed.train()
    assert Loop(resumed).is_resumed


@pytest.mark.parametrize(('seed', 'given'), [(0, True), (None, False)])
def test_seed_is_given_or_drawn(run, seed, given):
    assert Loop(run(randomness={'seed': seed})).has_given_seed is given


def test_backends_are_those_of_the_visualizer():
    backends = {'a': object(), 'b': object()}
    assert vis_backends(SimpleNamespace(_vis_backends=backends)) == [*backends.values()]


def test_no_other_file_reads_private_attributes_of_the_runner(repository):
    package = repository / 'cdb_video'
    own = package / 'run/loop.py'
    names = {
        node.attr
        for node in ast.walk(ast.parse(own.read_text()))
        if isinstance(node, ast.Attribute) and re.match('_[a-z]', node.attr) and not _is_self(node.value)
    }
    assert {'_resume', '_has_loaded', '_val_loop'} <= names
    found = [
        f'{path.relative_to(repository)}:{node.lineno} {ast.unparse(node)}'
        for path in package.rglob('*.py')
        if path != own
        for node in ast.walk(ast.parse(path.read_text()))
        if _reads_privately(node, names)
    ]
    assert found == []


def _is_self(value):
    return isinstance(value, ast.Name) and value.id in ('self', 'cls')


def _reads_privately(node, names):
    """Whether a node reads one of these attributes of another object, or any private one of a runner or loop."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'getattr' and len(node.args) > 1:
        return isinstance(node.args[1], ast.Constant) and node.args[1].value in names
    if not isinstance(node, ast.Attribute) or not re.match('_[a-z]', node.attr):
        return False
    if node.attr in names and not _is_self(node.value):
        return True
    return ast.unparse(node.value).split('.')[-1] in ('runner', 'loop', 'train_loop', 'val_loop', 'visualizer')
