"""Checkpoints that appear complete or not at all, through a file backend of mmengine.

mmengine writes a checkpoint in place: a job that is killed meanwhile leaves a torn file, under the name that
``last_checkpoint`` names when the best one is saved again. With this backend the file is written under a
temporary name, sees the disk, and is renamed::

    default_hooks = dict(checkpoint=dict(type='CheckpointHook', backend_args=dict(backend='atomic')))
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mmengine.fileio import LocalBackend

from cdb_video_files.atomic import write_atomically


class AtomicLocalBackend(LocalBackend):
    """mmengine's LocalBackend, but a written file is the old one or the new one, whatever happens."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write `obj` to `filepath`, making its folder if there is none.

        Raises:
            OSError: If writing fails; a file that was there is then unchanged.
        """
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_atomically(path, obj)
        except OSError:
            # A disk that is full gets the space of the half-written file back.
            path.with_name(f'{path.name}.tmp').unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text; see `put`."""
        self.put(obj.encode(encoding), filepath)


def _sync_folder(folder: Path) -> None:
    """See the new name reach the disk, where folders can be opened (POSIX)."""
    if os.name != 'posix':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse this for folders; the file itself has reached the disk by now.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
