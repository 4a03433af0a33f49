"""Read one clip as training would, and say what is wrong with it. Runs in worker processes: no torch.

Frames are decoded by OpenCV, as RawFrameDecode does, which is silent about much: a JPEG that was cut
off comes out with a grey rest. So its end mark is looked for, and what libjpeg complains of on stderr counts.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from check_video import check_video
from frame_folder import FRAME_NAME, FolderError, Manifest, read_manifest

# No JPEG ends without it.
_END_MARK = b'\xff\xd9'


@dataclass(frozen=True)
class Settings:
    """How to look.

    Attributes:
        full: Whether to read every frame, or samples only.
        samples: Frames per clip to read where not all are, >= 1.
        seed: Which ones.
        decord: Whether to read videos with decord too.
    """

    full: bool = False
    samples: int = 3
    seed: int = 0
    decord: bool = False


@dataclass(frozen=True)
class Job:
    """A line of a list.

    Attributes:
        part: 'train', 'val' or 'test'.
        source: 'frames' or 'videos'.
        name: As in the list.
        path: The folder of frames, or the video.
        frames: How many frames there must be; None = not known.
        slack: How many more or fewer are let pass.
    """

    part: str
    source: str
    name: str
    path: Path
    frames: int | None
    slack: int = 0


@dataclass
class Report:
    """What was seen of a clip.

    Attributes:
        problems: Pairs of kind and detail.
        warnings: Likewise; of what is sound, but may surprise.
        frames_read: Frames that were decoded.
        sha256: Of the video, where known: two clips that share it are the same.
    """

    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    frames_read: int = 0
    sha256: str | None = None


def check_clips(task: tuple[Sequence[Job], Settings]) -> list[Report]:
    """Check several clips, one report each."""
    jobs, settings = task
    cv2.setNumThreads(1)
    return [_check_frames(job, settings) if job.source == 'frames' else _check_video(job, settings) for job in jobs]


def _check_frames(job: Job, settings: Settings) -> Report:
    report = Report()
    if not job.path.is_dir():
        report.problems.append(('missing', 'no folder of frames'))
        return report
    names = {name for name in os.listdir(job.path) if name.startswith('img_')}
    frames = job.frames or 0
    absent = [name for name in map(FRAME_NAME.format, range(1, frames + 1)) if name not in names]
    if len(names) != frames or absent:
        lacks = f', {absent[0]} is missing' if absent else ''
        report.problems.append(('frame count', f'{len(names)} frames on disk, {frames} in the list{lacks}'))
    manifest = _read_manifest(job.path, report)
    if manifest is not None and manifest.frames != frames:
        report.problems.append(('frame count', f'{manifest.frames} frames in the manifest, {frames} in the list'))
    chosen = range(1, frames + 1) if settings.full else sample_numbers(job.name, frames, settings)
    present = [job.path / name for name in map(FRAME_NAME.format, chosen) if name in names]
    size = None if manifest is None else (manifest.width, manifest.height)
    digest = hashlib.sha256()
    with native_stderr() as complaints:
        for path in present:
            size = _check_frame(path, size, complaints, report, digest)
    # Manifests of older versions do not have the hash.
    stated = getattr(manifest, 'sha256', None)
    if settings.full and not absent and not report.problems and stated not in (None, digest.hexdigest()):
        report.problems.append(('damaged', 'the frames are not those that were extracted (SHA-256 of all)'))
    return report


def _read_manifest(folder: Path, report: Report) -> Manifest | None:
    """None where there is none: lists may point at frames that another tool made."""
    try:
        manifest = read_manifest(folder)
    except FolderError as error:
        if (folder / 'manifest.json').exists():
            report.problems.append(('unreadable', str(error)))
        return None
    report.sha256 = manifest.source.sha256
    return manifest


def sample_numbers(name: str, count: int, settings: Settings) -> list[int]:
    """Numbers of frames, from 1: the last one, which a broken copy lacks first, and others drawn by seed and clip."""
    others = min(settings.samples, count) - 1
    drawn = random.Random(f'{settings.seed}/{name}').sample(range(1, count), max(others, 0))
    return sorted([*drawn, count])


def _check_frame(
    path: Path, size: tuple[int, int] | None, complaints: int, report: Report, digest: hashlib._Hash
) -> tuple[int, int] | None:
    """Decode one frame; return the size that the clip's other frames must have."""
    try:
        content = path.read_bytes()
    except OSError as error:
        report.problems.append(('unreadable', f'{path.name}: {error.strerror}'))
        return size
    digest.update(content)
    problem = _why_no_picture(content)
    if problem is not None:
        report.problems.append((problem[0], f'{path.name} {problem[1]}'))
        return size
    before = os.fstat(complaints).st_size
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    report.frames_read += 1
    complaint = ' '.join(os.pread(complaints, 1000, before).decode(errors='replace').split())
    if image is None or complaint:
        report.problems.append(('damaged', f'{path.name}: {complaint or "not a picture"}'))
        return size
    found = (image.shape[1], image.shape[0])
    if size not in (None, found):
        report.problems.append(('frame size', f'{path.name} is {found[0]}x{found[1]}, not {size[0]}x{size[1]}'))
    return size or found


def _why_no_picture(content: bytes) -> tuple[str, str] | None:
    if not content:
        return 'zero-length', 'is empty'
    if not content.startswith(b'\xff\xd8'):
        return 'damaged', 'is not a JPEG file'
    return None if content.rstrip(b'\0').endswith(_END_MARK) else ('truncated', 'is cut off')


@contextmanager
def native_stderr() -> Iterator[int]:
    """Turn file descriptor 2 into a file and yield that one's: libjpeg tells nobody else what it had to guess."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file.fileno()
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _check_video(job: Job, settings: Settings) -> Report:
    report = Report()
    try:
        if not job.path.is_file():
            # Not left to the reader: to open a pipe is to wait for its writer.
            report.problems.append(('missing', 'no such file' if not job.path.exists() else 'not a regular file'))
        elif job.path.stat().st_size == 0:
            report.problems.append(('zero-length', 'the file is empty'))
        else:
            seen = check_video(
                job.path, f'{settings.seed}/{job.name}', settings.full, settings.samples, settings.decord
            )
            report.problems, report.frames_read, report.sha256 = seen.problems, seen.decoded, seen.sha256
            if seen.hidden:
                detail = (
                    f'{seen.hidden} of {seen.hidden + (seen.announced or 0)} frames are hidden, and decord counts them'
                )
                report.warnings.append(('edit list', detail))
            if job.frames is not None and seen.frames is not None and abs(seen.frames - job.frames) > job.slack:
                report.problems.append(('frame count', f'{seen.frames} frames, expected {job.frames}'))
    except OSError as error:
        report.problems.append(('unreadable', str(error)))
    return report
