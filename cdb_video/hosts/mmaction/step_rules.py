"""Rules of mmaction2's transforms that it asserts without words, or does not check: told with value, clip and remedy.

A crop beyond the frame, for instance, is an `AssertionError` of RandomCrop and ThreeCrop, and of CenterCrop and TenCrop
a picture of another size than the others, which fails later, when a batch is made of them.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeAlias

_Sample: TypeAlias = Mapping[str, Any]
_Rule: TypeAlias = Callable[[Any, _Sample], 'str | None']
_HOST = 'mmaction.'


def check_step(step: Any, sample: _Sample) -> None:
    """Check that a transform of mmaction2 can do what it is about to do.

    Args:
        step: Any transform; those of others and classes derived from mmaction2's pass.
        sample: What it is handed.

    Raises:
        ValueError: If it cannot; the message names the clip, if the sample does.
    """
    broken = _broken_rule(step, sample)
    if broken is not None:
        raise ValueError(f'{_clip(sample)}{_shown(step)}: {broken}')


def raise_in_words(step: Any, sample: _Sample, error: AssertionError) -> NoReturn:
    """Raise what a transform asserts, with the transform, the line of the assertion and the clip.

    Args:
        step: The transform that failed.
        sample: What it was handed.
        error: What it raised.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f'{_clip(sample)}{_shown(step)} does not take this sample: {asserted(error)}') from error


def build_step(settings: Mapping[str, Any]) -> Any:
    """A transform from its settings.

    Raises:
        ValueError: If the transform asserts something of its options.
    """
    from mmaction.registry import TRANSFORMS

    try:
        return TRANSFORMS.build(settings)
    except AssertionError as error:
        options = ', '.join(f'{name}={value!r}' for name, value in settings.items() if name != 'type')
        kind = str(settings.get('type')).rsplit('.', maxsplit=1)[-1]
        raise ValueError(f'{kind}({options}) does not take these options: {asserted(error)}') from error


def check_options(steps: Iterable[Any]) -> None:
    """Check the options of mmaction2's transforms that need no sample to be wrong.

    Raises:
        ValueError: If one of them can never work.
    """
    for step in steps:
        rule = _OPTION_RULES.get(type(step).__name__) if is_of_host(step) else None
        broken = rule(step, {}) if rule is not None else None
        if broken is not None:
            raise ValueError(f'{_shown(step)}: {broken}')


def asserted(error: AssertionError) -> str:
    """What an assertion says, or the line of code that it stands in: the rule in the words of the host."""
    if str(error):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    line = frames[-1].line if frames else None
    return f'its code has "{line}", which does not hold' if line else 'an assertion without words'


def _broken_rule(step: Any, sample: _Sample) -> str | None:
    if not is_of_host(step):
        return None
    name = type(step).__name__
    for rules in (_OPTION_RULES, _SAMPLE_RULES):
        broken = rules[name](step, sample) if name in rules else None
        if broken is not None:
            return broken
    return None


def is_of_host(step: Any) -> bool:
    """Whether a transform is one of mmaction2 itself, not one derived from it."""
    return type(step).__module__.startswith(_HOST)


def _shown(step: Any) -> str:
    return ' '.join(repr(step).split())


def _clip(sample: _Sample) -> str:
    path = sample.get('filename', sample.get('frame_dir'))
    return '' if path is None else f'{path}: '


def _size(sample: _Sample) -> tuple[int, int] | None:
    """Width and height of the frames; None = the sample does not say."""
    shape = sample.get('img_shape')
    return None if shape is None else (int(shape[1]), int(shape[0]))


# Options alone


def _whole_counts(step: Any, _: _Sample) -> str | None:
    """Views of some frames: at least one of each."""
    for name in ('clip_len', 'frame_interval', 'num_clips'):
        value = getattr(step, name, 1)
        if not isinstance(value, int) or value < 1:
            return f'{name}={value!r} must be a whole number of at least 1'
    return None


def _ranges(step: Any, _: _Sample) -> str | None:
    """RandomResizedCrop: shares of the picture, and ratios."""
    low, high = step.area_range
    if not 0 < low <= high <= 1:
        return f'area_range={step.area_range} must be (least, most) with 0 < least <= most <= 1: shares of the picture'
    low, high = step.aspect_ratio_range
    if not 0 < low <= high:
        return f'aspect_ratio_range={step.aspect_ratio_range} must be (least, most) with 0 < least <= most'
    return None


