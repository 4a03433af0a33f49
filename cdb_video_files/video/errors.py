"""What a clip that cannot be read raises, whatever it is stored as."""

from __future__ import annotations

import errno
import os
import re

_OF_WORKER = re.compile(r'[\w.]+Error: (?P<sentence>.+)')
# Not on_error: only a dataset knows whether it may replace the clip.
_REMEDY = 'Mend or replace the file, or take it off the list'


class ClipError(ValueError):
    """A clip cannot be read as it ought to be; the message names the file, the rule that it breaks and a remedy.

    Args:
        path: The file; or the whole message. torch puts the traceback of a loader's worker before that when it passes
            an error on; the sentence on the file says enough, so it is dropped.
        rule: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, path: str | os.PathLike[str], rule: str = '', remedy: str = _REMEDY) -> None:
        self.path, self.rule, self.remedy = os.fspath(path) if rule else _own_sentence(os.fspath(path)), rule, remedy
        super().__init__(self._message())

    def advise(self, remedy: str) -> None:
        """Give another remedy, unless this error has one of its own."""
        if self.remedy == _REMEDY:
            self.remedy = remedy
            self.args = (self._message(),)

    def _message(self) -> str:
        # Without a rule the path is all of it.
        return f'{self.path}: {self.rule}. {self.remedy}' if self.rule else self.path

    def __reduce__(self) -> tuple[type[ClipError], tuple[str, str, str]]:
        """Between processes."""
        return type(self), (self.path, self.rule, self.remedy)


def _own_sentence(message: str) -> str:
    """The last line of what torch says of an error of a worker, without its class; any other message whole."""
    passed_on = message.startswith('Caught ') and _OF_WORKER.match(message.strip().rpartition('\n')[2])
    return passed_on.group('sentence') if passed_on else message


class FrameError(ValueError):
    """Frames cannot be shown as they ask for."""


def first_line(error: Exception) -> str:
    """What an error of another library says, without the pages that follow; or its kind, where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def raise_for_the_file(path: str, error: OSError, kind: str = 'file') -> None:
    """Raise a ClipError if an error of opening or reading a file says something of that file; else do nothing.

    That the process has too many files open, say, is no fault of a clip.
    """
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ClipError(path, f'there is no such {kind}') from error
    if isinstance(error, IsADirectoryError | PermissionError) or error.errno == errno.EIO:
        raise ClipError(path, f'cannot be read ({error.strerror})') from error
