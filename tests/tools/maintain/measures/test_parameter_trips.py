from tools.maintain.measures.parameter_trips import Trip
from tools.maintain.structure import find_start


def trip(tree, name, parameter):
    """Where a parameter goes, as 'file:function' in order."""
    found = Trip.of(tree, *find_start(tree, f':{name}:{parameter}'))
    return [f'{path.stem}:{function}' for path, function in found.entries], found.counts


def test_a_stay_is_a_stretch_in_one_file(checkout):
    tree = checkout(
        {
            'cdb_video/a.py': """
                from cdb_video import b
                def start(runner):
                    b.f(runner)
                    b.g(other=1, runner=runner)
                    _h(runner)
                    b.g(1, other=2)
                def _h(runner): ...
            """,
            'cdb_video/b.py': 'def f(runner): ...\ndef g(runner, other): ...',
        }
    )
    assert trip(tree, 'start', 'runner') == (['a:start', 'b:f', 'b:g', 'a:_h'], (2, 3, 1))


def test_what_is_taken_from_it_or_returned_of_it_is_followed_and_a_truth_is_not(checkout):
    tree = checkout(
        {
            'cdb_video/a.py': """
                import numpy as np
                def start(runner):
                    loop = runner.train_loop
                    for module in sorted(m for m in loop.modules() if m):
                        f(first(module))
                    f(runner.epoch == 3)
                    f(np.asarray(loop))
                    loop = None
                    f(loop)
                    g(*runner.hooks)
                def f(x): ...
                def g(x, y, *z): ...
                def first(items): return items[0]
            """
        }
    )
    assert trip(tree, 'start', 'runner')[0] == ['a:start', 'a:first', 'a:f', 'a:g']


def test_the_trip_ends_where_it_is_stored_or_becomes_part_of_an_object(checkout):
    tree = checkout(
        {
            'cdb_video/a.py': """
                from dataclasses import dataclass
                @dataclass
                class Parts:
                    model: object
                    @classmethod
                    def of(cls, runner): return cls(runner.model)
                class Counter:
                    def __init__(self, model): self.model = model
                class Hook:
                    def start(self, runner):
                        parts = Parts.of(runner)
                        check(parts)
                        check(Counter(runner.model))
                        self.model = runner.model
                        check(self.model)
                def check(parts): ...
            """
        }
    )
    assert trip(tree, 'Hook.start', 'runner')[0] == ['a:Hook.start', 'a:Parts.of', 'a:Counter.__init__']


def test_methods_are_found_by_self_bases_annotations_and_what_makes_an_attribute(checkout):
    tree = checkout(
        {
            'cdb_video/hook.py': """
                from typing import TYPE_CHECKING
                from cdb_video.owner import Owner
                if TYPE_CHECKING:
                    from cdb_video.owner import Log
                class Hook(Owner):
                    log: 'Log | None'
                    def __init__(self):
                        self.second = Log()
                    def start(self, runner, other: Log):
                        self.own(runner)
                        self.inherited(runner)
                        super().start(runner)
                        other.add(runner)
                        self.log.add_more(runner)
                        self.second.add_last(runner)
                    def own(self, runner): ...
            """,
            'cdb_video/owner.py': """
                class Owner:
                    def start(self, runner): ...
                    @staticmethod
                    def inherited(runner): ...
                class Log:
                    def add(self, runner): ...
                    def add_more(self, runner): ...
                    def add_last(self, runner): ...
            """,
        }
    )
    entries = ['hook:Hook.start', 'hook:Hook.own', 'owner:Owner.inherited', 'owner:Owner.start']
    entries += ['owner:Log.add', 'owner:Log.add_more', 'owner:Log.add_last']
    assert trip(tree, 'Hook.start', 'runner') == (entries, (2, 2, 0))


def test_a_lambda_is_read_after_the_call_that_takes_it_and_recursion_ends(checkout):
    tree = checkout(
        {
            'cdb_video/a.py': """
                def start(runner):
                    together(lambda: deep(runner, 3))
                    def inner():
                        return last(runner)
                def together(act): return act()
                def deep(runner, n): return deep(runner, n - 1)
                def last(runner): ...
            """
        }
    )
    assert trip(tree, 'start', 'runner')[0] == ['a:start', 'a:together', 'a:deep', 'a:deep', 'a:last']
