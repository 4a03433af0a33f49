"""Clips in all the forms in which they are read: videos, frames, packs, and one long video.

640x480, 24 frames a second, 72 frames, H.264 at two bit rates and MPEG-4, as `benchmarks.extraction.clips` encodes
them. The pictures are drawn by EGTEA-mini's generator, or real footage where a folder of videos is given, enlarged,
with the motion of a hand-held camera and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prep.mini.motions import VERBS
from prep.mini.scene import NOUNS, make_kitchen, render_clip

from benchmarks.extraction import clips
from benchmarks.extraction.clips import KINDS, encode
from benchmarks.harness import data_prep

LONG_FRAMES = 480
_SESSION = 's'
# The forms: folder below that of a kind, and the options of extract_frames that make it.
_FORMS = {
    'packs': ('--pack',),
    'frames': (),
    'full/frames': ('--short-side', '0', '--quality', '95', '--out', 'full'),
}


@dataclass(frozen=True)
class Footage:
    """Clips of one origin.

    Attributes:
        root: Kind k has its clips in root/kind<k>/cropped_clips, and frames and packs beside them.
        count: Clips of each kind.
        frames: Of each clip.
        long: A video of 20 s in H.264 at the lower bit rate.
    """

    root: Path
    count: int
    frames: int
    long: Path

    def video(self, kind: int, clip: int) -> Path:
        """The video of a clip."""
        return self.root / f'kind{kind}' / 'cropped_clips' / _SESSION / f'{clip:03}.mp4'

    def frame_dir(self, kind: int, clip: int, form: str) -> Path:
        """Its folder of frames in 'frames' or 'full/frames', or its pack without the suffix in 'packs'."""
        return self.root / f'kind{kind}' / form / _SESSION / f'{clip:03}'


def make_footage(
    root: Path,
    videos: Path | None,
    count: int,
    seed: int,
    *,
    kinds: Sequence[int] | None = None,
    long: bool = True,
) -> Footage:
    """Make `count` clips of every kind below `root`, from a folder of videos, or drawn; and the long video."""
    shots = [
        list(_footage_images(videos, index, seed) if videos else _drawn_images(index, seed)) for index in range(count)
    ]
    footage = Footage(root, count, len(shots[0]), root / 'long.mp4')
    for number in range(len(KINDS)) if kinds is None else kinds:
        for index, images in enumerate(shots):
            path = footage.video(number, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            encode(path, images, KINDS[number])
        for options in _FORMS.values():
            _extract(root / f'kind{number}', options)
    if long:
        # Forwards and backwards: no jump where it starts over.
        turn = [*shots[0], *shots[0][-2:0:-1]]
        encode(footage.long, [turn[index % len(turn)] for index in range(LONG_FRAMES)], KINDS[1])
    return footage


def _drawn_images(index: int, seed: int) -> Sequence[np.ndarray]:
    """T images (480, 640, 3), blue first, of another verb and noun for every index."""
    width, height = clips.SIZE
    rng = np.random.default_rng((seed, index))
    frames = render_clip(
        VERBS[index % len(VERBS)],
        NOUNS[index % len(NOUNS)],
        kitchen=make_kitchen(rng),
        num_frames=clips.FRAMES,
        size=width,
        rng=rng,
    )
    top = (width - height) // 2
    return list(np.ascontiguousarray(frames[:, top : top + height, :, ::-1]))


def _footage_images(videos: Path | None, index: int, seed: int) -> Sequence[np.ndarray]:
    rng = np.random.default_rng((seed, index))
    return list(clips.shake(clips.pictures(videos, index, rng), rng))


def _extract(root: Path, options: Sequence[str]) -> None:
    arguments = [str(root / option) if option == 'full' else option for option in options]
    data_prep.run('extract_frames', '--data-root', root, '--workers', 1, *arguments)
