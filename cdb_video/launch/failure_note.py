"""What a process of several leaves behind when it fails: a note, of which tools/torchrun.py makes the last line.

torchrun gives each process a file for it. The form is that of torch.distributed.elastic.multiprocessing.errors, with
the time in nanoseconds beside its seconds: those who fail because the first one is gone do so within the same second.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

T = TypeVar('T')
P = ParamSpec('P')


def leaves_note(act: Callable[P, T]) -> Callable[P, T]:
    """Let a function leave a note of what it raises, where torchrun has named a file; the error goes on."""

    @functools.wraps(act)
    def noting(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(*args, **kwargs)
        except Exception as error:
            path = os.environ.get('TORCHELASTIC_ERROR_FILE')
            if path:
                # A disk that is full must not take the place of the error.
                with contextlib.suppress(OSError):
                    Path(path).write_text(json.dumps(_note_of(error)), encoding='utf-8')
            raise

    return noting


def _note_of(error: Exception) -> dict[str, object]:
    now = time.time_ns()
    return {
        'message': {
            'message': f'{type(error).__name__}: {error}',
            'extraInfo': {
                'py_callstack': ''.join(traceback.format_exception(error)),
                'timestamp': str(now // 10**9),
                'nanoseconds': now,
            },
        }
    }
