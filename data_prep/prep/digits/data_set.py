"""The moving digits, drawn and written: clips, lists and manifest."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cdb_video_files.class_lists import write_class_names
from cdb_video_files.lists import VideoEntry, write_video_list
from prep.digits.plan import (
    NUM_CLASSES,
    NUM_FRAMES,
    PARTS,
    SIDES,
    SIZE,
    TEST_PER_CLASS,
    VAL_PER_CLASS,
    Clip,
    Options,
    class_sizes,
    plan,
)
from prep.folders import digest, partial_name
from prep.mini.clip import encode, pick_codec

UInt8Array = NDArray[np.uint8]


def draw(clip: Clip, image: NDArray[Any], options: Options) -> UInt8Array:
    """Draw a clip: (16, 32, 32, 3) uint8 RGB, grey.

    Args:
        clip: Its part, digit and number decide the motion and the noise.
        image: (8, 8) float, 0..16.
        options: Seed and noise.
    """
    rng = np.random.default_rng([options.seed, 2, clip.part, clip.digit, clip.number])
    side = int(rng.integers(SIDES[0], SIDES[1] + 1))
    digit = cv2.resize(image.astype(np.float32) / 16, (side, side), interpolation=cv2.INTER_LINEAR)
    background, ink = rng.uniform(30, 110), rng.uniform(60, 130)
    room = SIZE - side
    start, speed = rng.uniform(0, room, 2), rng.uniform(0.3, 1.5, 2) * rng.choice([-1, 1], 2)
    still = rng.normal(0, options.noise / np.sqrt(2), (SIZE, SIZE))
    frames = np.empty((NUM_FRAMES, SIZE, SIZE), np.uint8)
    for time in range(NUM_FRAMES):
        # A position that runs on is folded back into the room: it bounces.
        row, column = (round(float(room - abs((p % (2 * room)) - room))) for p in start + speed * time)
        picture = background + still + rng.normal(0, options.noise / np.sqrt(2), (SIZE, SIZE))
        picture[row : row + side, column : column + side] += ink * digit
        frames[time] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return np.repeat(frames[..., None], 3, axis=-1)


def make(out: Path, options: Options) -> dict[str, Any]:
    """Write the data set, whole or not at all.

    Returns:
        What manifest.json holds.

    Raises:
        ValueError: If the folder is not empty, or scikit-learn is missing.
        OSError: If writing fails.
    """
    if out.exists() and any(out.iterdir()):
        raise ValueError(f'{out} is not empty: name a new folder')
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ValueError('the digits come with scikit-learn: pip install scikit-learn') from error
    digits = load_digits()
    cv2.setNumThreads(0)
    work = out.with_name(partial_name(out.name))
    try:
        manifest = _write(work, digits.images, digits.target, options)
        if out.exists():
            out.rmdir()
        work.replace(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def _write(root: Path, images: NDArray[Any], targets: NDArray[Any], options: Options) -> dict[str, Any]:
    clips, order = plan(targets, options)
    codec, drawn = pick_codec(), hashlib.sha256()
    for part in PARTS:
        (root / 'videos' / part).mkdir(parents=True)
    for clip in clips:
        frames = draw(clip, images[clip.image], options)
        drawn.update(clip.name.encode() + b'\0' + frames.tobytes())
        encode(frames, root / 'videos' / clip.name, codec)
    write_class_names(root / 'classes.txt', [f'digit {digit}' for digit in range(NUM_CLASSES)])
    counts = _write_lists(root / 'lists', clips, order, options)
    manifest = {
        'kind': 'digit clips',
        'options': asdict(options),
        'codec': codec,
        'classes_largest_first': order,
        'clips_per_class': counts,
        'sha256_drawn': drawn.hexdigest(),
        'sha256_videos': digest(root, (root / 'videos').rglob('*.mp4')),
        'sha256_lists': digest(root, (root / 'lists').glob('*.txt')),
    }
    (root / 'manifest.json').write_text(json.dumps(manifest, indent=1) + '\n')
    return manifest


def _write_lists(folder: Path, clips: Sequence[Clip], order: Sequence[int], options: Options) -> dict[str, list[int]]:
    """Write the lists; the clips per class of each by its name."""
    folder.mkdir()
    limits = {f'train_imb{i:g}': (0, class_sizes(options.max_count, i, order)) for i in options.imbalances}
    limits |= {f'val_{number}': (1, [number] * NUM_CLASSES) for number in VAL_PER_CLASS}
    limits['test'] = (2, [TEST_PER_CLASS] * NUM_CLASSES)
    for name, (part, sizes) in limits.items():
        chosen = [clip for clip in clips if clip.part == part and clip.number < sizes[clip.digit]]
        write_video_list(folder / f'{name}.txt', [VideoEntry(clip.name, clip.digit) for clip in chosen])
    return {name: sizes for name, (_, sizes) in limits.items()}
