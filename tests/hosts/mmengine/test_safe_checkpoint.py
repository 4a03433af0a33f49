import functools
import io
import operator
import os
import pickle
import subprocess

import mmengine
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

from cdb_video.hosts.mmengine import safe_checkpoint

pytestmark = pytest.mark.skipif(
    tuple(int(part) for part in torch.__version__.split('.')[:2]) < (2, 6),
    reason='torch < 2.6 has no names for allowed objects',
)


@pytest.fixture(autouse=True)
def _allowed_stays_allowed():
    """At its end torch's `safe_globals` takes away what was allowed before it began, too: put that back."""
    allowed = torch.serialization.get_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(allowed)


# What an honest pickle calls to make an array; numpy 1 and numpy 2 file it under different names.
RECONSTRUCT, _, _ = np.zeros(1).__reduce__()


class Crafted:
    """Something that pickles as a call, and then as a state of what the call returned."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        """Only to pass for a function, where a call is crafted whose function is itself crafted."""


def load(value, *, protocol=2):
    """Save the value as torch does and load it as mmengine does, with the plugin's allow-list."""
    file = io.BytesIO()
    torch.save(value, file, pickle_protocol=protocol)
    file.seek(0)
    with torch.serialization.safe_globals(safe_checkpoint.allowed_globals()):
        return torch.load(file)


@pytest.mark.parametrize('code', sorted(safe_checkpoint.NUMBERS))
def test_numbers_and_arrays_of_every_kind_come_back_equal(code):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(code)
    scalar, whole, fortran, empty = load(
        [array[1, 2], array, np.asfortranarray(array), array[:0]],
    )
    assert scalar == array[1, 2]
    assert scalar.dtype == array.dtype
    for loaded, expected in ((whole, array), (fortran, array), (empty, array[:0])):
        np.testing.assert_array_equal(loaded, expected, strict=True)
        assert type(loaded) is np.ndarray


def test_a_history_comes_back_as_a_history_that_can_be_updated_and_saved_again():
    history = load(load(HistoryBuffer([1.0, 2.0, 6.0], [1, 1, 1])))
    assert type(history) is HistoryBuffer
    assert history.statistics('mean') == 3.0
    assert history.statistics('min') == 1.0
    assert history.statistics('max') == 6.0
    history.update(8.0)
    assert load(history).statistics('current') == 8.0


def test_an_empty_history_comes_back():
    assert len(load(HistoryBuffer()).data[0]) == 0


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_the_state_of_a_one_cycle_schedule_comes_back(strategy):
    from mmengine.optim import OneCycleLR

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    state = OneCycleLR(optimizer, eta_max=0.1, total_steps=10, anneal_strategy=strategy).state_dict()
    loaded = load(state)
    assert loaded['anneal_func'] is state['anneal_func']
    assert loaded['total_steps'] == 10


@pytest.mark.parametrize('core', [b'numpy.core.', b'numpy._core.'])
def test_files_of_numpy_1_and_numpy_2_both_load(core):
    file = io.BytesIO()
    # The old format is one plain pickle, in which the names of numpy's modules can be exchanged.
    torch.save([np.float64(2.5), np.arange(3)], file, _use_new_zipfile_serialization=False)
    other = {b'numpy.core.': b'numpy._core.', b'numpy._core.': b'numpy.core.'}[core]
    content = file.getvalue().replace(other, core)
    assert core in content
    with torch.serialization.safe_globals(safe_checkpoint.allowed_globals()):
        scalar, array = torch.load(io.BytesIO(content))
    assert scalar == 2.5
    np.testing.assert_array_equal(array, [0, 1, 2])


def test_a_method_registered_in_this_process_may_be_named_by_a_file(monkeypatch):
    monkeypatch.setitem(HistoryBuffer._statistics_methods, 'first', HistoryBuffer.min)
    history = load(HistoryBuffer([1.0], [1]))
    assert history.statistics('first') == 1.0


