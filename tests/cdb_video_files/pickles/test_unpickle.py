"""Pickles are read without executing what is inside."""

import collections
import io
import os
import pickle
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import torch

from cdb_video_files.pickles import unpickle
from tests.report.dumps import mutated
from tests.support.image_files import python2_pickle

HONEST = [
    torch.arange(6.0).reshape(2, 3).T,
    torch.arange(10)[4:8:2],
    torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    torch.tensor([0.25], dtype=torch.float16),
    torch.tensor(3),
    torch.tensor([True, False]),
    torch.zeros(0, 3),
    np.arange(6.0).reshape(2, 3).T,
    np.zeros(0, np.int32),
    np.array(True),
]


@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize('value', HONEST, ids=lambda value: f'{type(value).__name__}-{value.dtype}')
def test_tensors_and_arrays_come_back_with_their_numbers(value, protocol):
    read = np.asarray(unpickle.load(pickle.dumps(value, protocol)))
    expected = value.float().numpy() if getattr(value, 'dtype', None) == torch.bfloat16 else np.asarray(value)
    assert read.dtype == expected.dtype
    np.testing.assert_array_equal(read, expected)


def test_plain_values_come_back_unchanged():
    value = [{'a': (1, 2.5, None, True), 'b': {'c', 'd'}, 'e': b'\xff', 'f': b''}, np.float32(0.5), np.int64(-1)]
    for protocol in range(6):
        assert unpickle.load(pickle.dumps(value, protocol)) == value
    assert unpickle.load(pickle.dumps(collections.OrderedDict())) == {}


def test_names_of_numpy_1_and_numpy_2_are_both_read():
    content = pickle.dumps(np.arange(3), 2)
    other = content.replace(b'numpy._core', b'numpy.core') if b'numpy._core' in content else content
    np.testing.assert_array_equal(np.asarray(unpickle.load(other)), [0, 1, 2])


class _Calls:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call

    def __repr__(self):
        # The name of a test must be the same in every process, and an address is not.
        return f'{self.call[0].__name__}-call'


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path):
    trap = tmp_path / 'trap'
    for attack in (_Calls(os.mkdir, str(trap)), _Calls(eval, f'__import__("os").mkdir({str(trap)!r})')):
        with pytest.raises(pickle.UnpicklingError, match=r'refused the name'):
            unpickle.load(pickle.dumps([{'pred_score': attack}]))
        assert not trap.exists()


def test_code_in_the_pickle_within_a_tensor_is_refused_and_not_run(tmp_path):
    # The storage of a tensor is a file of torch's own, which plain unpickling hands to torch.load.
    trap = tmp_path / 'trap'
    inner = io.BytesIO()
    torch.save(_Calls(os.mkdir, str(trap)), inner, _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match='refused the name'):
        unpickle.load(pickle.dumps(_Calls(torch.storage._load_from_bytes, inner.getvalue())))
    assert not trap.exists()


@pytest.mark.parametrize(
    'value',
    [
        np.array(['text'], dtype=object),
        np.array(['text']),
        np.dtype('O'),
        np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')]),
        np.arange(3, dtype='>i4'),
        os.getcwd,
        _Calls(getattr, 'x', 'upper'),
        _Calls(bytes, 10**12),
        _Calls(np.ndarray, (1,)),
    ],
    ids=repr,
)
def test_what_an_honest_dump_does_not_hold_is_refused(value):
    with pytest.raises(pickle.UnpicklingError):
        unpickle.load(pickle.dumps(value, 2))


def test_a_state_for_one_of_our_own_functions_is_refused():
    # BUILD would otherwise set attributes, such as __defaults__, on the function itself.
    forged = b'\x80\x02c_codecs\nencode\n}X\x0c\x00\x00\x00__defaults__K\x01sb.'
    with pytest.raises(pickle.UnpicklingError, match=r'a state for _codecs\.encode'):
        unpickle.load(forged)


