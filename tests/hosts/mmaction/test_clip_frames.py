import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
from mmaction.datasets.transforms import SampleFrames
from mmengine.dataset import Compose, worker_init_fn
from mmengine.registry import TRANSFORMS, DefaultScope, init_default_scope
from torch.utils.data import DataLoader, Dataset

from cdb_video.hosts.mmaction.clip_frames import SHORT_CLIPS, ClipFrames, cover_clip
from tests.support.clips import write_clip

COVERING = ('fit', 'segments')
SPAN = 61
"""Frames that a view of 16 frames, 4 apart, spans."""
LENGTHS = (1, 2, 5, 15, 16, 17, 31, 48, 59, 60)
"""Clips that are shorter than that."""


def sample(frames, short_clips='fit', start_index=0, **options):
    """(num_clips, clip_len) frame numbers of a clip with so many frames."""
    options = {'clip_len': 16, 'frame_interval': 4, 'short_clips': short_clips, **options}
    results = ClipFrames(**options)({'total_frames': frames, 'start_index': start_index})
    return results['frame_inds'].reshape(-1, options['clip_len'])


def offsets(views, places, seed=0):
    return np.random.RandomState(seed).random_sample((views, places))


@pytest.mark.parametrize(
    ('short_clips', 'expected'),
    [
        ('loop', [0, 4, 8, 12, 16, 0, 4, 8]),
        ('clamp', [0, 4, 8, 12, 16, 16, 16, 16]),
        ('fit', [1, 3, 6, 8, 11, 13, 16, 18]),
        ('segments', [1, 3, 6, 8, 11, 13, 16, 18]),
    ],
)
def test_the_worked_example_is_true(short_clips, expected):
    assert sample(20, short_clips, clip_len=8, test_mode=True).tolist() == [expected]


def test_the_example_of_segments_in_training_can_be_drawn():
    np.random.seed(0)
    assert sample(20, 'segments', clip_len=8).tolist() == [[1, 4, 6, 8, 11, 14, 16, 19]]


@pytest.mark.parametrize(('views', 'places'), [(1, 1), (1, 16), (10, 1), (10, 16)])
@pytest.mark.parametrize('frames', LENGTHS)
def test_a_clip_is_covered_as_the_formula_says(frames, views, places):
    offset = offsets(views, places, seed=frames)
    slow = [
        [int((k + (v + offset[v, k % places]) / views) * frames / 16) for k in range(16)]  # int() floors here
        for v in range(views)
    ]
    assert cover_clip(frames, 16, offset).tolist() == slow


@pytest.mark.parametrize('offset', [0.0, 0.5, np.nextafter(1.0, 0.0)])
@pytest.mark.parametrize('views', [1, 10])
def test_indices_are_in_range_and_in_order_for_every_length(offset, views):
    for frames in range(1, 2 * SPAN):
        found = cover_clip(frames, 16, np.full((views, 16), offset))
        assert found.min() >= 0
        assert found.max() <= frames - 1
        assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize('frames', LENGTHS)