POISONED_CALLS = {
    'os.system': lambda mark: Crafted(os.system, f'touch {mark}'),
    'subprocess': lambda mark: Crafted(subprocess.check_call, ['touch', mark]),
    'eval': lambda mark: Crafted(eval, f'open({mark!r}, "w")'),
    'exec': lambda mark: Crafted(exec, f'open({mark!r}, "w")'),
    'open': lambda mark: Crafted(open, mark, 'w'),
    'import': lambda mark: Crafted(__import__, 'os'),
    'partial': lambda mark: Crafted(functools.partial, os.system, f'touch {mark}'),
    'attrgetter': lambda mark: Crafted(operator.attrgetter, 'system'),
    'pickle.loads': lambda mark: Crafted(pickle.loads, pickle.dumps(Crafted(open, mark, 'w'))),
    'torch.load': lambda mark: Crafted(torch.load, mark),
    'config': lambda mark: Crafted(mmengine.Config.fromfile, mark),
    'config of text': lambda mark: Crafted(mmengine.Config.fromstring, f'open({mark!r}, "w")', '.py'),
    'a config': lambda mark: mmengine.Config({'a': 1}),
}

POISONED_GETATTR = {
    'module': (os, 'system'),
    'constructor': (HistoryBuffer, '__init__'),
    'reduce': (HistoryBuffer, '__reduce_ex__'),
    'globals': (HistoryBuffer.min, '__globals__'),
    'function attribute': (HistoryBuffer.min, '__class__'),
    'subclasses': (HistoryBuffer, '__subclasses__'),
    'dotted': (HistoryBuffer, 'min.__globals__'),
    'class dictionary': (HistoryBuffer, '__dict__'),
    'another method': (HistoryBuffer, 'update'),
    'a list of methods': (HistoryBuffer, ['min']),
    'an instance': (HistoryBuffer([1.0], [1]), 'min'),
    'a number': (1.0, 'min'),
    'a tensor': (torch.zeros(1), 'min'),
    'an array': (np.zeros(1), 'min'),
    'an array class': (np.ndarray, 'min'),
    'one argument': (HistoryBuffer,),
    'a default': (HistoryBuffer, 'absent', 'min'),
    'another function of the schedule': (OneCycleParamScheduler, 'state_dict'),
    'the constructor of the schedule': (OneCycleParamScheduler, '__init__'),
}

POISONED_NUMPY = {
    'array of pointers': Crafted(np.ndarray, (1,), 'O', b'\x01' * 8),
    'array at an address': Crafted(np.ndarray, (1,), 'f8'),
    'object dtype': Crafted(np.dtype, 'O'),
    'record dtype': Crafted(np.dtype, 'f8,O'),
    'class as dtype': Crafted(np.dtype, np.ndarray),
    'dict as dtype': Crafted(np.dtype, {'names': ['a'], 'formats': ['O']}),
    'text dtype': np.array(['text']),
    'array of objects': np.array([None, 1]),
    'array of another class': Crafted(RECONSTRUCT, np.matrix, (0,), b'b'),
    'array of a function': Crafted(RECONSTRUCT, HistoryBuffer.min, (0,), b'b'),
    'scalar of the wrong size': Crafted(np.float64(1).__reduce__()[0], np.dtype('f8'), b'1'),
    'scalar of no bytes': Crafted(np.float64(1).__reduce__()[0], np.dtype('f8'), 5),
    'scalar of no dtype': Crafted(np.float64(1).__reduce__()[0], 'O', b'12345678'),
    'large bytes': Crafted(bytes, 10**12),
    'dtype class': Crafted(type(np.dtype('f8'))),
    'memory map': Crafted(np.memmap, 'file'),
    'load': Crafted(np.load, 'file', None, True),
}

POISONED_HISTORY = {
    'array protocol': {'__array_interface__': {'data': (1, False), 'typestr': '<f8'}},
    'class': {'__class__': 5},
    'method': {'update': HistoryBuffer.min},
    'class statistics': {'_statistics_methods': {}},
    'statistic under another name': {'statistics_methods': {'min': HistoryBuffer.max}},
    'unknown statistic': {'statistics_methods': {'other': HistoryBuffer.min}},
    'statistics are no dict': {'statistics_methods': [HistoryBuffer.min]},
    'history of text': {'_log_history': 'text'},
    'history of a history': {'_log_history': HistoryBuffer([1.0], [1])},
    'name is no text': {3: 4},
}


