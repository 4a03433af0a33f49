"""Arguments of mmaction2's readers, which ours take in their place: what they mean here, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LOCAL = ('disk', 'local')


def check_local(name: str, io_backend: str, backend_args: Mapping[str, Any] | None) -> None:
    """Refuse storage that is not a local disk.

    Args:
        name: Of the transform.
        io_backend: As mmaction2's readers take it.
        backend_args: As mmengine's functions for files take it; None = local files.

    Raises:
        ValueError: If it names other storage.
    """
    backend = dict(backend_args or {}).get('backend', 'local')
    for key, value in (('io_backend', io_backend), ("backend_args['backend']", backend)):
        if value not in _LOCAL:
            remedy = "Copy the clips to a disk, or read them with mmaction2's DecordInit and DecordDecode"
            raise ValueError(f"{key}={value!r}: {name} reads local files only ('disk' or 'local'). {remedy}")
    left = sorted(set(backend_args or {}) - {'backend'})
    if left:
        raise ValueError(f'backend_args: {name} knows no {", ".join(left)} of local files. Leave them out')


def check_threads(num_threads: int) -> None:
    """Refuse what is no number of threads. Any number will do: a reader decodes in one, and workers side by side.

    Raises:
        ValueError: If it is no whole number, or below 0.
    """
    if not isinstance(num_threads, int) or num_threads < 0:
        raise ValueError(f'num_threads={num_threads!r}: must be a whole number of at least 0')


def check_mode(name: str, mode: str) -> None:
    """Refuse to show other frames than those asked for.

    Raises:
        ValueError: If `mode` is not 'accurate'.
    """
    if mode == 'accurate':
        return
    if mode == 'efficient':
        why = 'would show the key frames before those that are asked for'
        raise ValueError(f"mode='efficient' {why}; {name} skips what nobody asked for without that. Leave mode out")
    raise ValueError(f"mode={mode!r}: must be 'accurate'")


def check_decoding_backend(decoding_backend: str) -> None:
    """Refuse other decoders of JPEG than OpenCV's.

    Raises:
        ValueError: If `decoding_backend` is not 'cv2'.
    """
    if decoding_backend != 'cv2':
        raise ValueError(f"decoding_backend={decoding_backend!r}: PackDecode decodes with OpenCV ('cv2'). Leave it out")
