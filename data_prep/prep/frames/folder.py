"""A clip's folder of frames and the small manifest in it: write, read, check.

    frames/<session>/<clip>/img_00001.jpg ... manifest.json

The only file that knows this layout. A folder bears its final name only when it is complete; the
manifest then says how many frames it holds, from which file and with which options they were made.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prep.folders import partial_name
from prep.frames.data_root import SYSTEM_FILES
from prep.frames.manifest import FolderError, Manifest, Options, Source, manifest_from_json, manifest_to_json

__all__ = [
    'FRAME_NAME',
    'MANIFEST_NAME',
    'FolderError',
    'FolderWriter',
    'Manifest',
    'Options',
    'Source',
    'check_frames',
    'check_names',
    'foreign_names',
    'put_in_place',
    'read_frames',
    'read_manifest',
    'write_manifest',
]

FRAME_NAME = 'img_{:05d}.jpg'
MANIFEST_NAME = 'manifest.json'


class FolderWriter:
    """Collects the frames of a clip in a hidden folder that takes its final name when it is complete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial = folder.with_name(partial_name(folder.name))
        self._partial.mkdir(parents=True)
        self._count = self._bytes = 0
        self._digest = hashlib.sha256()

    def add(self, jpeg: bytes) -> None:
        """Write the next frame."""
        self._count += 1
        _write_file(f'{self._partial}/{FRAME_NAME.format(self._count)}', jpeg)
        self._bytes += len(jpeg)
        self._digest.update(jpeg)

    @property
    def sha256(self) -> str:
        """Of the frames so far, one after the other."""
        return self._digest.hexdigest()

    def finish(self, manifest: Manifest) -> None:
        """Let the folder appear, in place of an earlier one if any."""
        write_manifest(self._partial, replace(manifest, bytes=self._bytes))
        put_in_place(self._partial, self._folder)

    def discard(self) -> None:
        """Remove what is not finished."""
        shutil.rmtree(self._partial, ignore_errors=True)


def _write_file(path: str, content: bytes) -> None:
    """As Path.write_bytes, in a third less time; there are a million frames to write."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, 'O_BINARY', 0), 0o666)
    try:
        left = memoryview(content)
        # A disk that is nearly full takes a part, and says why not more when asked for the rest.
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder that does not bear its final name yet."""
    text = json.dumps(manifest_to_json(manifest), indent=1)
    (folder / MANIFEST_NAME).write_text(text + '\n', encoding='utf-8')


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished folder.

    Raises:
        FolderError: If the folder holds no manifest of ours.
    """
    path = folder / MANIFEST_NAME
    try:
        return manifest_from_json(json.loads(path.read_text(encoding='utf-8')))
    except FileNotFoundError:
        raise FolderError(f'{folder} holds no {MANIFEST_NAME}: extract_frames did not make it') from None
    except (ValueError, TypeError, KeyError) as error:
        raise FolderError(f'{path} is not a manifest of extract_frames: {error!r}') from error


def check_frames(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong with the frames on disk, by their names and sizes; None if they are as the manifest says."""
    if (why := check_names(folder, manifest)) is not None or manifest.bytes is None:
        return why
    with os.scandir(folder) as entries:
        size = sum(entry.stat().st_size for entry in entries if entry.name.startswith('img_'))
    return None if size == manifest.bytes else f'its frames hold {size} bytes, {manifest.bytes} were written'


def check_names(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong with the names of the frames on disk; None if there are as many as the manifest says."""
    present = sum(name.startswith('img_') for name in os.listdir(folder))
    if present != manifest.frames:
        return f'holds {present} of {manifest.frames} frames'
    # Names are numbered without a gap, so the right number and the last name mean all of them.
    last = FRAME_NAME.format(manifest.frames)
    if not (folder / last).is_file():
        return f'lacks {last}'
    return None


def read_frames(folder: Path, manifest: Manifest) -> Iterator[bytes]:
    """The frames as they lie on disk, first to last."""
    for number in range(1, manifest.frames + 1):
        yield (folder / FRAME_NAME.format(number)).read_bytes()


def put_in_place(partial: Path, folder: Path) -> None:
    """Let a complete folder appear under its final name, in place of an earlier one if any."""
    old = folder.with_name(f'.{folder.name}.old')
    if old.exists():  # left by a run that was killed between the two renames below
        shutil.rmtree(old)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    if old.exists():
        shutil.rmtree(old)


def foreign_names(folder: Path) -> list[str]:
    """Names in the folder that neither extract_frames nor a file browser wrote."""
    names = os.listdir(folder)
    ours = (MANIFEST_NAME, *SYSTEM_FILES)
    return sorted(name for name in names if name not in ours and not _is_frame_name(name))


def _is_frame_name(name: str) -> bool:
    digits = name.removeprefix('img_').removesuffix('.jpg')
    return digits.isdecimal() and name == FRAME_NAME.format(int(digits))
