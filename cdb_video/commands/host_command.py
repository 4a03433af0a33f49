"""A command of a host in this process, or one that starts trainings: what is said last if it fails, exit statuses."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

from cdb_video.launch.commands import end_process
from cdb_video_files.commands.folder_lock import LockedError
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c
from cdb_video_files.configs.shipped import PACKAGE
from cdb_video_files.video.errors import ClipError

_OURS = (PACKAGE, f'{PACKAGE}_files')
_INTERRUPTED = 130  # as the shell has it for a program that Ctrl-C ends
_HOSTS = ('mmengine', 'mmaction', 'mmpretrain', 'mmdet', 'mmcv')


def run_host_command(name: str, work: Callable[[], None], argv: Sequence[str] | None) -> int:
    """Run a command of the host, which takes its words from `sys.argv`.

    A failure ends with its own sentence, as 'train: ValueError: ...', behind what Python prints of it. What this
    package refuses needs no more than the sentence.

    Args:
        name: Of the command, for messages.
        work: Does it.
        argv: The words behind the name; None = those of this process.

    Returns:
        The exit status: 0; 2 if something was refused; 1 if something else failed. One of several processes that has
        done its work ends in here.
    """
    outer = sys.argv
    if argv is not None:
        sys.argv = [outer[0], *argv]
    try:
        work()
    except Exception as error:
        return say_failure(name, error)
    finally:
        sys.argv = outer
    end_process()
    return 0


def run_trainings(name: str, work: Callable[[], int]) -> int:
    """Run a command that starts trainings in processes of their own, and goes on where it was stopped.

    Args:
        name: Of the command, for messages.
        work: Does it; returns the exit status.

    Returns:
        That status; 130 if it was stopped; 2 if its folder is in use, or something cannot be read or written; else as
        `say_failure` has it.
    """
    try:
        with sigterm_as_ctrl_c():
            return work()
    except KeyboardInterrupt:
        print(f'\n{name}: stopped; the same command goes on from here', file=sys.stderr)
        return _INTERRUPTED
    except LockedError as error:
        print(f'{name}: {error}; trainings that a killed {name} has left behind are runs too', file=sys.stderr)
        return 2
    except OSError as error:
        print(f'{name}: {error}', file=sys.stderr)
        return 2
    except Exception as error:
        return say_failure(name, error)


def say_failure(name: str, error: Exception) -> int:
    """Print what went wrong, the sentence last.

    Returns:
        The exit status: 2 if this package refused something, or a sample cannot be read, else 1.
    """
    # What a worker of a loader met is raised anew by torch.
    if isinstance(error, ClipError) or any(_was_raised_by(_OURS, link) for link in _chain(error)):
        print(f'{name}: {_sentence(error)}', file=sys.stderr)
        return 2
    traceback.print_exception(error)
    print(f'\n{name}: {type(error).__name__}: {_sentence(error)}', file=sys.stderr)
    return 1


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it is said to come of.

    Hosts wrap an error of what they build in one of their own, without `from`. Whoever else fails while an error is
    handled has a fault of his own.
    """
    link: BaseException | None = error
    while link is not None:
        yield link
        is_wrapper = not link.__suppress_context__ and _was_raised_by(_HOSTS, link)
        link = link.__cause__ or (link.__context__ if is_wrapper else None)


def _was_raised_by(packages: Sequence[str], error: BaseException) -> bool:
    """Whether a line of these packages raised the error on purpose, and not something that the line called."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return False
    frame, line = frames[-1]
    if str(frame.f_globals.get('__name__')).partition('.')[0] not in packages:
        return False
    return linecache.getline(frame.f_code.co_filename, line, frame.f_globals).lstrip().startswith('raise ')


def _sentence(error: Exception) -> str:
    """The message; of a KeyError without the quotes that Python puts around it."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.strip() or 'it says no more; what Python prints of it is above'
