"""Read a clip's JPEG frames as training would, from a folder or a pack. Runs in worker processes: no torch.

Frames are decoded by OpenCV, as RawFrameDecode does, which is silent about much: a JPEG that was cut
off comes out with a grey rest. So its end mark is looked for, and what libjpeg complains of on stderr counts.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from prep.check.job import Job, Report, Settings
from prep.frames.folder import FRAME_NAME, FolderError, Manifest, read_manifest
from prep.frames.pack import PackFile

# No JPEG ends without it.
_END_MARK = b'\xff\xd9'


def check_jpegs(job: Job, settings: Settings, beat: Callable[[], None]) -> Report:
    """Check the folder or the pack of a clip's frames."""
    report = Report()
    try:
        if job.is_pack:
            _check_pack(job, settings, report, beat)
        elif job.path.is_dir():
            _check_folder(job, settings, report, beat)
        else:
            report.problems.append(('missing', 'no folder of frames, and no pack'))
    except OSError as error:
        report.problems.append(('unreadable', str(error)))
    return report


def _check_folder(job: Job, settings: Settings, report: Report, beat: Callable[[], None]) -> None:
    names = {name for name in os.listdir(job.path) if name.startswith('img_')}
    frames = job.frames or 0
    absent = [name for name in map(FRAME_NAME.format, range(1, frames + 1)) if name not in names]
    if len(names) != frames or absent:
        lacks = f', {absent[0]} is missing' if absent else ''
        report.problems.append(('frame count', f'{len(names)} frames on disk, {frames} in the list{lacks}'))
    manifest = None
    try:
        manifest = read_manifest(job.path)
    except FolderError as error:
        # None is no fault: lists may point at frames that another tool made.
        if (job.path / 'manifest.json').exists():
            report.problems.append(('unreadable', str(error)))

    def read(number: int) -> bytes:
        return (job.path / FRAME_NAME.format(number)).read_bytes()

    present = [number for number in range(1, frames + 1) if FRAME_NAME.format(number) in names]
    _check_frames(job, settings, report, _Frames(manifest, present, read), beat)


def _check_pack(job: Job, settings: Settings, report: Report, beat: Callable[[], None]) -> None:
    if not job.path.is_file():
        # Not left to the reader: to open a pipe is to wait for its writer.
        report.problems.append(('missing', 'no such file' if not job.path.exists() else 'not a regular file'))
        return
    if job.path.stat().st_size == 0:
        report.problems.append(('zero-length', 'the file is empty'))
        return
    try:
        pack = PackFile(job.path)
    except FolderError as error:
        report.problems.append(('truncated' if PackFile.is_cut_off(error) else 'unreadable', str(error)))
        return
    with pack:
        if len(pack) != job.frames:
            report.problems.append(('frame count', f'{len(pack)} frames in the pack, {job.frames} in the list'))
        manifest = None
        try:
            manifest = pack.manifest()
        except FolderError as error:
            report.problems.append(('unreadable', str(error)))
        present = list(range(1, min(len(pack), job.frames or 0) + 1))
        _check_frames(job, settings, report, _Frames(manifest, present, pack.read), beat)


@dataclass(frozen=True)
class _Frames:
    """Of one clip: its manifest, the numbers of those that are there, from 1, and how to read one."""

    manifest: Manifest | None
    present: Sequence[int]
    read: Callable[[int], bytes]


def _check_frames(job: Job, settings: Settings, report: Report, frames: _Frames, beat: Callable[[], None]) -> None:
    count = job.frames or 0
    manifest = frames.manifest
    if manifest is not None:
        report.sha256 = manifest.source.sha256
        report.size = (manifest.width, manifest.height)
        limit = manifest.options.short_side
        report.full_size = limit == 0 or min(report.size) < limit
        if manifest.frames != count:
            report.problems.append(('frame count', f'{manifest.frames} frames in the manifest, {count} in the list'))
    chosen = set(range(1, count + 1) if settings.full else sample_numbers(job.name, count, settings))
    digest = hashlib.sha256()
    with native_stderr() as complaints:
        for number in frames.present:
            if number in chosen:
                beat()
                _check_frame(FRAME_NAME.format(number), partial(frames.read, number), complaints, report, digest)
    # Manifests of older versions do not have the hash.
    stated = None if manifest is None else manifest.sha256
    if settings.full and not report.problems and stated not in (None, digest.hexdigest()):
        report.problems.append(('damaged', 'the frames are not those that were extracted (SHA-256 of all)'))


def sample_numbers(name: str, count: int, settings: Settings) -> list[int]:
    """Numbers of frames, from 1: the last one, which a broken copy lacks first, and others drawn by seed and clip."""
    others = min(settings.samples, count) - 1
    drawn = random.Random(f'{settings.seed}/{name}').sample(range(1, count), max(others, 0))
    return sorted([*drawn, count])


def _check_frame(name: str, read: Callable[[], bytes], complaints: int, report: Report, digest: hashlib._Hash) -> None:
    """Decode one frame; the first one says which size the clip's other frames must have."""
    try:
        content = read()
    except OSError as error:
        report.problems.append(('unreadable', f'{name}: {error.strerror}'))
        return
    except FolderError as error:
        report.problems.append(('damaged', str(error)))
        return
    digest.update(content)
    problem = _why_no_picture(content)
    if problem is not None:
        report.problems.append((problem[0], f'{name} {problem[1]}'))
        return
    before = os.fstat(complaints).st_size
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    report.frames_read += 1
    complaint = ' '.join(os.pread(complaints, 1000, before).decode(errors='replace').split())
    if image is None or complaint:
        report.problems.append(('damaged', f'{name}: {complaint or "not a picture"}'))
        return
    found, size = (image.shape[1], image.shape[0]), report.size
    if size not in (None, found):
        report.problems.append(('frame size', f'{name} is {found[0]}x{found[1]}, not {size[0]}x{size[1]}'))
    report.size = size or found


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