def _scales(step: Any, _: _Sample) -> str | None:
    """MultiScaleCrop: shares of the shorter side."""
    if not all(0 < scale <= 1 for scale in step.scales):
        return f'scales={step.scales} must lie in (0, 1]: shares of the shorter side of the picture'
    return None


def _positive_crop(step: Any, _: _Sample) -> str | None:
    sizes = _crop_of(step)
    return None if min(sizes) >= 1 else f'a crop of {sizes[0]}x{sizes[1]} holds no pixel: its sides must be at least 1'


def _sides(step: Any, _: _Sample) -> str | None:
    """Resize to a given size."""
    if isinstance(step.scale, tuple) and not step.keep_ratio and math.inf in step.scale:
        return 'a side is left open (-1), and keep_ratio=False needs both: leave keep_ratio out, or give both sides'
    if isinstance(step.scale, tuple) and (len(step.scale) != 2 or min(step.scale) <= 0):
        return f'scale={step.scale} must be two sides above 0; -1 for one of them, with keep_ratio=True, leaves it open'
    return None


# Options and a sample


def _frames(step: Any, sample: _Sample) -> str | None:
    number = sample.get('total_frames')
    return None if number is None or number >= 1 else f'total_frames={number}: a clip must have frames. Mend the list'


def _crop_of(step: Any) -> tuple[int, int]:
    size = step.size if hasattr(step, 'size') else step.crop_size
    width, height = size if isinstance(size, tuple) else (size, size)
    return width, height


def _within(step: Any, sample: _Sample) -> str | None:
    """A crop that must lie in the frame."""
    size, crop = _size(sample), _crop_of(step)
    if size is None or (crop[0] <= size[0] and crop[1] <= size[1]):
        return None
    return f'a crop of {crop[0]}x{crop[1]} does not lie in a frame of {size[0]}x{size[1]}. {_resize_to(crop)}'


def _along_one_side(step: Any, sample: _Sample) -> str | None:
    """ThreeCrop, which moves along one side."""
    size, crop = _size(sample), _crop_of(step)
    if size is None:
        return None
    for one, other in ((0, 1), (1, 0)):
        if crop[one] == size[one] and crop[other] <= size[other]:
            return None
    return (
        f'three crops of {crop[0]}x{crop[1]} along one side of a frame of {size[0]}x{size[1]} need that width or that '
        f'height, and no more of the other. {_resize_to(crop)}'
    )


def _resize_to(crop: tuple[int, int]) -> str:
    return f"Put dict(type='Resize', scale=(-1, {max(crop)})) before it, or crop less"


def _visible(step: Any, sample: _Sample) -> str | None:
    """Resize: something must be left."""
    size = _size(sample)
    if size is None:
        return None
    from mmcv import rescale_size

    new = rescale_size(size, step.scale) if step.keep_ratio else step.scale
    if min(new) >= 1:
        return None
    return f'a frame of {size[0]}x{size[1]} would become one of {new[0]}x{new[1]}. Enlarge scale'


def _whole_views(step: Any, sample: _Sample) -> str | None:
    """FormatShape: frames that make whole views."""
    views, frames, images = sample.get('num_clips'), sample.get('clip_len'), sample.get('imgs')
    if step.collapse and views is not None and views != 1:
        return f'collapse=True needs one view, and num_clips={views}. Leave collapse out, or set num_clips=1'
    if step.input_format != 'NCTHW' or images is None or not isinstance(frames, int) or not isinstance(views, int):
        return None
    if len(images) and len(images) % (views * frames) == 0:
        return None
    return (
        f'{len(images)} frames are no multiple of num_clips={views} x clip_len={frames}. Crop all frames alike, and '
        'let no step between the sampling and this one drop frames'
    )


_SAMPLERS = ('SampleFrames', 'DenseSampleFrames', 'UniformSample', 'UniformSampleFrames')
_OPTION_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_SAMPLERS, _whole_counts),
    **dict.fromkeys(('RandomCrop', 'CenterCrop', 'ThreeCrop', 'TenCrop'), _positive_crop),
    'RandomResizedCrop': _ranges,
    'MultiScaleCrop': _scales,
    'Resize': _sides,
}
_SAMPLE_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_SAMPLERS, _frames),
    **dict.fromkeys(('RandomCrop', 'CenterCrop', 'TenCrop'), _within),
    'ThreeCrop': _along_one_side,
    'Resize': _visible,
    'FormatShape': _whole_views,
}
