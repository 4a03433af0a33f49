"""CPU time of cut_clips and check_dataset, per core: the numbers of docs/data/cost.md.

    PYTHONPATH=data_prep python benchmarks/extraction/data_checks.py VIDEO

From any VIDEO it makes a recording of one minute (1280x960, H.264 at 5 Mb/s, the video forwards and
backwards), cuts six clips from it, as many as a minute of EGTEA has, and reads 40 folders of frames of 340x256
(JPEG, quality 90; lengths in EGTEA's proportions) and those six clips, by sample and in full. Deterministic;
files are warm. Prints one line per step.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from prep.check.clip import Job, Settings, check_clips
from prep.check.video import check_video
from prep.cut.plan import plan_cuts
from prep.cut.raw_annotations import padded_frames
from prep.cut.session import cut_recording
from prep.cut.writer import CutOptions

from cdb_video_files.clip_names import ClipName

SESSION = 'P05-R01-PastaSalad'
TIMES_MS = [(1000, 2700), (8000, 9500), (12000, 18000), (24000, 26000), (33000, 41000), (50000, 52000)]
_Result = TypeVar('_Result')
LENGTHS = [56] * 12 + [20] * 6 + [101] * 8 + [150] * 4 + [342] * 2 + [35] * 8


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('video', type=Path, help='any video of a second or more')
    video = parser.parse_args(argv).video
    cv2.setNumThreads(1)
    with av.open(str(video)) as container:
        images = [frame.to_ndarray(format='bgr24') for frame in islice(container.decode(video=0), 300)]
    with tempfile.TemporaryDirectory() as name:
        _measure_cut(Path(name), images)
        _measure_frames(Path(name), images)
        _measure_videos(Path(name))
    return 0


def _measure_cut(root: Path, images: Sequence[np.ndarray]) -> None:
    video = root / f'{SESSION}.mp4'
    _write_recording(video, images, 60 * 24)
    clips = [ClipName('P05', 'R01', 'PastaSalad', *times, *padded_frames(*times)) for times in TIMES_MS]
    (piece,), _ = plan_cuts(root / 'clips', clips, {SESSION: video}, CutOptions())
    seconds, outcome = _timed(lambda: cut_recording(piece))
    size = sum(path.stat().st_size for path in (root / 'clips').rglob('*.mp4'))
    frames = sum(outcome.made.values())
    print(f'cut_clips: {seconds:.1f} s a minute of recording, {frames} frames of {size / frames:.0f} bytes')


def _write_recording(path: Path, images: Sequence[np.ndarray], frames: int) -> None:
    large = [cv2.resize(image, (1280, 960), interpolation=cv2.INTER_CUBIC) for image in images]
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=24, options={'preset': 'superfast'})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1280, 960, 'yuv420p', 5_000_000
        for image in islice(_to_and_fro(large), frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='bgr24')))
        container.mux(stream.encode())


def _to_and_fro(images: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    return cycle(chain(images, images[-2:0:-1]))


def _measure_frames(root: Path, images: Sequence[np.ndarray]) -> None:
    small = [cv2.resize(image, (340, 256), interpolation=cv2.INTER_AREA) for image in images]
    jpegs = [cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for image in small]
    jobs = []
    for number, length in enumerate(LENGTHS):
        folder = root / f'frames/{number}'
        folder.mkdir(parents=True)
        for index in range(length):
            (folder / f'img_{index + 1:05}.jpg').write_bytes(jpegs[index % len(jpegs)])
        jobs.append(Job('train', 'frames', str(number), folder, length))
    for full in (False, True):
        seconds, reports = _timed(lambda full=full: check_clips((jobs, Settings(full=full))))
        read = sum(report.frames_read for report in reports)
        print(f'frames, full={full}: {len(jobs) / seconds:.0f} clips/s, {read / seconds:.0f} frames/s')


def _measure_videos(root: Path) -> None:
    videos = sorted((root / 'clips').rglob('*.mp4'))
    for full in (False, True):
        seconds, seen = _timed(lambda full=full: [check_video(path, '0', full, 3, False) for path in videos])
        decoded = sum(one.decoded for one in seen)
        print(f'videos, full={full}: {len(videos) / seconds:.0f} clips/s, {decoded / seconds:.0f} frames/s')


def _timed(function: Callable[[], _Result]) -> tuple[float, _Result]:
    function()  # warms files and libraries
    started = time.process_time()
    result = function()
    return time.process_time() - started, result


if __name__ == '__main__':
    sys.exit(main())