def test_a_fitted_step_is_even_and_never_above_the_frame_interval(frames):
    found = sample(frames, 'fit', num_clips=20)
    steps = np.diff(found)
    assert steps.max() <= 4
    assert steps.max() - steps.min() <= 1
    # From the first sixteenth of the clip to the last.
    assert found[:, 0].max() <= frames // 16
    assert found[:, -1].min() >= frames - 1 - -(-frames // 16)


@pytest.mark.parametrize('short_clips', COVERING)
@pytest.mark.parametrize('frames', [3, 11, 16, 20, 60])
def test_training_takes_every_frame_of_a_short_clip_equally_often(short_clips, frames):
    np.random.seed(0)
    views = 5_000
    found = np.concatenate([sample(frames, short_clips) for _ in range(views)])
    share = np.bincount(found.ravel(), minlength=frames) / views
    # A view takes a frame 16 / frames times in the mean; the bound is five standard errors of a coin.
    assert np.abs(share - 16 / frames).max() < 5 * 0.5 / np.sqrt(views)


@pytest.mark.parametrize('frames', [1, 7, 15, 16])
def test_a_clip_with_fewer_frames_than_a_view_is_shown_frame_by_frame(frames):
    for test_mode in (False, True):
        for row in sample(frames, 'fit', num_clips=3, test_mode=test_mode):
            counts = np.bincount(row, minlength=frames)
            assert counts.min() >= 16 // frames
            assert counts.max() <= -(-16 // frames)
        # Random frames of parts that are shorter than a frame: one may be passed over, not two.
        assert np.diff(sample(frames, 'segments', num_clips=3, test_mode=test_mode)).max() <= 2


def test_segments_jitter_each_frame_within_its_own_part_of_the_clip():
    np.random.seed(0)
    found = np.concatenate([sample(32, 'segments') for _ in range(200)])
    assert (found // 2 == np.arange(16)).all()
    assert len(np.unique(found, axis=0)) > 190
    fitted = np.concatenate([sample(32, 'fit') for _ in range(200)])
    assert len(np.unique(fitted, axis=0)) == 2


@pytest.mark.parametrize('options', [{}, {'num_clips': 10}, {'num_clips': 3, 'keep_tail_frames': True}], ids=str)
@pytest.mark.parametrize('test_mode', [False, True])
@pytest.mark.parametrize('short_clips', SHORT_CLIPS)
def test_long_clips_get_what_sample_frames_gives_them(short_clips, test_mode, options):
    options = {'clip_len': 16, 'frame_interval': 4, 'test_mode': test_mode, **options}
    ours, theirs = ClipFrames(short_clips=short_clips, **options), SampleFrames(**options)
    for frames in [*range(SPAN, 70), 100, 350]:
        clip = {'total_frames': frames, 'start_index': 1}
        np.random.seed(frames)
        expected = theirs(dict(clip))
        np.random.seed(frames)
        found = ours(dict(clip))
        assert found.keys() == expected.keys()
        assert found['frame_inds'].dtype == expected['frame_inds'].dtype
        assert found.pop('frame_inds').tolist() == expected.pop('frame_inds').tolist()
        assert found == expected


@pytest.mark.parametrize('test_mode', [False, True])
@pytest.mark.parametrize(('short_clips', 'theirs'), [('loop', 'loop'), ('clamp', 'repeat_last')])
def test_loop_and_clamp_are_those_of_sample_frames(short_clips, theirs, test_mode):
    options = {'clip_len': 16, 'frame_interval': 4, 'num_clips': 2, 'test_mode': test_mode, 'temporal_jitter': True}
    ours = ClipFrames(short_clips=short_clips, **options)
    other = SampleFrames(out_of_bound_opt=theirs, **options)
    for frames in LENGTHS:
        found = []
        for pick in (ours, other):
            np.random.seed(frames)
            found.append(pick({'total_frames': frames, 'start_index': 1})['frame_inds'].tolist())
        assert found[0] == found[1]


@pytest.mark.parametrize('short_clips', SHORT_CLIPS)
@pytest.mark.parametrize('frames', [10, 40, 200])
def test_a_test_is_not_random_and_leaves_the_generator_alone(short_clips, frames):
    np.random.seed(3)
    before = np.random.get_state()[1].tolist(), np.random.get_state()[2]
    first = sample(frames, short_clips, num_clips=10, test_mode=True)
    assert (np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before
    np.random.seed(4)
    assert (sample(frames, short_clips, num_clips=10, test_mode=True) == first).all()


@pytest.mark.parametrize('short_clips', COVERING)
def test_ten_views_of_a_short_clip_see_frames_that_one_view_does_not(short_clips):
    found = sample(48, short_clips, num_clips=10, test_mode=True)
    assert found.shape == (10, 16)
    assert set(found.ravel()) == set(range(48))
    for same in ('loop', 'clamp'):
        assert len(np.unique(sample(48, same, num_clips=10, test_mode=True), axis=0)) == 1


@pytest.mark.parametrize('short_clips', SHORT_CLIPS)
def test_numbers_count_from_the_start_index_and_the_keys_are_those_of_sample_frames(short_clips):
    for frames in (20, 200):
        np.random.seed(0)
        from_zero = sample(frames, short_clips, start_index=0)
        np.random.seed(0)
        assert (sample(frames, short_clips, start_index=1) == from_zero + 1).all()
        results = ClipFrames(16, 4, 2, short_clips=short_clips)({'total_frames': frames, 'start_index': 1})
        assert results.pop('frame_inds').dtype == np.int32
        assert results == {
            'total_frames': frames,
            'start_index': 1,
            'clip_len': 16,
            'frame_interval': 4,
            'num_clips': 2,
        }


class OneShortClip(Dataset):
    """The same clip over and over, its frames chosen in training mode."""

    def __init__(self, short_clips):
        self.short_clips = short_clips

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return sample(40, self.short_clips)


@pytest.mark.parametrize('short_clips', COVERING)
def test_workers_that_mmengine_seeds_draw_the_same_again_and_differ_from_each_other(short_clips):
    def draw(seed):
        seeded = partial(worker_init_fn, num_workers=2, rank=0, seed=seed)
        loader = DataLoader(OneShortClip(short_clips), num_workers=2, worker_init_fn=seeded)
        return np.concatenate([batch.numpy() for batch in loader])[:, 0]

    found = draw(5)
    assert (found == draw(5)).all()
    assert (found != draw(6)).any()
    assert len(np.unique(found, axis=0)) > 1


def test_a_real_video_shorter_than_a_view_goes_through_a_pipeline_of_mmaction(tmp_path):
    clip = write_clip(tmp_path / 'clip.mp4', frames=12, shade=range(20, 260, 20), crf='1')
    init_default_scope('mmaction')
    pipeline = Compose(
        [
            {'type': 'PyAVInit'},
            {'type': 'ClipFrames', 'clip_len': 8, 'frame_interval': 4, 'num_clips': 2, 'test_mode': True},
            {'type': 'PyAVDecode'},
            {'type': 'FormatShape', 'input_format': 'NCTHW'},
        ]
    )
    results = pipeline({'filename': str(clip), 'start_index': 0, 'modality': 'RGB'})
    assert results['imgs'].shape == (2, 3, 8, 48, 64)
    shades = results['imgs'].mean(axis=(1, 3, 4))
    expected = 20 + 20 * cover_clip(12, 8, np.full((2, 1), 0.5))
    assert np.abs(shades - expected).max() < 5


def test_it_is_found_from_the_scope_of_mmaction_and_says_what_it_is():
    with DefaultScope.overwrite_default_scope('mmaction'):
        built = TRANSFORMS.build({'type': 'ClipFrames', 'clip_len': 32, 'frame_interval': 2, 'short_clips': 'clamp'})
    assert isinstance(built, SampleFrames)
    assert repr(built) == (
        "ClipFrames(clip_len=32, frame_interval=2, num_clips=1, short_clips='clamp', test_mode=False)"
    )


def test_the_default_is_the_policy_that_was_measured_best():
    assert ClipFrames(clip_len=32).short_clips == 'segments'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'short_clips': 'stretch'}, r"short_clips='stretch': must be one of 'loop', 'clamp', 'fit', 'segments'"),
        ({'clip_len': 0}, 'clip_len=0: must be a whole number of at least 1'),
        ({'frame_interval': 1.5}, 'frame_interval=1.5: must be a whole number'),
        ({'num_clips': -1}, 'num_clips=-1: must be'),
        ({'temporal_jitter': True}, r"temporal_jitter=True does not go with short_clips='fit'.*'loop' or 'clamp'"),
        ({'short_clips': 'segments', 'target_fps': 12}, r"target_fps=12 does not go with short_clips='segments'"),
        ({'twice_sample': True}, 'twice_sample=True does not go with'),
    ],
)
def test_arguments_that_do_not_work_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sample(20, **{'short_clips': 'fit', **options})


@pytest.mark.parametrize('short_clips', SHORT_CLIPS)
def test_a_clip_without_frames_is_named(short_clips):
    with pytest.raises(ValueError, match=r'total_frames=0 of frames/s1/a: a clip must have frames'):
        ClipFrames(16, 4, short_clips=short_clips)({'total_frames': 0, 'start_index': 1, 'frame_dir': 'frames/s1/a'})


def test_a_video_that_nobody_has_opened_is_named_with_a_remedy():
    with pytest.raises(ValueError, match=r'how many frames a.mp4 has. A video needs VideoInit .* cdb_video.load'):
        ClipFrames(16, 4)({'filename': 'a.mp4', 'start_index': 0})


def test_without_mmaction_the_package_imports_and_the_name_says_what_is_missing():
    code = """
        import sys
        sys.modules['mmaction'] = None
        from mmengine.registry import TRANSFORMS
        import cdb_video
        TRANSFORMS.build(dict(type='ClipFrames', clip_len=16))
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'ClipFrames needs mmaction2' in done.stderr.strip().splitlines()[-1]
