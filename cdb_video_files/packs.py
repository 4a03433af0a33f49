"""Packs: all frames of a clip in one file. The only file that knows the format; standard library alone.

A folder of JPEG files costs an inode and a file name for every frame. A pack holds the same JPEG
files one after the other, with an index in front, so that any frame is one read. Little endian:

    bytes               what
    8                   magic, 93 'cdbpack': the first byte is no text, so a transfer as text shows
    4                   version, 1
    4                   count, number of frames
    4                   length of the metadata
    4                   CRC-32 of all that lies before the first frame, this field left out
    8 * (count + 1)     offsets from the start of the file; the last one is the length of the file
    4 * count           CRC-32 of every frame
    (length)            metadata: one JSON object in UTF-8
    (rest)              the frames

    with PackReader('a.pack') as pack:
        jpegs = [pack.read(index) for index in (0, 2, 4)]

A truncated pack, or one whose index is damaged, is refused when it is opened; a damaged frame when
it is read. Frames count from 0 here; frame 0 is img_00001.jpg of a folder.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

PACK_SUFFIX = '.pack'
MAGIC = b'\x93cdbpack'
VERSION = 1
_HEAD = struct.Struct('<8sIIII')
_CRC_AT = _HEAD.size - 4
# Frames wait for the index to be complete in memory up to this many bytes, beyond it on disk.
_SPOOL_BYTES = 64 * 2**20


class PackError(ValueError):
    """A file is no pack, or a damaged one; the message names the file and the rule."""


class TruncatedPackError(PackError):
    """A pack that lacks its end, as after a broken transfer."""


class PackWriter:
    """Collects frames and writes them as a pack.

    The file is written by `finish` and not before; give it a temporary name and rename it, if others
    may look for it meanwhile.

    Args:
        path: Where the pack is written; an existing file is replaced.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        # In the pack's own folder: the disk that has room for the pack. `close` closes it.
        self._frames = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=str(self._path.parent))  # noqa: SIM115
        self._lengths: list[int] = []
        self._checksums: list[int] = []

    def add(self, frame: bytes) -> None:
        """Append a frame, commonly a JPEG file."""
        self._frames.write(frame)
        self._lengths.append(len(frame))
        self._checksums.append(zlib.crc32(frame))

    def finish(self, metadata: Mapping[str, Any]) -> int:
        """Write the file; return its length in bytes.

        Args:
            metadata: What is to be known about the frames; must be JSON.

        Raises:
            ValueError: If no frame was added.
            OSError: If the file cannot be written.
        """
        if not self._lengths:
            raise ValueError(f'{self._path}: a pack holds at least one frame. Add frames before finish()')
        text = json.dumps(metadata, separators=(',', ':')).encode()
        index = self._index(len(text)) + text
        head = _HEAD.pack(MAGIC, VERSION, len(self._lengths), len(text), 0)
        checksum = zlib.crc32(index, zlib.crc32(head[:_CRC_AT]))
        self._frames.seek(0)
        with self._path.open('wb') as file:
            file.write(head[:_CRC_AT] + struct.pack('<I', checksum) + index)
            shutil.copyfileobj(self._frames, file, 2**20)
            length = file.tell()
        self.close()
        return length

    def close(self) -> None:
        """Drop what was collected; after `finish` there is nothing left to drop."""
        self._frames.close()

    def _index(self, metadata_length: int) -> bytes:
        count = len(self._lengths)
        offset = _HEAD.size + 8 * (count + 1) + 4 * count + metadata_length
        offsets = [offset]
        for length in self._lengths:
            offset += length
            offsets.append(offset)
        return struct.pack(f'<{count + 1}Q{count}I', *offsets, *self._checksums)


class PackReader:
    """Reads single frames of a pack, in any order.

    Args:
        path: The pack.

    Attributes:
        metadata: What `PackWriter.finish` was given.

    Raises:
        PackError: If the file is not a whole pack.
        OSError: If it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file = self._path.open('rb')
        try:
            self._read_index()
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        """Number of frames, >= 1."""
        return len(self._checksums)

    def read(self, index: int) -> bytes:
        """Frame `index`, from 0.

        Raises:
            IndexError: If there is no such frame; negative indices are none.
            PackError: If the frame's bytes are not those that were written.
        """
        if not 0 <= index < len(self):
            raise IndexError(f'{self._path}: frame {index} is not in 0..{len(self) - 1}')
        start, end = self._offsets[index : index + 2]
        self._file.seek(start)
        frame = self._file.read(end - start)
        if zlib.crc32(frame) != self._checksums[index]:
            raise PackError(f'{self._path}: frame {index} is damaged (wrong checksum). Make the pack anew')
        return frame

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> PackReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_index(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size and len(head) > 0 and MAGIC.startswith(head[: len(MAGIC)]):
            raise TruncatedPackError(f'{self._path} is cut off: {size} bytes do not even hold its head. Make it anew')
        if len(head) < _HEAD.size or not head.startswith(MAGIC):
            raise PackError(f'{self._path} is not a pack: it does not begin with {MAGIC!r}')
        _, version, count, metadata_length, checksum = _HEAD.unpack(head)
        if version != VERSION:
            raise PackError(f'{self._path} is a pack of version {version}, this reads {VERSION}. Make it anew')
        length = 8 * (count + 1) + 4 * count + metadata_length
        # Looked at before it is read: a damaged count may ask for gigabytes.
        if _HEAD.size + length > size:
            raise TruncatedPackError(f'{self._path} is cut off: {size} bytes do not even hold its index. Make it anew')
        index = self._file.read(length)
        if zlib.crc32(index, zlib.crc32(head[:_CRC_AT])) != checksum:
            raise PackError(f'{self._path}: the index is damaged (wrong checksum). Make the pack anew')
        numbers = struct.unpack_from(f'<{count + 1}Q{count}I', index)
        self._offsets, self._checksums = numbers[: count + 1], numbers[count + 1 :]
        if self._offsets[-1] != size:
            kind = TruncatedPackError if size < self._offsets[-1] else PackError
            raise kind(f'{self._path} has {size} bytes, its index says {self._offsets[-1]}. Make it anew')
        self.metadata: dict[str, Any] = json.loads(index[length - metadata_length :])
