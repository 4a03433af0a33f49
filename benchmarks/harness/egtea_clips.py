"""Clips as EGTEA has them, for benchmarks: its names and lengths, 640x480, 24 frames a second, 2 MB on average.

EGTEA's 10,321 clips take about 20 GB: 1.94 MB a clip of 101 frames on average, so 3.7 Mb/s. Its clips cannot be
passed on and their codec is not known to us; these are H.264 of that bit rate. The pictures are real footage
where a folder of videos is given, enlarged, else a made-up texture; both get the motion of a hand-held
camera and sensor noise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import chain, cycle, islice
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np

FPS, SIZE = 24, (640, 480)
NUM_CLIPS, MEAN_FRAMES, TOTAL_BYTES = 10_321, 101, 20e9
BIT_RATE = round(TOTAL_BYTES / NUM_CLIPS * 8 * FPS / MEAN_FRAMES)
# The margin that the camera may move in, in pixels.
_MARGIN = (80, 60)
_NOISE, _NOISE_FIELDS = 3.0, 16
# Of one video at most so many frames are used: 300 of 640x480 are 280 MB.
_MOST_FRAMES = 300


def read_names(splits: Path | None, seed: int) -> list[tuple[str, int]]:
    """`<session>/<clip>` and length in frames of all clips, in the order of the names.

    Args:
        splits: A folder of EGTEA's split files (*.txt); None = made-up names, and lengths in EGTEA's proportions,
            107 on average.
        seed: Of the made-up lengths.

    Raises:
        ValueError: If the folder holds no split file.
    """
    from cdb_video_files.annotations import read_annotations
    from cdb_video_files.clip_names import ClipName

    if splits is not None:
        files = sorted(splits.glob('*split*.txt'))
        if not files:
            raise ValueError(f'{splits} holds no *split*.txt. Name the folder of the split files, or none')
        clips = {entry.clip for path in files for entry in read_annotations(path)}
    else:
        from prep.mini.plan import draw_lengths

        lengths = draw_lengths(NUM_CLIPS, np.random.default_rng(seed), max_frames=2801)
        ends = np.cumsum(lengths).tolist()
        clips = {
            ClipName(f'P{1 + k % 26:02}', f'R{1 + k % 7:02}', 'Rehearsal', 40 * end, 40 * end + 1, end - length, end)
            for k, (length, end) in enumerate(zip(lengths, ends, strict=True))
        }
    return [(clip.path, clip.end_frame - clip.start_frame) for clip in sorted(clips)]


def group_lengths(lengths: Sequence[int], groups: int) -> tuple[list[int], list[int]]:
    """Stand-ins for many clips: groups of clips of about the same length, each with its mean.

    Returns:
        The length of each group, rounded, from short to long; and the group of every clip.
    """
    order = np.argsort(np.asarray(lengths), kind='stable')
    parts = np.array_split(order, min(groups, len(lengths)))
    group_of = np.empty(len(lengths), dtype=int)
    for number, part in enumerate(parts):
        group_of[part] = number
    return [round(float(np.mean(np.asarray(lengths)[part]))) for part in parts], group_of.tolist()


def make_pool(folder: Path, lengths: Sequence[int], footage: Path | None, seed: int, workers: int) -> list[Path]:
    """Encode one clip of each length, unless it is there; a clip appears when it is whole.

    Args:
        folder: Gets 0000_<length>.mp4 and so on.
        lengths: In frames.
        footage: A folder of videos to take the pictures from; None = a texture.
        seed: Of camera motion and noise.
        workers: Processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'{number:04}_{length}.mp4' for number, length in enumerate(lengths)]
    todo = [(number, path, lengths[number]) for number, path in enumerate(paths) if not path.exists()]
    if todo:
        # Spawned, not forked: the encoder's library holds locks that a fork may copy locked.
        with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
            for _ in pool.map(partial(_make_clip, footage=footage, seed=seed), todo):
                pass
    return paths


def lay_out(root: Path, names: Sequence[str], sources: Sequence[Path]) -> None:
    """Hard links `root`/cropped_clips/<name>.mp4 to the source of each; what is there already stays."""
    for name, source in zip(names, sources, strict=True):
        target = root / 'cropped_clips' / f'{name}.mp4'
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)


def _make_clip(task: tuple[int, Path, int], footage: Path | None, seed: int) -> None:
    number, path, length = task
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, number))
    partial_path = path.with_suffix('.part')
    with av.open(str(partial_path), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=FPS, options={'preset': 'veryfast'})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *SIZE, 'yuv420p', BIT_RATE
        stream.thread_count = 1
        for image in _shaken(islice(_pictures(footage, number), length), length, rng):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='bgr24')))
        container.mux(stream.encode())
    partial_path.replace(path)


def _pictures(footage: Path | None, number: int) -> Iterator[np.ndarray]:
    """Pictures without end, larger than SIZE by the margin on every side; another start for every number."""
    if footage is None:
        yield from cycle([_enlarged(np.random.default_rng(number).integers(0, 255, (40, 60, 3), dtype=np.uint8))])
        return
    videos = sorted([*footage.glob('*.mp4'), *footage.glob('*.avi')])
    if not videos:
        raise ValueError(f'{footage} holds no .mp4 or .avi. Name another folder, or none')
    frames = _frames(videos[number % len(videos)])
    # Forwards and backwards: no jump where it starts over.
    there_and_back = cycle(chain(frames, frames[-2:0:-1]))
    yield from map(_enlarged, islice(there_and_back, 37 * number % len(frames), None))


@lru_cache(maxsize=4)
def _frames(video: Path) -> list[np.ndarray]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format='bgr24') for frame in islice(container.decode(video=0), _MOST_FRAMES)]


def _enlarged(image: np.ndarray) -> np.ndarray:
    size = tuple(side + 2 * margin for side, margin in zip(SIZE, _MARGIN, strict=True))
    enlarged: np.ndarray = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return enlarged


def _shaken(images: Iterator[np.ndarray], length: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Cut SIZE out of larger images along a smooth path, and add noise."""
    limit = np.array(_MARGIN) - 2
    path = np.array(_MARGIN) + np.clip(np.cumsum(rng.normal(0, 1.5, (length, 2)), 0), -limit, limit)
    noise = rng.normal(0, _NOISE, (_NOISE_FIELDS, SIZE[1], SIZE[0], 3)).astype(np.float32)
    for k, (image, (x, y)) in enumerate(zip(images, path, strict=True)):
        centre = (float(x) + SIZE[0] / 2 - 0.5, float(y) + SIZE[1] / 2 - 0.5)
        part = cv2.getRectSubPix(image, SIZE, centre).astype(np.float32)
        # The same few fields, shifted: no two neighbours have the same noise.
        part += np.roll(noise[k % _NOISE_FIELDS], int(rng.integers(SIZE[0])), axis=1)
        yield np.clip(part, 0, 255).astype(np.uint8)
