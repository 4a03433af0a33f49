"""A clip's frames in one file: packs/<session>/<clip>.pack, with the manifest in its metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from cdb_video_files.packs import PackReader, PackWriter, TruncatedPackError
from prep.folders import partial_name
from prep.frames.manifest import CutOffError, FolderError, Manifest, manifest_from_json, manifest_to_json

SUFFIX = '.pack'


class PackFileWriter:
    """Collects the frames of a clip; the pack appears by rename when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(partial_name(path.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._pack = PackWriter(self._partial)
        self._digest = hashlib.sha256()

    def add(self, jpeg: bytes) -> None:
        """Take the next frame."""
        self._pack.add(jpeg)
        self._digest.update(jpeg)

    @property
    def sha256(self) -> str:
        """Of the frames so far, one after the other."""
        return self._digest.hexdigest()

    def finish(self, manifest: Manifest) -> None:
        """Let the pack appear, in place of an earlier one if any."""
        self._pack.finish(manifest_to_json(manifest))
        self._partial.replace(self._path)

    def discard(self) -> None:
        """Remove what is not finished."""
        self._pack.close()
        self._partial.unlink(missing_ok=True)


class PackFile:
    """A pack that is open for reading, with its frames counted from 1, as the files of a folder are.

    Raises:
        CutOffError: If it is a pack without its end, or empty.
        FolderError: If it is something else.
        OSError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._pack = PackReader(path)
        except ValueError as error:
            cut = isinstance(error, TruncatedPackError) or path.stat().st_size == 0
            raise (CutOffError if cut else FolderError)(str(error)) from error

    @staticmethod
    def is_cut_off(error: FolderError) -> bool:
        """Whether a pack was refused for want of its end."""
        return isinstance(error.__cause__, TruncatedPackError)

    def __len__(self) -> int:
        """Number of frames, >= 1."""
        return len(self._pack)

    def read(self, number: int) -> bytes:
        """A frame, 1 the first.

        Raises:
            FolderError: If it is damaged.
        """
        try:
            frame: bytes = self._pack.read(number - 1)
        except ValueError as error:
            raise FolderError(str(error)) from error
        return frame

    def manifest(self) -> Manifest | None:
        """The manifest; None where another program made the pack, and wrote nothing into it.

        Raises:
            FolderError: If it says something else than the pack holds, or is none of ours.
        """
        if not self._pack.metadata:
            return None
        try:
            manifest = manifest_from_json(self._pack.metadata)
            if manifest.frames != len(self):
                raise ValueError(f'{len(self)} frames, its manifest says {manifest.frames}')
            return manifest
        except (ValueError, TypeError, KeyError) as error:
            raise FolderError(f'{self._path} is not a pack of extract_frames: {error}') from error

    def __enter__(self) -> PackFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._pack.close()


def read_pack_manifest(path: Path) -> Manifest:
    """Read the manifest of a pack, and see that the pack is not cut off.

    Raises:
        FolderError: If it is not a whole pack with a manifest of ours.
    """
    with PackFile(path) as pack:
        manifest = pack.manifest()
        if manifest is None:
            raise FolderError(f'{path} is not a pack of extract_frames: it holds no manifest')
        return manifest


def read_pack(path: Path, manifest: Manifest) -> Iterator[bytes]:
    """The frames of a pack, first to last.

    Raises:
        FolderError: If one is damaged.
    """
    with PackFile(path) as pack:
        yield from (pack.read(number) for number in range(1, manifest.frames + 1))
