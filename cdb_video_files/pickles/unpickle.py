"""Reads pickles of tensors, arrays and plain values, and executes nothing that is inside.

A pickle names functions and calls them, so that ``pickle.load`` runs whatever the file asks for. Here no name leads to
the thing itself: under each allowed name stands an object of this file, which does the little that an honest file
asks of it and accepts no state. Every other name is refused. Tensors become numpy arrays; torch is not needed.

Allowed: None, truth values, numbers, text, bytes, lists, tuples, dicts and sets of these; torch tensors as plain
pickle writes them, which is with a small file of torch's old format inside for the storage; numpy arrays and scalars of
numbers, as numpy 1 and 2 write them, under Python 2 too. :mod:`cdb_video.hosts.mmengine.safe_checkpoint` does the same
for checkpoints, through torch.
"""

from __future__ import annotations

import io
import math
import pickle
import reprlib
import struct
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from cdb_video_files.pickles.lengths import end_of_pickle

# torch's old format: three pickles that say what it is, one with the object, one with the keys, then the raw numbers.
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PROTOCOL = 1001
TORCH_BEGINNING = pickle.dumps(_TORCH_MAGIC, protocol=2)
"""How a file of that format begins."""
_sound_preambles: list[bytes] = []
STORAGES: dict[str, np.dtype[Any]] = {
    'BoolStorage': np.dtype('?'),
    'ByteStorage': np.dtype('u1'),
    'CharStorage': np.dtype('i1'),
    'ShortStorage': np.dtype('<i2'),
    'IntStorage': np.dtype('<i4'),
    'LongStorage': np.dtype('<i8'),
    'HalfStorage': np.dtype('<f2'),
    'FloatStorage': np.dtype('<f4'),
    'DoubleStorage': np.dtype('<f8'),
    # numpy has no bfloat16: read as its 16 bits, which are the upper half of a float32.
    'BFloat16Storage': np.dtype('<u2'),
}
_NUMBERS = {
    f'{kind}{size}' for kinds, sizes in (('b', '1'), ('iu', '1248'), ('f', '248')) for kind in kinds for size in sizes
}


def load(content: bytes, *, python2: bool = False) -> Any:
    """The object in a pickle, with arrays in the place of tensors.

    Args:
        content: The pickle.
        python2: Whether Python 2 may have written it, whose text and bytes were one type: they become text of as many
            characters as there were bytes (Latin 1).

    Raises:
        pickle.UnpicklingError: If it is torn, no pickle, or asks for anything but numbers, text and containers.
    """
    try:
        return _read(_Unpickler, content, python2=python2)[0]
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        # The bytes choose what goes wrong: a number too large, a nesting too deep, a key that cannot be one.
        what = f'{type(error).__name__}: {error}'[:200]
        raise pickle.UnpicklingError(f'torn, or no pickle of tensors and plain values ({what})') from error


def _read(kind: type[_Unpickler], content: bytes, start: int = 0, *, python2: bool = False) -> tuple[Any, int]:
    """The object in the pickle that begins at `start`, and the place after it."""
    end = end_of_pickle(content, start)
    file = io.BytesIO(content)
    file.seek(start)
    return kind(file, encoding='latin1' if python2 else 'ASCII').load(), end


def _refuse(what: str) -> NoReturn:
    raise pickle.UnpicklingError(
        f'refused {what}: only tensors, arrays of numbers, text and plain containers are read. Do not load this file '
        'by other means unless you know who wrote it'
    )


class _StandIn:
    """What a file gets for a name: can be called or passed on, and accepts no state."""

    __slots__ = ('_function', '_name')

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._function = name, function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: object) -> None:
        _refuse(f'a state for {self._name}')


class _Array(np.ndarray):
    """An array while it is read: takes only the state of a plain array of numbers."""

    def __setstate__(self, state: Any, /) -> None:
        _version, _shape, dtype, _fortran, raw = state
        if type(raw) is str:  # written by Python 2
            raw = raw.encode('latin1')
        if not isinstance(dtype, _Number) or type(raw) is not bytes:
            _refuse('an array of anything but numbers')
        super().__setstate__((_version, _shape, dtype.dtype, _fortran, raw))


class _Number:
    """A dtype while it is read; the state that numpy writes for it says only the byte order."""

    __slots__ = ('dtype',)

    def __init__(self, code: object) -> None:
        if type(code) is not str or code not in _NUMBERS:
            _refuse(f'numpy.dtype({reprlib.repr(code)})')
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ('<', '|', '=') or any(part is not None for part in state[2:5]):
            _refuse(f'a dtype with the state {reprlib.repr(state)}')


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; the real thing is never looked up."""
        function = _ALLOWED.get((module, name))
        if function is None:
            _refuse(f'the name {module}.{name}')
        return _StandIn(f'{module}.{name}', function)


class _StorageUnpickler(_Unpickler):
    """Reads the pickles inside torch's old format, in which storages are named and follow later."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ('torch', 'torch.storage') and name in STORAGES:
            return name
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        kind, storage, key, _location, count, view = pid
        if kind != 'storage' or view is not None or storage not in STORAGES:
            _refuse(f'a storage {reprlib.repr(pid)}')
        return storage, key, count