def test_a_tensor_that_reaches_beyond_its_storage_is_refused():
    rebuild = torch._utils._rebuild_tensor_v2
    numbers = torch.arange(4.0)
    storage = torch.storage.TypedStorage(wrap_storage=numbers.untyped_storage(), dtype=numbers.dtype, _internal=True)
    for offset, size, stride in ((2, (3,), (1,)), (0, (5,), (0,)), (0, (2,), (4,)), (-1, (1,), (1,))):
        forged = _Calls(rebuild, storage, offset, size, stride, False, collections.OrderedDict())
        with pytest.raises(pickle.UnpicklingError, match='refused a tensor'):
            unpickle.load(pickle.dumps(forged))


@pytest.mark.parametrize('content', [b'', b'\x80', b'text', pickle.dumps([1.5] * 9)[:-3]])
def test_torn_pickles_are_said_to_be_torn(content):
    with pytest.raises(pickle.UnpicklingError):
        unpickle.load(content)


# Opcode and argument: what would be asked for before anything is read.
LENGTHS = {
    'memo': b'r\xff\xff\xff\x7f',
    'memo in text': b'p99999999999\n',
    'memo below 0': b'p-1\n',
    'bytes': b'\x8e' + (1 << 50).to_bytes(8, 'little'),
    'text': b'\x8d' + (1 << 50).to_bytes(8, 'little'),
    'bytearray': b'\x96' + (1 << 50).to_bytes(8, 'little'),
    'number': b'\x8b\xff\xff\xff\x7f',
    'old text': b'T\xff\xff\xff\x7f',
}


@pytest.mark.parametrize('code', LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_the_file_does_not_have_is_refused_before_memory_is_asked_for(code):
    tracemalloc.start()
    with pytest.raises(pickle.UnpicklingError, match=r'its parts need|stores entry'):
        unpickle.load(b'\x80\x04]' + code + b'.')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def _nested(inner, times):
    for _ in range(times):
        inner = (inner, inner)
    return inner


@pytest.mark.parametrize(
    'value',
    [
        _Calls(torch._utils._rebuild_tensor_v2, _nested('a', 60), 0, (1,), (1,), False, None),
        _Calls(torch.storage._load_from_bytes, _nested('a', 60)),
        _Calls(torch._utils._rebuild_tensor_v2, np.arange(3.0), 0, (10**5000, 2), (1, 1), False, None),
        _Calls(torch._utils._rebuild_tensor_v2, np.arange(3.0), 0, (0, 2**70), (1, 1), False, None),
        _Calls(np.dtype, _nested('f8', 60)),
    ],
    ids=['nested storage', 'nested bytes', 'large shape', 'large empty shape', 'nested dtype'],
)
def test_values_that_are_large_when_written_out_are_refused_in_few_words(value):
    with pytest.raises(pickle.UnpicklingError) as caught:
        unpickle.load(pickle.dumps(value, 2))
    assert len(str(caught.value)) < 1000


# Coverage's probes change the code that runs, which the audit hears.
@pytest.mark.uncovered
def test_changed_bytes_give_the_documented_error_and_run_nothing():
    """Every name is given a stand-in, so that nothing of the process can be reached, whatever the bytes say."""
    events = []
    # A hook cannot be taken away again, so it is told when to listen.
    listening = []
    here = threading.get_ident()
    sys.addaudithook(lambda event, args: events.append(event) if listening and threading.get_ident() == here else None)
    generator = np.random.default_rng(7)
    refused = 0
    for value in (HONEST[0], HONEST[7], [{'a': (1, 2.5, 'x'), 'b': {1}}], np.float32(0.5)):
        for protocol in (0, 2, 4):
            whole = pickle.dumps(value, protocol)
            for _ in range(1000):
                content = mutated(whole, generator)
                listening.append(True)
                try:
                    unpickle.load(content)
                except pickle.UnpicklingError:
                    refused += 1
                finally:
                    listening.clear()
    assert refused > 3000
    # What this reader does itself: it asks for names, and a message that is cut is written to a text.
    assert set(events) <= {'pickle.find_class', 'object.__getattr__'}, set(events)


def test_an_array_of_python_2_is_read_to_the_byte():
    array = np.array([[0, 127, 128], [200, 254, 255]], np.uint8)
    content = python2_pickle({'data': array})
    np.testing.assert_array_equal(pickle.loads(content, encoding='latin1')['data'], array)
    read = unpickle.load(content, python2=True)['data']
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(read), array)
    with pytest.raises(pickle.UnpicklingError, match='UnicodeDecodeError'):
        unpickle.load(content)
