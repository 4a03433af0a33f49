"""Test pipelines for other input than they were written for: a video in place of a pack, one view in place of many.

Steps are the settings of transforms, as a config has them. What stands in `fused` goes with its decoder, into another
one that fuses or behind one that does not. Imports no host: mends use it before MMAction2 is there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Step: TypeAlias = dict[str, Any]

OWN = ('VideoInit', 'VideoDecode', 'PackDecode', 'ClipFrames')
_FRAME_READERS = ('PackDecode', 'RawFrameDecode')
_FUSING = ('PackDecode', 'VideoDecode')
_VIEWS = ('ThreeCrop', 'TenCrop')
# Settings of samplers that multiply the views of a 3D recognizer, and what leaves one.
_ONE_CLIP = {'num_clips': 1, 'num_sample_positions': 1, 'twice_sample': False}
SHORT_CLIPS = {
    'loop': 'it starts over at its first frame',
    'clamp': 'its last frame is repeated',
    'repeat_last': 'its last frame is repeated',
    'fit': 'frames are taken at a smaller step',
    'segments': 'one frame is taken from each of as many equal parts',
}
"""What a sampler's setting for clips that are too short for a view means."""


def kind_of(step: Mapping[str, Any]) -> str:
    """The name of a transform's class, whether a config gives the name, its full path or the class."""
    kind = step['type']
    return str(kind).rsplit('.', maxsplit=1)[-1] if isinstance(kind, str) else str(kind.__name__)


def has_own(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a transform of cdb_video is among the steps."""
    return any(kind_of(step) in OWN for step in steps)


def reads_frames(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the steps read frames of a folder or a pack, and no video."""
    return any(kind_of(step) in _FRAME_READERS for step in steps)


def video_steps(steps: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The same steps for a video file: readers of frames become VideoInit and VideoDecode, others stay.

    Raises:
        ValueError: If no step opens a video, and none reads frames.
    """
    found = [copy.deepcopy(dict(step)) for step in steps]
    if reads_frames(found):
        changed = [_video_decoder(step) if kind_of(step) in _FRAME_READERS else step for step in found]
        return [{'type': 'VideoInit'}, *changed]
    if not any(kind_of(step).endswith('Init') for step in found):
        names = ', '.join(map(kind_of, found))
        raise ValueError(
            f'the test pipeline ({names}) reads no video, and no RGB frames that could be read from one: it needs '
            f'{" or ".join(_FRAME_READERS)}, or VideoInit or its like as a first step'
        )
    return found


def frame_steps(steps: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The same steps for a folder of frames."""
    return _read_otherwise(steps, {'type': 'RawFrameDecode'})


def array_steps(steps: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The same steps for a video that is an array in memory."""
    return _read_otherwise(steps, {'type': 'ArrayDecode'})


def single_view(steps: Sequence[Mapping[str, Any]], model: Mapping[str, Any]) -> list[Step]:
    """The same steps with one view of a clip: the middle crop, and for a 3D recognizer one clip in time.

    A 2D recognizer, such as TSN or TSM, keeps its `num_clips`: these are the segments of its one view.

    Args:
        steps: The pipeline.
        model: Settings of the model.
    """
    is_3d = kind_of({'type': model.get('recognizer', model['type'])}) == 'Recognizer3D'
    return [_one_view(copy.deepcopy(dict(step)), is_3d) for step in steps]


def inferencer_steps(config: Any, input_format: str) -> list[Step] | None:
    """What MMAction2Inferencer is to do for a config with transforms of cdb_video; None = there are none.

    Args:
        config: With `test_dataloader.dataset.pipeline` and `model`.
        input_format: As the inferencer takes it: 'video', 'rawframes', 'array' or 'dict'.

    Raises:
        ValueError: If the pipeline reads neither videos nor frames.
    """
    steps = config.test_dataloader.dataset.pipeline
    if not has_own(steps):
        return None
    by_format: dict[str, Callable[[Sequence[Mapping[str, Any]]], list[Step]]] = {
        'video': video_steps,
        'rawframes': frame_steps,
        'array': array_steps,
    }
    return single_view(by_format.get(input_format, list)(steps), config.model)


def composed_by_input(compose: Callable[[Any], Any], steps: Any) -> Any:
    """A pipeline for `inference_recognizer`: of one that reads frames, a twin for the path of a video.

    Args:
        compose: mmengine's Compose.
        steps: The pipeline.
    """
    if not steps or not all(isinstance(step, Mapping) for step in steps) or not reads_frames(steps):
        return compose(steps)
    frames, videos = compose(steps), compose(video_steps(steps))

    def read(sample: dict[str, Any]) -> Any:
        return (videos if 'filename' in sample and 'frame_dir' not in sample else frames)(sample)

    return read


def short_clip_rule(steps: Sequence[Mapping[str, Any]]) -> str:
    """What the sampler of a pipeline does with a clip that has fewer frames than a view spans, in words."""
    sampler = next((step for step in steps if 'Sample' in kind_of(step) or kind_of(step) == 'ClipFrames'), None)
    if sampler is None:
        return 'the pipeline has no sampler of frames'
    defaults = {'ClipFrames': ('short_clips', 'segments'), 'SampleFrames': ('out_of_bound_opt', 'loop')}
    if kind_of(sampler) not in defaults:
        return f'{kind_of(sampler)} spreads its frames, and repeats some'
    key, usual = defaults[kind_of(sampler)]
    value = sampler.get(key, usual)
    return f'{SHORT_CLIPS.get(value, "")} ({kind_of(sampler)}, {key}={value!r})'


def resizes_first(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether frames are resized before anything depends on their size."""
    flat = [kind_of(one) for step in steps for one in (*(step.get('fused') or ()), step)]
    geometric = [kind for kind in flat if kind in ('Resize', 'RandomRescale') or kind.endswith(('Crop', 'FormatShape'))]
    return bool(geometric) and geometric[0] in ('Resize', 'RandomRescale')


def _video_decoder(step: Mapping[str, Any]) -> Step:
    kept = {key: step[key] for key in ('fused', 'share_repeats') if key in step and kind_of(step) in _FUSING}
    return {'type': 'VideoDecode', **kept}


def _read_otherwise(steps: Sequence[Mapping[str, Any]], decoder: Step) -> list[Step]:
    """Another decoder, nothing that opens a video, and behind the decoder what it does not fuse."""
    found: list[Step] = []
    for step in steps:
        if kind_of(step).endswith('Decode'):
            fused = step.get('fused', ()) if kind_of(step) in _FUSING else ()
            found += [dict(decoder), *(copy.deepcopy(dict(one)) for one in fused)]
        elif not kind_of(step).endswith('Init'):
            found.append(copy.deepcopy(dict(step)))
    return found


def _one_view(step: Step, is_3d: bool) -> Step:
    if kind_of(step) in _VIEWS:
        step['type'] = 'CenterCrop'
    if is_3d:
        step |= {key: value for key, value in _ONE_CLIP.items() if key in step}
    return step
