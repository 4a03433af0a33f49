"""What mmaction2's transforms assert without words, or do not check, comes with value, rule, remedy and clip."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS, init_default_scope

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.hosts.mmaction.fused_steps import FusedSteps
from cdb_video.hosts.mmaction.step_rules import build_step
from cdb_video.hosts.mmaction.stock_readers import read


@pytest.fixture(autouse=True)
def mmaction_scope():
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')


def sample(frames=4, size=(64, 48), **keys):
    images = [np.zeros((size[1], size[0], 3), np.uint8) for _ in range(frames)]
    start = {'filename': 'take/a.mp4', 'imgs': images, 'img_shape': size[::-1], 'num_clips': 1, 'clip_len': frames}
    return start | {'modality': 'RGB', 'total_frames': frames, 'start_index': 0} | keys


@pytest.mark.parametrize(
    ('step', 'keys', 'said'),
    [
        ({'type': 'RandomCrop', 'size': 56}, {}, r'a crop of 56x56 does not lie in a frame of 64x48.*scale=\(-1, 56\)'),
        ({'type': 'CenterCrop', 'crop_size': 56}, {}, 'a crop of 56x56 does not lie in a frame of 64x48'),
        ({'type': 'TenCrop', 'crop_size': (70, 48)}, {}, 'a crop of 70x48 does not lie in a frame of 64x48'),
        ({'type': 'ThreeCrop', 'crop_size': 40}, {}, 'three crops of 40x40 along one side of a frame of 64x48 need'),
        ({'type': 'ThreeCrop', 'crop_size': 64}, {}, 'three crops of 64x64'),
        ({'type': 'RandomResizedCrop', 'area_range': (0.5, 1.5)}, {}, r'area_range=\(0.5, 1.5\) must be'),
        ({'type': 'RandomResizedCrop', 'aspect_ratio_range': (2.0, 1.0)}, {}, 'aspect_ratio_range=.*least'),
        ({'type': 'MultiScaleCrop', 'input_size': 40, 'scales': (1, 1.5)}, {}, r'scales=\(1, 1.5\) must lie in'),
        ({'type': 'Resize', 'scale': (0, 56), 'keep_ratio': False}, {}, r'scale=\(0, 56\) must be two sides above 0'),
        ({'type': 'Resize', 'scale': (-1, 56), 'keep_ratio': False}, {}, 'keep_ratio=False needs both'),
        ({'type': 'Resize', 'scale': 0.005}, {}, 'a frame of 64x48 would become one of'),
        ({'type': 'SampleFrames', 'clip_len': 0}, {}, 'clip_len=0 must be a whole number of at least 1'),
        ({'type': 'SampleFrames', 'clip_len': 4, 'frame_interval': 0}, {}, 'frame_interval=0 must be'),
        ({'type': 'SampleFrames', 'clip_len': 4}, {'total_frames': 0}, 'total_frames=0: a clip must have frames'),
        ({'type': 'UniformSample', 'clip_len': 4, 'num_clips': 0}, {}, 'num_clips=0 must be'),
        ({'type': 'FormatShape', 'input_format': 'NCTHW'}, {'clip_len': 3}, '4 frames are no multiple of num_clips=1'),
        ({'type': 'FormatShape', 'input_format': 'NCHW', 'collapse': True}, {'num_clips': 2}, 'collapse=True needs'),
        (
            {'type': 'FormatShape', 'input_format': 'NCTHW', 'collapse': True},
            {'clip_len': 2},
            r"does not take this sample: its code has \"assert results\['imgs'\].shape\[0\] == 1\"",
        ),
    ],
    ids=lambda value: value.get('type') if isinstance(value, dict) else None,
)
def test_step_that_cannot_work_says_why_and_names_the_clip(step, keys, said):
    with pytest.raises(ValueError, match=rf'^take/a\.mp4: {step["type"]}\(.*{said}'):
        read(Compose([step]), sample(**keys))


@pytest.mark.parametrize(
    'step',
    [
        {'type': 'RandomCrop', 'size': 48},
        {'type': 'CenterCrop', 'crop_size': (64, 48)},
        {'type': 'TenCrop', 'crop_size': 40},
        {'type': 'ThreeCrop', 'crop_size': 48},
        {'type': 'ThreeCrop', 'crop_size': (64, 40)},
        {'type': 'RandomResizedCrop'},
        {'type': 'MultiScaleCrop', 'input_size': 40},
        {'type': 'Resize', 'scale': (-1, 56)},
        {'type': 'Resize', 'scale': (56, 56), 'keep_ratio': False},
        {'type': 'SampleFrames', 'clip_len': 4, 'num_clips': 3},
        {'type': 'UniformSample', 'clip_len': 4},
        {'type': 'FormatShape', 'input_format': 'NCTHW'},
    ],
    ids=lambda step: step['type'],
)
def test_step_that_can_work_gives_what_it_gives_by_itself(step):
    transform = TRANSFORMS.build(step)
    results = []
    for pipeline in (lambda one: read(Compose([transform]), one), transform):
        np.random.seed(0)
        results.append(pipeline(sample()))
    assert results[0]['img_shape'] == results[1]['img_shape']
    np.testing.assert_array_equal(np.array(results[0]['imgs']).shape, np.array(results[1]['imgs']).shape)


@pytest.mark.parametrize(
    ('step', 'said'),
    [
        (
            {'type': 'RandomRescale', 'scale_range': (64, 64)},
            r'RandomRescale\(scale_range=\(64, 64\)\) does not take these options: its code has "assert scale_range',
        ),
        ({'type': 'SampleFrames', 'clip_len': 4, 'out_of_bound_opt': 'stop'}, "opt='stop'.*'loop', 'rep"),
        ({'type': 'ColorJitter', 'brightness': (3.0, 1.0)}, r'ColorJitter\(brightness=\(3.0, 1.0\)\).*assert'),
    ],
)
def test_options_that_are_asserted_without_words_are_told_with_their_rule(step, said):
    with pytest.raises(ValueError, match=said):
        build_step(step)


def test_crop_in_a_decoder_names_the_clip_too():
    steps = FusedSteps([{'type': 'RandomCrop', 'size': 56}])
    with pytest.raises(ValueError, match=r'^take/a\.mp4: RandomCrop.*a crop of 56x56 does not lie in a frame of 64x48'):
        steps.draw({'filename': 'take/a.mp4'}, (64, 48))
    with pytest.raises(ValueError, match=r'RandomResizedCrop.*area_range=\(0.0, 1.0\) must be'):
        FusedSteps([{'type': 'RandomResizedCrop', 'area_range': (0.0, 1.0)}])


def test_assertions_of_steps_of_one_s_own_pass_as_they_are():
    def step(results):
        raise AssertionError('mine')

    with pytest.raises(AssertionError, match='mine'):
        read(Compose([step]), sample())
