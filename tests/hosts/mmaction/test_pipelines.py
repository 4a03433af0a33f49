import pytest
from mmengine.config import ConfigDict

from cdb_video.hosts.mmaction.pipelines import (
    array_steps,
    composed_by_input,
    frame_steps,
    inferencer_steps,
    kind_of,
    resizes_first,
    short_clip_rule,
    single_view,
    video_steps,
)

FUSED = [{'type': 'Resize', 'scale': (-1, 32)}, {'type': 'CenterCrop', 'crop_size': 32}]
SAMPLE = {'type': 'ClipFrames', 'clip_len': 8, 'num_clips': 10}
BEHIND = [{'type': 'ThreeCrop', 'crop_size': 32}, {'type': 'FormatShape', 'input_format': 'NCTHW'}]
PACK = [SAMPLE, {'type': 'PackDecode', 'fused': FUSED, 'share_repeats': True, 'io_backend': 'disk'}, *BEHIND]
VIDEO = [{'type': 'VideoInit'}, SAMPLE, {'type': 'VideoDecode', 'fused': FUSED, 'share_repeats': True}, *BEHIND]
MODEL = {'type': 'Recognizer3D'}


def kinds(steps):
    return [kind_of(step) for step in steps]


def test_a_pack_becomes_a_video_and_keeps_what_is_fused():
    assert video_steps(PACK) == VIDEO


def test_frames_become_a_video_and_the_steps_behind_them_stay():
    raw = [SAMPLE, {'type': 'RawFrameDecode', 'io_backend': 'disk'}, *FUSED, *BEHIND]
    assert video_steps(raw) == [{'type': 'VideoInit'}, SAMPLE, {'type': 'VideoDecode'}, *FUSED, *BEHIND]


@pytest.mark.parametrize('start', ['VideoInit', 'DecordInit', 'PyAVInit', 'OpenCVInit', 'OwnInit'])
def test_a_pipeline_of_videos_stays_as_it_is(start):
    steps = [{'type': start}, SAMPLE, {'type': start.replace('Init', 'Decode')}, *BEHIND]
    assert video_steps(steps) == steps


def test_a_pipeline_that_reads_neither_is_refused_by_name():
    with pytest.raises(ValueError, match=r'the test pipeline \(PoseDecode, FormatShape\) reads no video'):
        video_steps([{'type': 'PoseDecode'}, {'type': 'FormatShape'}])


def test_arrays_and_folders_get_what_is_fused_behind_the_decoder():
    for steps in (PACK, VIDEO):
        assert array_steps(steps) == [SAMPLE, {'type': 'ArrayDecode'}, *FUSED, *BEHIND]
        assert frame_steps(steps) == [SAMPLE, {'type': 'RawFrameDecode'}, *FUSED, *BEHIND]


def test_a_single_view_is_the_middle_crop_of_one_clip_whatever_samples_it():
    for sampler in (
        {'type': 'SampleFrames', 'num_clips': 10, 'twice_sample': True},
        {'type': 'ClipFrames', 'num_clips': 10},
        {'type': 'UniformSample', 'num_clips': 4},
        {'type': 'DenseSampleFrames', 'num_clips': 8, 'num_sample_positions': 10},
    ):
        first, *rest = single_view([sampler, *BEHIND], MODEL)
        assert {first[key] for key in first if key != 'type'} <= {1, False}
        assert set(first) == set(sampler)
        assert kinds(rest) == ['CenterCrop', 'FormatShape']
        assert rest[0]['crop_size'] == 32


@pytest.mark.parametrize(
    ('model', 'left'),
    [
        ({'type': 'Recognizer3D'}, 1),
        ({'type': 'mmaction.models.Recognizer3D'}, 1),
        ({'type': 'FrozenFeatures', 'recognizer': 'Recognizer3D'}, 1),
        ({'type': 'Recognizer2D'}, 10),
        ({'type': 'FrozenFeatures', 'recognizer': 'Recognizer2D'}, 10),
    ],
)
def test_the_segments_of_a_2d_recognizer_are_no_views(model, left):
    assert single_view(VIDEO, model)[1]['num_clips'] == left


def test_no_function_changes_the_steps_that_it_is_given():
    steps = [ConfigDict(step) for step in PACK]
    before = repr(steps)
    for change in (video_steps, array_steps, frame_steps, lambda given: single_view(given, MODEL)):
        change(steps)[-2]['crop_size'] = 7
    assert repr(steps) == before


def test_types_may_be_classes_and_full_paths():
    class PackDecode:
        pass

    steps = [{'type': 'mmaction.datasets.transforms.SampleFrames'}, {'type': PackDecode, 'fused': FUSED}]
    assert video_steps(steps)[2] == {'type': 'VideoDecode', 'fused': FUSED}
    assert kind_of(steps[0]) == 'SampleFrames'


def test_the_inferencer_is_left_alone_with_configs_that_have_nothing_of_ours():
    stock = [{'type': 'DecordInit'}, {'type': 'SampleFrames'}, {'type': 'DecordDecode'}]
    config = ConfigDict(model=MODEL, test_dataloader={'dataset': {'pipeline': stock}})
    assert inferencer_steps(config, 'video') is None
    config.test_dataloader.dataset.pipeline = PACK
    by_format = {name: kinds(inferencer_steps(config, name)) for name in ('video', 'rawframes', 'array', 'dict')}
    assert by_format['video'][:3] == ['VideoInit', 'ClipFrames', 'VideoDecode']
    assert by_format['rawframes'][1:4] == ['RawFrameDecode', 'Resize', 'CenterCrop']
    assert by_format['array'][1:4] == ['ArrayDecode', 'Resize', 'CenterCrop']
    assert by_format['dict'][1:3] == ['PackDecode', 'CenterCrop']


def test_a_pipeline_of_packs_has_a_twin_for_paths_of_videos():
    composed = composed_by_input(lambda steps: lambda sample: kinds(steps), PACK)
    assert composed({'frame_dir': 'a', 'total_frames': 3})[1] == 'PackDecode'
    assert composed({'filename': 'a.mp4'})[0] == 'VideoInit'
    assert composed_by_input(kinds, VIDEO) == kinds(VIDEO)
    assert composed_by_input(list, [len]) == [len]


def test_the_rule_for_short_clips_is_said_in_words():
    assert short_clip_rule(PACK) == (
        "one frame is taken from each of as many equal parts (ClipFrames, short_clips='segments')"
    )
    assert short_clip_rule([{'type': 'SampleFrames'}]) == (
        "it starts over at its first frame (SampleFrames, out_of_bound_opt='loop')"
    )
    assert short_clip_rule([{'type': 'UniformSample'}]) == 'UniformSample spreads its frames, and repeats some'
    assert short_clip_rule([]) == 'the pipeline has no sampler of frames'


def test_a_resize_counts_where_nothing_depends_on_the_size_before_it():
    assert resizes_first(PACK)
    assert resizes_first(video_steps([SAMPLE, {'type': 'RawFrameDecode'}, *FUSED, *BEHIND]))
    assert not resizes_first([SAMPLE, {'type': 'PackDecode', 'fused': FUSED[::-1]}, *BEHIND])
    assert not resizes_first([SAMPLE, {'type': 'PackDecode'}, *BEHIND])
    assert not resizes_first([])
