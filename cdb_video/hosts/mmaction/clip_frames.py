"""Frame sampling for data sets with short clips: `ClipFrames`, which takes the place of SampleFrames.

A view of `clip_len` frames, `frame_interval` apart, spans `(clip_len - 1) * frame_interval + 1` frames.
More than half of EGTEA's clips have fewer than the 63 frames that 32 x 2 spans. `short_clips` says what
happens to them; longer clips are left to mmaction2's SampleFrames, so for them nothing changes.

    dict(type='ClipFrames', clip_len=32, frame_interval=2, num_clips=1, short_clips='segments')

For example 8 frames, 4 apart, of a clip that has 20 frames and not 29:

    'loop'      0  4  8 12 16  0  4  8   SampleFrames: starts over
    'clamp'     0  4  8 12 16 16 16 16   SampleFrames with out_of_bound_opt='repeat_last'
    'fit'       1  3  6  8 11 13 16 18   a smaller step, 20 / 8 frames, that covers the clip
    'segments'  1  4  6  8 11 14 16 19   one random frame of each of 8 equal parts; the middle ones in a test
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mmaction.datasets.transforms import SampleFrames
from numpy.typing import NDArray

_OUT_OF_BOUND = {'loop': 'loop', 'clamp': 'repeat_last'}
"""Policies that SampleFrames has itself, with its name for them."""
SHORT_CLIPS = ('loop', 'clamp', 'fit', 'segments')


def cover_clip(num_frames: int, clip_len: int, offset: NDArray[np.float64]) -> NDArray[np.int64]:
    """Spread views over a whole clip, whatever its length.

    The clip is cut into `clip_len` equal parts, which need not be whole frames, and each part into one
    piece for each view. A view takes one frame from its piece of every part:
    `floor((k + (v + offset) / V) * num_frames / clip_len)` for part k and view v of V.

    Args:
        num_frames: Frames of the clip, at least 1. Fewer than `clip_len` are repeated evenly.
        clip_len: L, frames of a view, at least 1.
        offset: Where in its piece a view takes the frame, in [0, 1). (V, 1) float: the same place in every
            part, so that the frames are evenly spaced. (V, L) float: a place for each part.

    Returns:
        (V, L) int64 in [0, num_frames - 1]; no row ever decreases.
    """
    num_views = len(offset)
    phase = (np.arange(num_views)[:, None] + offset) / num_views
    frames = np.floor((np.arange(clip_len) + phase) * num_frames / clip_len).astype(np.int64)
    # A phase just below 1 may be rounded up to the next part, and in the last part there is none.
    return np.minimum(frames, num_frames - 1)


class ClipFrames(SampleFrames):
    """SampleFrames with a choice of what happens to clips that are too short for a view.

    Clips of at least `(clip_len - 1) * frame_interval + 1` frames get what SampleFrames gives them, down
    to the random numbers drawn. Training draws from numpy's global generator, which mmengine seeds in
    each worker; with `test_mode` nothing is random.

    Args:
        clip_len: Frames of a view, at least 1.
        frame_interval: Distance of neighbouring frames of a view, in frames, at least 1.
        num_clips: Views of a clip, at least 1; 10 in the usual test protocol.
        short_clips: What to do with shorter clips; docs/data/short_clips.md has the measurement behind the default.
            'loop': start over at the clip's first frame, as SampleFrames does. All views are the same one.
            'clamp': repeat the last frame that a view reaches. All views are the same one.
            'fit': lower the step to `frames / clip_len`, so that a view covers the clip at an even pace.
            Where the first part's frame is taken is random in training; the views of a test shift by a
            fraction of a step.
            'segments': one frame from each of `clip_len` equal parts, in training a random one of each.
            In a test the same as 'fit'.
        test_mode: Whether to sample for validation or a test.
        keep_tail_frames: See SampleFrames.
        temporal_jitter: See SampleFrames; with 'loop' and 'clamp' only.
        twice_sample: See SampleFrames; with 'loop' and 'clamp' only.
        target_fps: See SampleFrames; with 'loop' and 'clamp' only.

    Needs `total_frames` and `start_index`; adds `frame_inds` (num_clips * clip_len,) int32 that count from
    `start_index`, `clip_len`, `frame_interval` (as configured) and `num_clips`.

    Raises:
        ValueError: If an argument is outside its range or does not go with `short_clips`; later, if a
            clip has no frames.
    """

    def __init__(
        self,
        clip_len: int,
        frame_interval: int = 1,
        num_clips: int = 1,
        *,
        short_clips: str = 'segments',
        test_mode: bool = False,
        keep_tail_frames: bool = False,
        temporal_jitter: bool = False,
        twice_sample: bool = False,
        target_fps: int | None = None,
    ) -> None:
        counts = {'clip_len': clip_len, 'frame_interval': frame_interval, 'num_clips': num_clips}
        for name, value in counts.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f'{name}={value!r}: must be a whole number of at least 1')
        if short_clips not in SHORT_CLIPS:
            raise ValueError(f'short_clips={short_clips!r}: must be one of {", ".join(map(repr, SHORT_CLIPS))}')
        extras = {'temporal_jitter': temporal_jitter, 'twice_sample': twice_sample, 'target_fps': target_fps}
        if short_clips not in _OUT_OF_BOUND and any(extras.values()):
            given = ', '.join(f'{name}={value}' for name, value in extras.items() if value)
            raise ValueError(
                f"{given} does not go with short_clips={short_clips!r}. Leave it out, or use 'loop' or 'clamp'"
            )
        super().__init__(
            **counts,
            **extras,
            out_of_bound_opt=_OUT_OF_BOUND.get(short_clips, 'loop'),
            test_mode=test_mode,
            keep_tail_frames=keep_tail_frames,
        )
        self.short_clips = short_clips

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `frame_inds` and what belongs to it."""
        num_frames = results.get('total_frames')
        if num_frames is None:
            source = results.get('filename') or results.get('frame_dir')
            raise ValueError(
                f'nothing before ClipFrames says how many frames {source} has. A video needs VideoInit before it; with '
                'a config of packs or frames, predict by cdb_video.load, which reads videos in their place'
            )
        if num_frames < 1:
            source = results.get('frame_dir') or results.get('filename')
            raise ValueError(f'total_frames={num_frames} of {source}: a clip must have frames. Mend the list')
        span = (self.clip_len - 1) * self.frame_interval + 1
        if num_frames >= span or self.short_clips in _OUT_OF_BOUND:
            return super().transform(results)
        frames = cover_clip(num_frames, self.clip_len, self._draw_offset())
        results['frame_inds'] = (frames.ravel() + results['start_index']).astype(np.int32)
        results['clip_len'] = self.clip_len
        results['frame_interval'] = self.frame_interval
        results['num_clips'] = self.num_clips
        return results

    def _draw_offset(self) -> NDArray[np.float64]:
        shape = (self.num_clips, self.clip_len if self.short_clips == 'segments' else 1)
        return np.full(shape, 0.5) if self.test_mode else np.random.random_sample(shape)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(clip_len={self.clip_len}, frame_interval={self.frame_interval}, '
            f'num_clips={self.num_clips}, short_clips={self.short_clips!r}, test_mode={self.test_mode})'
        )
