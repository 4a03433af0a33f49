"""Differences between frame k from the PyAV backend and frame k from the decord backend, extracted, in levels of 255.

    python -m benchmarks.reading.backend_equality [VIDEO_OR_FOLDER ...] [--mini 3] [--seed 0]

Takes `--mini` clips of EGTEA-mini, made for it, and all videos that are named. Every clip is extracted with both
backends as extract_frames does by default (short side 256, quality 90), and once more without resize and at
quality 100.

What differs is the conversion to RGB, not the decoding. decord lets swscale convert in its quick way: each colour
sample serves four pixels, and the result is rounded down, 0.8 to 1.6 levels darker. PyAV's frames are resized and
encoded in their colour planes: colours are interpolated, and not biased. So the mean difference is about
that of the bias. The column 'same conversion' proves it: PyAV's frame converted in swscale's quick way is decord's
frame, bit for bit.

'wrong index' counts the frames of one backend that are as near to a neighbour of frame k of the other as to frame k,
where the picture moves; exit code 1 if there is one.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import decord
import numpy as np
import simplejpeg
from prep.frames.clip_frames import ClipFrames
from prep.frames.jpegs import JpegEncoder
from prep.frames.manifest import Options

from benchmarks.harness import data_prep
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results

# A picture that changes by less, in levels on average, stands still.
STILL = 0.1
EXTRACTED = Options()
UNTOUCHED = Options(short_side=0, quality=100)


@dataclass(frozen=True)
class Equality:
    """How the frames of two backends differ.

    Attributes:
        frames: How many each gave: PyAV, decord.
        mean: Mean absolute difference over all frames, in levels.
        worst: That of the frame that differs most.
        bias: By how much decord's frames are brighter, on average.
        moving: Pairs of neighbouring frames between which the picture moves.
        wrong_index: Of these, how many times a frame is as near to the neighbour as to its namesake, or nearer.
    """

    frames: tuple[int, int]
    mean: float
    worst: float
    bias: float
    moving: int
    wrong_index: int


@dataclass(frozen=True)
class Found:
    """All comparisons of a clip.

    Attributes:
        extracted: As extract_frames does it by default.
        untouched: Without resize, at quality 100.
        same_conversion: See `same_conversion`.
    """

    extracted: Equality
    untouched: Equality
    same_conversion: float


def compare_backends(path: Path, options: Options) -> Equality:
    """Extract a clip with both backends and compare what they give, after JPEG."""
    ours, theirs = (list(_extracted(path, options, backend)) for backend in ('pyav', 'decord'))
    pairs = list(zip(ours, theirs, strict=False))
    differences = [_difference(one, other) for one, other in pairs]
    bias = np.mean([(other - one).mean((0, 1)) for one, other in pairs], 0)
    counts = _wrong_indices(ours, theirs, bias), _wrong_indices(theirs, ours, -bias)
    moving, wrong = (sum(numbers) for numbers in zip(*counts, strict=True))
    return Equality(
        (len(ours), len(theirs)), float(np.mean(differences)), max(differences), float(bias.mean()), moving, wrong
    )


def _wrong_indices(some: list[np.ndarray], others: list[np.ndarray], bias: np.ndarray) -> tuple[int, int]:
    """See `Equality.moving` and `Equality.wrong_index`; `bias` (3,) is what `others` have more in every channel."""
    moving = wrong = 0
    for k, picture in enumerate(some[: len(others)]):
        # Without the bias, or it decides which of two frames that hardly differ is nearer.
        wanted = picture + bias
        nearest = _difference(wanted, others[k])
        for neighbour in others[max(k - 1, 0) : k] + others[k + 1 : k + 2]:
            if _difference(neighbour, others[k]) >= STILL:
                moving += 1
                wrong += _difference(wanted, neighbour) <= nearest
    return moving, wrong


def same_conversion(path: Path) -> float:
    """The largest difference of any pixel between decord's frames and PyAV's in swscale's quick conversion."""
    reader = decord.VideoReader(str(path), num_threads=1)
    worst = 0.0
    with av.open(str(path)) as container:
        for k, frame in enumerate(container.decode(video=0)):
            quick = frame.to_ndarray(format='rgb24').astype(np.int16)
            worst = max(worst, float(np.abs(quick - reader[k].asnumpy()).max()))
    return worst


def make_mini_clips(folder: Path, count: int, seed: int) -> list[Path]:
    """The first clips of EGTEA-mini."""
    data_prep.run('make_egtea_mini', '--out', folder, '--scale', 0.001, '--seed', seed, '--workers', 1)
    return sorted(folder.rglob('*.mp4'))[:count]


def _extracted(path: Path, options: Options, backend: str) -> Iterator[np.ndarray]:
    """The frames as they lie on disk, decoded: (H, W, 3) int16."""
    options = Options(options.short_side, options.quality, backend=backend)
    encoder = JpegEncoder(options)
    for frame in ClipFrames(path, options):
        yield simplejpeg.decode_jpeg(encoder.encode(frame)).astype(np.int16)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def _videos(places: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        found += sorted([*place.glob('*.mp4'), *place.glob('*.avi')]) if place.is_dir() else [place]
    return found


def page(found: dict[str, Found]) -> str:
    """A row a clip, as Markdown."""
    rows = []
    for name, clip in found.items():
        extracted, untouched = clip.extracted, clip.untouched
        moving = extracted.moving + untouched.moving
        rows.append(
            [
                name,
                f'{extracted.frames[0]} / {extracted.frames[1]}',
                f'{extracted.mean:.2f} / {extracted.worst:.2f}',
                f'{untouched.mean:.2f} / {untouched.worst:.2f}',
                f'{untouched.bias:.2f}',
                f'{clip.same_conversion:.0f}',
                f'{extracted.wrong_index + untouched.wrong_index} of {moving}',
            ]
        )
    heading = ('clip', 'frames', 'extracted', 'untouched', 'bias', 'same conversion', 'wrong index')
    table = markdown_table(heading, rows)
    return f'# PyAV and decord, frame by frame\n\nMean / worst frame, in levels of 255.\n\n{table}'


def is_equal(clip: Found) -> bool:
    """Whether both backends gave the same frames."""
    return all(
        equality.wrong_index == 0 and equality.frames[0] == equality.frames[1]
        for equality in (clip.extracted, clip.untouched)
    )


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('videos', type=Path, nargs='*', help='videos, or folders of them')
    parser.add_argument('--mini', type=int, default=3, help='clips of EGTEA-mini (default 3)')
    add_common_arguments(parser)
    args = parser.parse_args()
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory() as name:
        for path in [*make_mini_clips(Path(name, 'mini'), args.mini, args.seed), *_videos(args.videos)]:
            found[path.name] = Found(
                compare_backends(path, EXTRACTED), compare_backends(path, UNTOUCHED), same_conversion(path)
            )
    write_results('backend_equality', args, page(found), found)
    return 0 if all(map(is_equal, found.values())) else 1


if __name__ == '__main__':
    sys.exit(main())
