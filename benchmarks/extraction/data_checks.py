"""Processor time of cut_clips and check_dataset, per core: the numbers of docs/data/cost.md.

    python -m benchmarks.extraction.data_checks VIDEO

From any VIDEO it makes a recording of one minute (1280x960, H.264 at 5 Mb/s, the video forwards and
backwards), cuts six clips from it, as many as a minute of EGTEA has, and reads 40 folders of frames of 340x256
(JPEG, quality 90; lengths in EGTEA's proportions) and those six clips, by sample and in full. Deterministic;
files are warm.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np
from prep.check.clip import check_clips
from prep.check.job import Job, Settings
from prep.check.video import check_video
from prep.cut.plan import plan_cuts
from prep.cut.raw_annotations import padded_frames
from prep.cut.session import cut_recording
from prep.cut.writer import CutOptions

from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video_files.clip_names import ClipName

SESSION = 'P05-R01-PastaSalad'
TIMES_MS = [(1000, 2700), (8000, 9500), (12000, 18000), (24000, 26000), (33000, 41000), (50000, 52000)]
LENGTHS = [56] * 12 + [20] * 6 + [101] * 8 + [150] * 4 + [342] * 2 + [35] * 8
_CHECKS = (('frames', False), ('frames', True), ('videos', False), ('videos', True))
_Result = TypeVar('_Result')


def _measure_cut(root: Path, images: Sequence[np.ndarray]) -> dict[str, float]:
    video = root / f'{SESSION}.mp4'
    _write_recording(video, images, 60 * 24)
    clips = [ClipName('P05', 'R01', 'PastaSalad', *times, *padded_frames(*times)) for times in TIMES_MS]
    (piece,), _ = plan_cuts(root / 'clips', clips, {SESSION: video}, CutOptions())
    seconds, outcome = _timed(lambda: cut_recording(piece))
    size = sum(path.stat().st_size for path in (root / 'clips').rglob('*.mp4'))
    return {'seconds': seconds, 'frames': sum(outcome.made.values()), 'bytes': size}


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


def _measure_frames(root: Path, images: Sequence[np.ndarray]) -> list[dict[str, float]]:
    small = [cv2.resize(image, (340, 256), interpolation=cv2.INTER_AREA) for image in images]
    jpegs = [cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for image in small]
    jobs = []
    for number, length in enumerate(LENGTHS):
        folder = root / f'frames/{number}'
        folder.mkdir(parents=True)
        for index in range(length):
            (folder / f'img_{index + 1:05}.jpg').write_bytes(jpegs[index % len(jpegs)])
        jobs.append(Job('train', 'frames', str(number), folder, length))
    found = []
    for full in (False, True):
        seconds, reports = _timed(partial(check_clips, (jobs, Settings(full=full))))
        frames = sum(report.frames_read for report in reports)
        found.append({'clips': len(jobs), 'frames': frames, 'seconds': seconds})
    return found


def _measure_videos(root: Path) -> list[dict[str, float]]:
    videos = sorted((root / 'clips').rglob('*.mp4'))
    found = []
    for full in (False, True):
        seconds, seen = _timed(partial(_check_videos, videos, full))
        found.append({'clips': len(videos), 'frames': sum(one.decoded for one in seen), 'seconds': seconds})
    return found


def _check_videos(videos: Sequence[Path], full: bool) -> list[Any]:
    return [check_video(path, '0', full, 3, False) for path in videos]


def _timed(function: Callable[[], _Result]) -> tuple[float, _Result]:
    function()  # warms files and libraries
    started = time.process_time()
    result = function()
    return time.process_time() - started, result


def page(numbers: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    cut = numbers['cut_clips']
    rows = [
        [
            f'{kind}{", --full" if full else ""}',
            f'{one["clips"] / one["seconds"]:.0f}',
            f'{one["frames"] / one["seconds"]:.0f}',
        ]
        for (kind, full), one in zip(_CHECKS, numbers['check_dataset'], strict=True)
    ]
    return f"""# Cutting and checking

Processor time of one core. cut_clips: **{cut['seconds']:.1f} s a minute of recording**, {cut['frames']} frames of
{cut['bytes'] / cut['frames']:.0f} bytes.

{markdown_table(['check_dataset', 'clips/s', 'frames/s'], rows)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('video', type=Path, help='any video of a second or more')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    with av.open(str(args.video)) as container:
        images = [frame.to_ndarray(format='bgr24') for frame in islice(container.decode(video=0), 300)]
    with tempfile.TemporaryDirectory() as name:
        numbers = {
            'cut_clips': _measure_cut(Path(name), images),
            'check_dataset': [*_measure_frames(Path(name), images), *_measure_videos(Path(name))],
        }
    write_results('data_checks', args, page(numbers), numbers)
    return 0


if __name__ == '__main__':
    sys.exit(main())
