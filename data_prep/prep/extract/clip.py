"""One clip -> its frames on disk, or the check of what is there. Runs in worker processes."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2

from prep.decode.errors import VideoError
from prep.frames.clip_frames import ClipFrames
from prep.frames.layouts import LAYOUTS, ClipWriter
from prep.frames.manifest import FolderError, Manifest, Options, Source

# No other clip will fare better.
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Task:
    """One clip to extract.

    Attributes:
        source: The video file.
        target: What its frames go to.
        layout: A key of LAYOUTS: in which form.
    """

    source: Path
    target: Path
    layout: str = 'frames'


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        task: Which one.
        frames: Number of frames written.
        decoded: Number of frames decoded.
        bytes: Bytes written.
        missing_tail: Frames that the header announces and that do not exist.
        is_bounded: Whether the file announces a number of frames or a duration; else a cut cannot be seen.
        damage: What is wrong with the video file, or with what was to be verified.
        unwritten: Why the frames could not be written.
        fatal: Whether no other clip could be written either.
    """

    task: Task
    frames: int = 0
    decoded: int = 0
    bytes: int = 0
    missing_tail: int = 0
    is_bounded: bool = True
    damage: str | None = None
    unwritten: str | None = None
    fatal: bool = False


def extract_clip(task: Task, options: Options, beat: Callable[[], None] = lambda: None) -> Outcome:
    """Decode the frames of a clip and write them; they appear by rename when they are complete.

    What lies there already is replaced: the caller has decided that it may be.

    Args:
        task: Which clip.
        options: How.
        beat: Called for every frame, as a sign of life.
    """
    _prepare_process()
    try:
        source = _identify(task.source)
        writer = LAYOUTS[task.layout].writer(task.target, options)
        try:
            return _write(task, options, source, writer, beat)
        finally:
            writer.discard()
    except OSError as error:
        # Reading has its own VideoError, so this is about writing; PyAV's muxer raises OSErrors too.
        return Outcome(task, unwritten=_words(error), fatal=error.errno in _FATAL)
    except (ValueError, av.error.FFmpegError, cv2.error) as error:
        return Outcome(task, damage=str(error))


def verify_clip(task: Task, beat: Callable[[], None] = lambda: None) -> Outcome:
    """Read all of what is there for a clip, and its source if that is there, against the manifest."""
    _prepare_process()
    layout = LAYOUTS[task.layout]
    try:
        manifest = layout.read_manifest(task.target)
        damage = layout.verify(task.target, manifest)
        beat()
        if damage is None and task.source.is_file() and not manifest.source.is_same_file(task.source, read=True):
            damage = f'{task.source} is another file than the one it was made from'
    except (OSError, FolderError) as error:
        return Outcome(task, damage=str(error))
    return Outcome(task, frames=manifest.frames, damage=damage)


def _prepare_process() -> None:
    # One process uses one core, and the decoders are silent: what they say is said by clip and rule.
    cv2.setNumThreads(1)
    av.logging.set_level(None)


def _identify(source: Path) -> Source:
    try:
        identity = Source.of(source)
    except OSError as error:
        raise VideoError(f'the file cannot be read ({error.strerror})') from error
    if identity.size == 0:
        raise VideoError('the file is empty (0 bytes)')
    return identity


def _write(task: Task, options: Options, source: Source, writer: ClipWriter, beat: Callable[[], None]) -> Outcome:
    frames = ClipFrames(task.source, options)
    count = 0
    for frame in frames:
        writer.rate = frames.rate
        writer.add(frame)
        count += 1
        beat()
    width, height = writer.size
    writer.finish(
        Manifest(count, frames.announced, width, height, options, source, decoded=frames.decoded, sha256=writer.sha256)
    )
    tail = max(0, (frames.announced or 0) - frames.decoded)
    return Outcome(task, count, frames.decoded, _size_of(task.target), tail, frames.is_bounded)


def _size_of(target: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    if target.is_dir():
        return sum(path.stat().st_size for path in target.iterdir())
    return target.stat().st_size


def _words(error: OSError) -> str:
    return f'{error.strerror or error}' + (f' ({error.filename})' if error.filename else '')
