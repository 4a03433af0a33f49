"""Make moving digits: scikit-learn's handwritten digits as short encoded clips, long-tailed, with lists for MMAction2.

    python data_prep/make_digit_clips.py --out data/digits

A second small data set, of real images: 1797 digits of 8x8 pixels, ten classes. A clip is one of them, magnified,
moving in a straight line and bouncing off the borders under noise, 16 frames of 32x32 pixels; the class is the digit.
Images are divided among training, validation and test first, so that no image is in two of them. Class sizes fall by a
constant factor from class to class, in an order of the classes that the seed decides, to 1/imbalance of the largest.
The training clips of a stronger imbalance are among those of a weaker one, and few validation clips among many:

    videos/{train,val,test}/*.mp4   classes.txt   manifest.json
    lists/train_imb{10,60,100}.txt   lists/val_{1,2,5,10,20}.txt   lists/test.txt

The same options give the same bytes in the same environment; manifest.json has the SHA-256 of what was drawn (the same
with every encoder), of the clips and of the lists. Exit code 2 if the options or the folder do not fit.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from prep.folders import partial_name
from prep.mini.clip import encode, pick_codec
from prep.mini.data_set import digest

from cdb_video_files.class_lists import write_class_names
from cdb_video_files.lists import VideoEntry, write_video_list

NUM_CLASSES = 10
NUM_FRAMES = 16
SIZE = 32
"""Pixels a side; some readers fail at widths of 16, 24 or 48."""
SIDES = (20, 27)
"""Smallest and largest side of a digit, pixels: so large that a network of a few thousand weights learns them."""
VAL_PER_CLASS = (1, 2, 5, 10, 20)
TEST_PER_CLASS = 50
_PARTS = ('train', 'val', 'test')

UInt8Array = NDArray[np.uint8]


@dataclass(frozen=True)
class Options:
    """What decides the content.

    Attributes:
        seed: >= 0.
        max_count: Training clips of the largest class. Beyond the number of its images, an image serves again, with
            another motion.
        imbalances: Largest class over smallest, >= 1.
        noise: Standard deviation of the noise of a pixel, of 255 levels. Half of the variance stands still, half is new
            in every frame.
    """

    seed: int
    max_count: int
    imbalances: tuple[float, ...]
    noise: float


@dataclass(frozen=True)
class Clip:
    """A clip to make.

    Attributes:
        part: Its index in train, val, test.
        digit: 0..9.
        number: Of the clip within its part and class.
        image: Index among scikit-learn's images.
    """

    part: int
    digit: int
    number: int
    image: int

    @property
    def name(self) -> str:
        """Its file, relative to the folder of the videos."""
        return f'{_PARTS[self.part]}/digit{self.digit}_{self.number:03d}.mp4'


def class_sizes(max_count: int, imbalance: float, order: Sequence[int]) -> list[int]:
    """Training clips of each class: n_max imbalance^(-k / 9) for the k-th in `order`, rounded, at least 1.

    Args:
        max_count: n_max >= 1.
        imbalance: >= 1.
        order: The classes, largest first.
    """
    sizes = [0] * len(order)
    for place, digit in enumerate(order):
        sizes[digit] = max(1, round(max_count * imbalance ** (-place / (len(order) - 1))))
    return sizes


def plan(targets: NDArray[Any], options: Options) -> tuple[list[Clip], list[int]]:
    """Which clips there are, and the classes, largest first.

    Args:
        targets: (N,) the digit of every image.
        options: See there.
    """
    order = np.random.default_rng([options.seed, 0]).permutation(NUM_CLASSES).tolist()
    largest = [
        max(sizes)
        for sizes in zip(*(class_sizes(options.max_count, i, order) for i in options.imbalances), strict=True)
    ]
    clips = []
    for digit in range(NUM_CLASSES):
        images = np.random.default_rng([options.seed, 1, digit]).permutation(np.flatnonzero(targets == digit)).tolist()
        test, val = images[:TEST_PER_CLASS], images[TEST_PER_CLASS : TEST_PER_CLASS + VAL_PER_CLASS[-1]]
        train = images[TEST_PER_CLASS + VAL_PER_CLASS[-1] :]
        for part, pool, number in ((0, train, largest[digit]), (1, val, len(val)), (2, test, len(test))):
            clips += [Clip(part, digit, k, pool[k % len(pool)]) for k in range(number)]
    return clips, order


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
    for part in _PARTS:
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder to write, new or empty')
    add('--seed', type=int, default=0, help='decides everything (default: 0)')
    add('--max-count', type=int, default=100, help='training clips of the largest class (default: 100)')
    add('--imbalance', type=float, nargs='+', default=[10, 60, 100], help='largest over smallest (default: 10 60 100)')
    add('--noise', type=float, default=10.0, help='standard deviation of the noise, of 255 levels (default: 10)')
    arguments = parser.parse_args(argv)
    if arguments.seed < 0 or arguments.max_count < 1 or arguments.noise < 0 or min(arguments.imbalance) < 1:
        parser.error('--seed and --noise must be 0 or more, --max-count and --imbalance 1 or more')
    options = Options(arguments.seed, arguments.max_count, tuple(arguments.imbalance), arguments.noise)
    try:
        manifest = make(arguments.out, options)
    except (OSError, ValueError) as error:
        print(f'make_digit_clips: {error}', file=sys.stderr)
        return 2
    for name, sizes in manifest['clips_per_class'].items():
        print(f'{name:14} {sum(sizes):5} clips, per class {" ".join(map(str, sizes))}')
    print(f'drawn {manifest["sha256_drawn"]}\nlists {manifest["sha256_lists"]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
