"""Options of a class by name: those that it takes, and what is said of others."""

import pytest

import cdb_video
from cdb_video.hosts.host import hosts
from cdb_video.options import check_options, name_options, nearest, options_of
from tests.support.toys import LabelsOnly


class Base:
    def __init__(self, size, colour='red', **others):
        self.size = size
        self.others = others


class Closed(Base):
    def __init__(self, name, *, flag=False, **handed_on):
        super().__init__(**handed_on)


class Last(Closed):
    def __init__(self, number=1):
        super().__init__('', size=number)


class Plain:
    """It takes nothing."""


def test_options_are_those_that_reach_a_constructor():
    assert options_of(Last) == ['number']
    assert options_of(Plain) is None  # its constructor is Python's own
    assert options_of(Base) is None
    assert options_of(Closed) is None


@pytest.mark.parametrize(
    ('name', 'found'), [('taus', 'tau'), ('TAU', 'tau'), ('momentun', 'momentum'), ('nonsense', None), ('', None)]
)
def test_the_nearest_name_is_the_one_that_is_likely_meant(name, found):
    assert nearest(name, ['tau', 'momentum', 'reduction']) == found


def test_what_is_unknown_is_named_with_all_that_there_is():
    check_options('Kind', ['a'], ['a', 'b'])
    with pytest.raises(
        TypeError, match=r"^Kind has no option 'zzz'. Its options: a, b\. Where the base of a config gives it, _delete_"
    ):
        check_options('Kind', ['a', 'zzz'], ['a', 'b'])
    with pytest.raises(TypeError, match=r'Its options: none\.'):
        check_options('Kind', ['a'], [])


def test_a_class_is_checked_once_and_those_that_derive_from_it_are_not():
    class Own:
        def __init__(self, size=1, *, flag=False):
            self.size = size

    class Derived(Own):
        def __init__(self, **options):
            super().__init__(options.pop('own', 2))

    class Same(Own):
        """Without a constructor of its own."""

    assert [name_options(Own), name_options(Own), name_options(Same), name_options(Same)] == [True, False, True, False]
    assert Own.__init__.__name__ == '__init__'
    assert (Own(3).size, Own(size=4).size, Derived(own=5).size, Same(size=6).size) == (3, 4, 5, 6)
    for kind in (Own, Same):
        with pytest.raises(TypeError, match=rf"^{kind.__name__} has no option 'sze'; did you mean 'size'"):
            kind(sze=1)
    with pytest.raises(TypeError, match='missing'):
        Base()


OPEN = {'ClassifierHead', 'FrozenFeatures', 'EnduringCheckpointHook', 'ResNet10'}
"""They hand on whatever a class of the host takes that a config names, or its saving of checkpoints."""


@pytest.mark.parametrize('name', sorted({*cdb_video._REGISTERED} - OPEN))
def test_every_registered_class_names_its_options(name):
    host = next((host for host in hosts() if name in host.classes), None)
    if host is not None and host.fault is not None:
        pytest.skip(f'needs {host.name}')
    with pytest.raises(TypeError, match=rf"^{name} has no option 'nonsense_'.* Its options: "):
        getattr(cdb_video, name)(nonsense_=1)


def test_the_sampler_names_itself_and_not_its_base():
    from cdb_video.samplers.cdb_sampler import CDBSampler

    with pytest.raises(
        TypeError, match=r"^CDBSampler has no option 'taus'; did you mean 'tau'\? .*, num_samples, seed"
    ):
        CDBSampler(LabelsOnly([0, 1]), taus=1)
