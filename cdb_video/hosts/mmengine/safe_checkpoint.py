"""What a checkpoint of mmengine may hold beside tensors, told to torch's ``weights_only`` loader.

mmengine saves its logged scalars with the weights: ``HistoryBuffer`` objects, whose state holds
numpy arrays and refers to four of the class's own methods through ``builtins.getattr``. A one-cycle
schedule refers to one of its two annealing functions in the same way. torch >= 2.6 refuses such files
(https://github.com/open-mmlab/mmengine/issues/1655).

Allowing ``numpy.ndarray``, ``numpy.dtype`` and ``getattr`` themselves, as is often advised, gives a
file more than it needs: ``numpy.ndarray((1,), 'O', some_bytes)`` takes bytes for a pointer to an
object, and the state of a dtype can declare its numbers to be pointers. So a small function stands
under each of those names and does only what an honest file asks of it. Where torch must know a
class by its identity, to fill in an object's state, it is filed under a name that no file can
spell.

Arrays of numbers are served, in the byte order of this machine. Arrays of text, objects or records
are refused, as they are by torch.
"""

import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from mmengine.logging import HistoryBuffer

STATISTICS = ('min', 'max', 'mean', 'current')
ONE_CYCLE = 'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler'
ANNEALINGS = ('_annealing_cos', '_annealing_linear')
# numpy keeps one object of each of these dtypes and never lets a state change it.
NUMBERS: dict[object, np.dtype[Any]] = {
    f'{kind}{size}': np.dtype(f'{kind}{size}')  # such as 'f8': the kind and the size in bytes
    for kinds, sizes in (('b', [1]), ('iu', [1, 2, 4, 8]), ('f', [2, 4, 8]), ('c', [8, 16]))
    for kind in kinds
    for size in sizes
}
# torch reads names line by line, so none contains the end of a line.
UNSPEAKABLE = '\n'


def allowed_globals() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """List what to hand to ``torch.serialization.add_safe_globals``.

    Returns:
        Pairs of an object and the dotted name under which a file finds it. numpy 1 and numpy 2
        write different names; both are served, so that a file of one opens with the other.
    """
    history = f'{HistoryBuffer.__module__}.{HistoryBuffer.__qualname__}'
    allowed: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        (_History, history),
        (_one_cycle, ONE_CYCLE),
        (_known_function, 'builtins.getattr'),
        (_no_bytes, 'builtins.bytes'),
        (_array_name, 'numpy.ndarray'),
        (_number_dtype, 'numpy.dtype'),
    ]
    for core in ('numpy.core', 'numpy._core'):
        allowed += [
            (_empty_array, f'{core}.multiarray._reconstruct'),
            (_number, f'{core}.multiarray.scalar'),
        ]
    classes: set[type] = {np.ndarray, *(type(dtype) for dtype in NUMBERS.values())}
    return allowed + [(kind, kind.__name__ + UNSPEAKABLE) for kind in classes]


def _refuse(what: str) -> NoReturn:
    raise pickle.UnpicklingError(
        f'Refused {what} in a checkpoint: beside tensors only the numbers that mmengine logs are '
        'allowed. Do not load this file unless you know who wrote it.'
    )


class _History(HistoryBuffer):
    """A ``HistoryBuffer`` while it is read: turns into a real one when its state is sound."""

    def __init__(self, *args: object) -> None:
        _refuse(f'a call of HistoryBuffer with {args!r}')

    def __setstate__(self, state: object) -> None:
        if type(state) is not dict:
            _refuse(f'a HistoryBuffer with the state {state!r}')
        for name, value in state.items():
            if not _sound_attribute(name, value):
                _refuse(f'a HistoryBuffer with {name!r}: {value!r}')
        super().__setstate__(state)
        self.__class__ = HistoryBuffer


def _sound_attribute(name: object, value: object) -> bool:
    """Tell whether a file may set this attribute: not a method or a protocol of the class."""
    if type(name) is not str or hasattr(HistoryBuffer, name) or name.startswith('__'):
        return False
    if name == 'statistics_methods':
        known = HistoryBuffer._statistics_methods | _statistics()
        return type(value) is dict and all(known.get(k) is v for k, v in value.items())
    return type(value) in (int, float, np.ndarray)


def _statistics() -> dict[str, Any]:
    return {name: HistoryBuffer.__dict__[name] for name in STATISTICS}


def _known_function(owner: object, name: object) -> Any:
    """Stand in for ``getattr``: serve four methods of HistoryBuffer and two functions of the one-cycle schedule."""
    if type(name) is str:
        if owner is _History and name in STATISTICS:
            return _statistics()[name]
        if owner is _one_cycle and name in ANNEALINGS:
            # Imported by who reads such a file, for it takes a second.
            from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

            return getattr(OneCycleParamScheduler, name)
    return _refuse(f'getattr({owner!r}, {name!r})')


def _one_cycle(*args: object) -> NoReturn:
    """Stand in for the one-cycle schedule, of which an honest file names two functions and calls nothing."""
    _refuse(f'OneCycleParamScheduler{args!r}')


def _no_bytes(*args: object) -> bytes:
    """Stand in for ``bytes``, which pickle calls without arguments for an array of length 0."""
    if args:
        _refuse(f'bytes{args!r}')
    return b''


def _array_name(*args: object) -> NoReturn:
    """Stand in for the name ``numpy.ndarray``, which an honest file passes on and never calls."""
    _refuse(f'numpy.ndarray{args!r}')


def _number_dtype(code: object, align: object = False, copy: object = True) -> np.dtype[Any]:
    """Stand in for ``numpy.dtype``.

    Args:
        code: kind and size in bytes, such as 'f8'.
        align: written by numpy, without meaning for a number.
        copy: written by numpy. No copy is made: a copy's state could be changed by the file.
    """
    if type(code) is not str or code not in NUMBERS:
        _refuse(f'numpy.dtype({code!r})')
    return NUMBERS[code]


def _number(dtype: object, value: object = None) -> Any:
    """Stand in for numpy's ``scalar``: bytes of a number to that number."""
    known = next((number for number in NUMBERS.values() if number is dtype), None)
    if known is None or type(value) is not bytes or len(value) != known.itemsize:
        _refuse(f'a numpy scalar of {dtype!r} from {value!r}')
    return np.frombuffer(value, dtype=known)[0]


def _empty_array(kind: object, shape: object, code: object) -> np.ndarray[Any, Any]:
    """Stand in for numpy's ``_reconstruct``: an empty array, which is filled in by its state."""
    if kind is not _array_name:
        _refuse(f'an array of class {kind!r}')
    return np.ndarray((0,), np.int8)