@pytest.mark.parametrize('name', POISONED_CALLS)
def test_a_poisoned_call_is_refused_and_not_made(name, tmp_path):
    mark = tmp_path / 'made.py'
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        load({'state_dict': {}, 'message_hub': POISONED_CALLS[name](str(mark))})
    assert not mark.exists()


@pytest.mark.parametrize('name', POISONED_GETATTR)
def test_a_poisoned_getattr_is_refused(name):
    if name == 'module':  # a module does not pickle: the file names it as a global
        with pytest.raises(pickle.UnpicklingError, match='Refused getattr'):
            safe_checkpoint._known_function(*POISONED_GETATTR[name])
        return
    with pytest.raises((pickle.UnpicklingError, TypeError), match=r'Refused|_known_function'):
        load(Crafted(getattr, *POISONED_GETATTR[name]))


@pytest.mark.parametrize('name', POISONED_NUMPY)
def test_poisoned_numpy_data_is_refused(name):
    with pytest.raises(pickle.UnpicklingError, match=r'Refused|Unsupported global'):
        load(POISONED_NUMPY[name])


@pytest.mark.parametrize('name', POISONED_HISTORY)
def test_a_poisoned_history_is_refused(name, monkeypatch):
    history = HistoryBuffer([1.0], [1])
    state = {**history.__getstate__(), **POISONED_HISTORY[name]}
    monkeypatch.setattr(HistoryBuffer, '__getstate__', lambda self: state)
    with pytest.raises(pickle.UnpicklingError, match='Refused a HistoryBuffer with'):
        load(history)


def test_a_history_whose_state_is_no_dict_is_refused(monkeypatch):
    monkeypatch.setattr(HistoryBuffer, '__getstate__', lambda self: [1])
    with pytest.raises(pickle.UnpicklingError, match='Refused a HistoryBuffer with the state'):
        load(HistoryBuffer())


def test_a_file_may_not_call_the_history_class():
    with pytest.raises(pickle.UnpicklingError, match='Refused a call of HistoryBuffer'):
        load(Crafted(HistoryBuffer, [1.0], [1]))


def test_a_method_served_to_a_file_cannot_be_called_by_it():
    with pytest.raises(pickle.UnpicklingError, match='unrecognized function'):
        load(Crafted(Crafted(getattr, HistoryBuffer, 'min'), HistoryBuffer([1.0], [1])))


def test_a_state_cannot_declare_numbers_to_be_pointers():
    has_pointers = (3, '<', None, None, None, -1, -1, 63)
    dtype = Crafted(np.dtype, 'f8', False, True, state=has_pointers)
    assert not load(dtype).hasobject
    assert not np.dtype('f8').hasobject
    array = Crafted(RECONSTRUCT, np.ndarray, (0,), b'b', state=(1, (1,), dtype, False, [4096]))
    with pytest.raises((TypeError, ValueError)):
        load(array)


def test_no_file_can_spell_the_names_of_the_real_numpy_classes():
    for thing, name in safe_checkpoint.allowed_globals():
        if isinstance(thing, type) and issubclass(thing, (np.ndarray, np.dtype)):
            assert '\n' in name


def test_an_honest_looking_checkpoint_with_one_poisoned_entry_is_refused(tmp_path):
    mark = tmp_path / 'made'
    checkpoint = {
        'state_dict': {'weight': torch.zeros(2)},
        'message_hub': {'log_scalars': {'train/loss': HistoryBuffer([1.0], [1])}},
        'meta': {'epoch': 1, 'hook_msgs': {'x': Crafted(os.system, f'touch {mark}')}},
    }
    with pytest.raises(pickle.UnpicklingError, match='system'):
        load(checkpoint)
    assert not mark.exists()