def _after_preamble(content: bytes) -> int:
    """Where the object begins in a file of torch's old format, after the three pickles that say what it is."""
    # They are the same in all the thousands of storages of a dump.
    if _sound_preambles and content.startswith(_sound_preambles[0]):
        return len(_sound_preambles[0])
    magic, place = _read(_Unpickler, content)
    protocol, place = _read(_Unpickler, content, place)
    if (magic, protocol) != (_TORCH_MAGIC, _TORCH_PROTOCOL):
        _refuse("a storage that is not in torch's old format")
    system, place = _read(_Unpickler, content, place)
    if type(system) is not dict or not system.get('little_endian', False):
        _refuse('a storage of a machine with another byte order')
    _sound_preambles[:] = [content[:place]]
    return place


def _storage(content: object) -> np.ndarray[Any, Any]:
    """The numbers of a torch storage, (n,), from a file of torch's old format that holds nothing else."""
    if type(content) is not bytes:
        _refuse('a storage that is not bytes')
    named, place = _read(_StorageUnpickler, content, _after_preamble(content))
    keys, place = _read(_Unpickler, content, place)
    if type(named) is not tuple or keys != [named[1]]:
        _refuse('a storage file that holds more than one storage')
    storage, _, count = named
    (written,) = struct.unpack('<q', content[place : place + 8])
    raw = content[place + 8 :]
    dtype = STORAGES[storage]
    if written != count or len(raw) != count * dtype.itemsize:
        _refuse(f'a storage of {len(raw)} bytes that should have {count} numbers')
    numbers = np.frombuffer(raw, dtype)
    if storage == 'BFloat16Storage':
        return (numbers.astype('<u4') << 16).view('<f4')
    return numbers


def _tensor(storage: object, offset: Any, size: object, stride: object, *_rest: object) -> np.ndarray[Any, Any]:
    """A tensor over a storage, as an array of its own; what is not within the storage is refused."""
    if type(size) is not tuple or type(stride) is not tuple:
        _refuse('a tensor without a shape')
    shape, steps = size, stride
    whole = all(type(number) is int and number >= 0 for number in (offset, *shape, *steps))
    if not isinstance(storage, np.ndarray) or not whole or len(shape) != len(steps):
        _refuse('a tensor of an unknown form')
    count = math.prod(shape)
    last = offset + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
    if count and (count > storage.size or last >= storage.size):
        _refuse(f'a tensor of shape {reprlib.repr(shape)} over {storage.size} numbers')
    if not count:
        return np.empty(shape, storage.dtype)
    strides = [step * storage.itemsize for step in steps]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False).copy()


def _encode(text: object, encoding: object) -> bytes:
    """How old pickle protocols write bytes."""
    if type(text) is not str or encoding != 'latin1':
        _refuse(f'_codecs.encode(..., {reprlib.repr(encoding)})')
    return text.encode('latin1')


def _bytes(*args: object) -> bytes:
    if args:
        _refuse('bytes(...) with arguments')
    return b''


def _plain_set(items: object = ()) -> set[Any]:
    if not isinstance(items, list | tuple):
        _refuse('a set of anything but a list')
    return set(items)


def _dict(*args: object) -> dict[Any, Any]:
    if args and args != ([],):
        _refuse('an OrderedDict with arguments')
    return {}


def _passed_on(*_args: object) -> NoReturn:
    _refuse('a call of numpy.ndarray')


def _empty_array(kind: object, _shape: object, _code: object) -> _Array:
    if not isinstance(kind, _StandIn) or kind._function is not _passed_on:
        _refuse(f'an array of class {reprlib.repr(kind)}')
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(dtype: object, raw: object) -> Any:
    if not isinstance(dtype, _Number) or type(raw) is not bytes or len(raw) != dtype.dtype.itemsize:
        _refuse('a numpy scalar that is not a number')
    return np.frombuffer(raw, dtype.dtype)[0]


def _size(numbers: object) -> tuple[Any, ...]:
    if type(numbers) not in (tuple, list):
        _refuse('a torch.Size of anything but a tuple')
    return tuple(numbers)  # type: ignore[arg-type]


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ('collections', 'OrderedDict'): _dict,
    ('_codecs', 'encode'): _encode,
    ('torch._utils', '_rebuild_tensor_v2'): _tensor,
    ('torch.storage', '_load_from_bytes'): _storage,
    ('torch', 'Size'): _size,
    ('numpy', 'ndarray'): _passed_on,
    ('numpy', 'dtype'): lambda code, _align=False, _copy=True: _Number(code),
    **{(module, 'bytes'): _bytes for module in ('builtins', '__builtin__')},
    **{(module, 'set'): _plain_set for module in ('builtins', '__builtin__')},
    **{(f'{core}.multiarray', '_reconstruct'): _empty_array for core in ('numpy.core', 'numpy._core')},
    **{(f'{core}.multiarray', 'scalar'): _scalar for core in ('numpy.core', 'numpy._core')},
}
