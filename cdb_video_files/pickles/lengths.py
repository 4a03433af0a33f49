"""Sees that the lengths in a pickle fit the file, before anything is allocated for them.

The reader of Python believes the numbers it finds: for a text of 2**60 bytes, or for the 2**32nd entry of its memo, it
asks for the memory at once, and the process may be killed before an error can be raised. Nothing is read here but the
lengths.
"""

from __future__ import annotations

import pickle
import pickletools

# Bytes of argument of each code; below 0 for a length that the file says itself, in so many bytes.
_SIZES: list[int | None] = [None] * 256
_PREFIXES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_LINES = {ord(code): number for code, number in (('c', 2), ('i', 2))}
for _opcode in pickletools.opcodes:
    _code, _taken = ord(_opcode.code), _opcode.arg.n if _opcode.arg else 0
    if _taken == pickletools.UP_TO_NEWLINE:
        _LINES.setdefault(_code, 1)
    else:
        _SIZES[_code] = -_PREFIXES[_taken] if _taken in _PREFIXES else _taken
_STOP = pickle.STOP[0]
_MEMOIZE, _PUT = pickle.MEMOIZE[0], pickle.PUT[0]
_BINARY_PUTS = (pickle.BINPUT[0], pickle.LONG_BINPUT[0])


def end_of_pickle(content: bytes, start: int = 0) -> int:
    """Where the pickle that begins at `start` ends.

    Args:
        content: One or more pickles, one after the other.
        start: Where to begin.

    Returns:
        The place after its last code.

    Raises:
        pickle.UnpicklingError: If it is torn, has an unknown code, or says a length that the file does not have.
    """
    place, stored, size, whole = start, 0, 0, len(content)
    while place < whole:
        code = content[place]
        place += 1
        taken = _SIZES[code]
        if taken is None:
            begin = place
            place = _after_lines(content, place, code)
            if code == _PUT:
                stored = _checked_memo(int(content[begin:place]), stored)
            continue
        if taken < 0:
            size = int.from_bytes(content[place : place - taken], 'little')
            place += size - taken
            continue
        if code in _BINARY_PUTS:
            stored = _checked_memo(int.from_bytes(content[place : place + taken], 'little'), stored)
        elif code == _MEMOIZE:
            stored += 1
        elif code == _STOP:
            return place
        place += taken
    raise pickle.UnpicklingError(f'torn: its parts need {place - start} bytes, it has {whole - start}')


def _after_lines(content: bytes, place: int, code: int) -> int:
    """The place after an argument that is one or two lines of text."""
    for _ in range(_LINES.get(code, 0)):
        place = content.find(b'\n', place) + 1
        if not place:
            raise pickle.UnpicklingError('torn within a line of text')
    if code not in _LINES:
        raise pickle.UnpicklingError(f'no pickle: it has the code {code:#04x}')
    return place


def _checked_memo(number: int, stored: int) -> int:
    """How many entries the memo has with this one. The reader makes room for all entries up to `number`."""
    if not 0 <= number <= stored:
        raise pickle.UnpicklingError(f'no sound pickle: it stores entry {number} after {stored} entries')
    return stored + 1
