"""mmaction2's resizing, cropping and flipping, drawn before the pixels are there: what a decoder has to do to a frame.

Each transform of the host runs on a sample without pictures. It draws its random numbers as always and notes what
it would have done; a decoder then does it to each frame, as early as possible, and converts what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2

from cdb_video.hosts.mmaction.step_rules import build_step, check_options, check_step, raise_in_words
from cdb_video_files.video.pixels import Crop, Flip, Resize, Step

_INTERPOLATIONS = {
    'nearest': cv2.INTER_NEAREST,
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
    'area': cv2.INTER_AREA,
    'lanczos': cv2.INTER_LANCZOS4,
}
_RESIZES = ('Resize', 'RandomRescale')
_CROPS = ('RandomCrop', 'RandomResizedCrop', 'MultiScaleCrop', 'CenterCrop')
_KNOWN = (*_RESIZES, *_CROPS, 'Flip')


class FusedSteps:
    """Turns transforms of mmaction2 into steps for the frames of a clip.

    Args:
        transforms: Their settings, as in a pipeline: Resize, RandomRescale, RandomCrop, RandomResizedCrop,
            MultiScaleCrop, CenterCrop and Flip, in any order.

    Attributes:
        transforms: The transforms, built.

    Raises:
        ValueError: If there is another one among them, one with `lazy=True`, or one whose options cannot work.
    """

    def __init__(self, transforms: Sequence[dict[str, Any]] = ()) -> None:
        for settings in transforms:
            kind = str(settings.get('type')).rsplit('.', maxsplit=1)[-1]
            if kind not in _KNOWN:
                raise ValueError(f'fused: {kind} cannot be fused, only {", ".join(_KNOWN)}. Put it behind the decoder')
            if settings.get('lazy'):
                raise ValueError(f'fused: {kind} with lazy=True. Leave lazy out; nothing is done twice here')
        self.transforms = [build_step(settings) for settings in transforms]
        check_options(self.transforms)

    def draw(self, results: dict[str, Any], size: tuple[int, int]) -> list[Step]:
        """What is to be done to each frame of a clip; `results` gets the keys that the transforms add.

        Args:
            results: The sample, without `imgs`.
            size: Width and height of the frames.

        Raises:
            ValueError: If a transform cannot be done to frames of that size.
        """
        results['img_shape'] = (size[1], size[0])
        steps: list[Step] = []
        for transform in self.transforms:
            _run(transform, results)
            kind = type(transform).__name__
            if kind in _RESIZES:
                height, width = results['img_shape']
                steps.append(Resize(int(width), int(height), _INTERPOLATIONS[transform.interpolation]))
            elif kind in _CROPS:
                steps.append(Crop(*(int(side) for side in results['crop_bbox'])))
            elif results['flip']:
                steps.append(Flip(vertical=transform.direction == 'vertical'))
        return steps

    def __repr__(self) -> str:
        return repr(self.transforms)


def _run(transform: Any, results: dict[str, Any]) -> None:
    check_step(transform, results)
    try:
        transform(results)
    except AssertionError as error:
        raise_in_words(transform, results, error)
