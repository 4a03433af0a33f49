"""Read clips as training would, and say what is wrong with each. Runs in worker processes: no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from prep.check.job import Job, Report, Settings
from prep.check.jpegs import check_jpegs
from prep.check.video import check_video


def check_clips(task: tuple[Sequence[Job], Settings], beat: Callable[[], None] = lambda: None) -> list[Report]:
    """Check several clips, one report each.

    Args:
        task: The clips, and how to look.
        beat: Called again and again, as a sign of life.
    """
    jobs, settings = task
    cv2.setNumThreads(1)
    return [
        check_jpegs(job, settings, beat) if job.source == 'frames' else _check_video(job, settings, beat)
        for job in jobs
    ]


def sha256_of_video(path: Path, beat: Callable[[], None] = lambda: None) -> str | None:
    """Hash a file; None = it cannot be read, which its check says. Runs in worker processes too."""
    beat()
    try:
        with path.open('rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except OSError:
        return None


def _check_video(job: Job, settings: Settings, beat: Callable[[], None]) -> Report:
    report = Report()
    try:
        if not job.path.is_file():
            # Not left to the reader: to open a pipe is to wait for its writer.
            report.problems.append(('missing', 'no such file' if not job.path.exists() else 'not a regular file'))
        elif job.path.stat().st_size == 0:
            report.problems.append(('zero-length', 'the file is empty'))
        else:
            _read_video(job, settings, report, beat)
    except OSError as error:
        report.problems.append(('unreadable', str(error)))
    return report


def _read_video(job: Job, settings: Settings, report: Report, beat: Callable[[], None]) -> None:
    seen = check_video(job.path, f'{settings.seed}/{job.name}', settings.full, settings.samples, settings.decord, beat)
    report.problems, report.frames_read, report.sha256 = seen.problems, seen.decoded, seen.sha256
    report.size, report.is_bounded = seen.size, seen.is_bounded
    if seen.hidden:
        detail = f'{seen.hidden} of {seen.hidden + (seen.announced or 0)} frames are hidden, and decord counts them'
        report.warnings.append(('edit list', detail))
    if job.frames is not None and seen.frames is not None and abs(seen.frames - job.frames) > job.slack:
        report.problems.append(('frame count', f'{seen.frames} frames, expected {job.frames}'))
