import hashlib
import json
import shutil
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import av
import numpy as np
import pytest
from make_egtea_mini import main
from prep.mini import data_set
from prep.mini.clip import Options, encode
from prep.mini.motions import VERBS
from prep.mini.plan import TEST_COUNT, VAL_COUNT, class_sizes, draw_lengths, make_plan

from cdb_video_files.annotations import format_annotation_line, read_annotations, read_index
from cdb_video_files.clip_names import parse_clip_name

pytestmark = pytest.mark.slow

HOLD_OUT = {f'P{number}' for number in range(20, 27)}
TINY = ['--scale', '0.02', '--size', '32', '--workers', '1']


def content(folder):
    """Path -> bytes of every file below a folder."""
    files = (path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """A whole EGTEA-mini at scale 0.02; not to be changed."""
    out = tmp_path_factory.mktemp('tiny') / 'egtea_mini'
    assert main(['--out', str(out), *TINY]) == 0
    return out


@pytest.fixture(scope='module')
def plan():
    return make_plan(seed=0)


def by_verb(annotations, keep):
    return Counter(a.verb for a in annotations if keep(a))


@pytest.mark.parametrize('split', [1, 2, 3])
def test_every_split_has_the_planned_number_of_clips_per_verb(plan, split):
    train, test = plan.split(split, 'train'), plan.split(split, 'test')
    held_out = by_verb(train, lambda a: a.clip.subject in HOLD_OUT)
    others = by_verb(train, lambda a: a.clip.subject not in HOLD_OUT)
    verbs = range(1, 20)
    assert held_out == dict.fromkeys(verbs, 15)
    assert by_verb(test, lambda a: True) == dict.fromkeys(verbs, 50)
    assert by_verb(test, lambda a: a.clip.subject in HOLD_OUT) == dict.fromkeys(verbs, 12)
    assert others == {verb: VERBS[verb - 1].train_count for verb in verbs}


@pytest.mark.parametrize('split', [1, 2, 3])
def test_every_split_is_a_partition_of_all_clips(plan, split):
    train = {str(a.clip) for a in plan.split(split, 'train')}
    test = {str(a.clip) for a in plan.split(split, 'test')}
    assert not train & test
    assert train | test == {str(clip.annotation.clip) for clip in plan.clips}
    assert len(train) + len(test) == len(plan.clips)


def test_test_sets_of_a_large_class_are_disjoint_and_those_of_a_small_one_differ(plan):
    tests = [{str(a.clip) for a in plan.split(k, 'test') if a.verb == 3} for k in (1, 2, 3)]
    others = [{name for name in names if name[:3] not in HOLD_OUT} for names in tests]
    assert not others[0] & others[1]
    assert not others[1] & others[2]
    rare = [{str(a.clip) for a in plan.split(k, 'test') if a.verb == 18} for k in (1, 2, 3)]
    assert rare[0] != rare[1] != rare[2] != rare[0]


@pytest.mark.parametrize('split', [1, 2, 3])
def test_every_action_occurs_in_train_val_and_test_of_every_split(plan, split):
    train, test = plan.split(split, 'train'), plan.split(split, 'test')
    parts = (
        [a for a in train if a.clip.subject not in HOLD_OUT],
        [a for a in train if a.clip.subject in HOLD_OUT],
        test,
    )
    for part in parts:
        assert {a.action for a in part} == set(plan.actions)


def test_train_counts_are_long_tailed_like_those_of_egtea():
    egtea = [429, 779, 1421, 822, 129, 1335, 130, 308, 223, 249, 54, 54, 139, 42, 78, 117, 26, 15]
    counts = [verb.train_count for verb in VERBS]
    assert counts == [max(8, round(count * 240 / 1421)) for count in [*egtea, 22]]
    assert max(counts) / min(counts) >= 30


def test_an_action_is_one_pair_of_verb_and_noun(plan):
    assert len(set(plan.actions.values())) == len(plan.actions)
    for clip in plan.clips:
        annotation = clip.annotation
        assert plan.actions[annotation.action] == (annotation.verb, annotation.nouns[0])


def test_clip_names_are_unique_and_their_times_and_frames_agree(plan):
    names = [clip.annotation.clip for clip in plan.clips]
    assert len(set(names)) == len(names)
    for clip, name in zip(plan.clips, names, strict=True):
        assert parse_clip_name(str(name)) == name
        pad = 0.1 * (name.end_ms - name.start_ms)
        assert abs(name.start_frame - (name.start_ms - pad) * 0.024) < 1
        assert abs(name.end_frame - (name.end_ms + pad) * 0.024) < 1
        assert 15 <= clip.num_frames <= 64


def test_clips_of_a_session_do_not_overlap_in_time(plan):
    ends = {}
    for name in sorted((c.annotation.clip for c in plan.clips), key=lambda n: n.start_frame):
        assert name.start_frame > ends.get(name.session, 0)
        ends[name.session] = name.end_frame


def test_lengths_follow_egtea_up_to_the_cut():
    lengths = np.array(draw_lengths(20_000, np.random.default_rng(0)))
    assert lengths.min() == 15
    assert lengths.max() == 64
    assert abs(np.percentile(lengths, 5) - 20) <= 1
    assert abs(np.median(lengths) - 56) <= 2


@pytest.mark.parametrize(('max_frames', 'expected'), [(350, [56, 102, 342, 350]), (2801, [56, 102, 342, 711])])
def test_with_a_later_cut_lengths_follow_egtea_up_to_it(max_frames, expected):
    lengths = np.array(draw_lengths(20_000, np.random.default_rng(0), max_frames))
    assert lengths.min() == 15
    assert lengths.max() <= max_frames
    np.testing.assert_allclose(np.percentile(lengths, [50, 75, 95, 99]), expected, rtol=0.08)
    assert abs(np.mean(lengths < 64) - 0.56) < 0.01


def test_another_cut_changes_the_clips_beyond_it_and_no_others(plan):
    longer = make_plan(seed=0, max_frames=350)
    pairs = list(zip(plan.clips, longer.clips, strict=True))
    assert all(min(long.num_frames, 64) == clip.num_frames for clip, long in pairs)
    assert max(long.num_frames for _, long in pairs) == 350
    for clip, long in pairs:
        assert long.test_splits == clip.test_splits
        assert (long.annotation.verb, long.annotation.nouns) == (clip.annotation.verb, clip.annotation.nouns)


def test_few_sessions_are_those_of_every_second_verb_and_of_training_clips_alone(plan):
    narrow = make_plan(seed=0, few_sessions=True)
    pairs = list(zip(plan.clips, narrow.clips, strict=True))
    assert all((a.index, a.test_splits, a.num_frames) == (b.index, b.test_splits, b.num_frames) for a, b in pairs)
    assert all((a.annotation.verb, a.annotation.nouns) == (b.annotation.verb, b.annotation.nouns) for a, b in pairs)
    for verb in range(1, 20):
        train, test = ([a.clip for a in narrow.split(1, part) if a.verb == verb] for part in ('train', 'test'))
        sessions = {clip.session for clip in train if clip.subject not in HOLD_OUT}
        assert (len(sessions) <= 2) == (verb % 2 == 0)
        assert len({clip.session for clip in train if clip.subject in HOLD_OUT}) > 2
        assert len({clip.session for clip in test}) > 10


def test_another_seed_gives_another_plan_of_the_same_sizes(plan):
    other = make_plan(seed=1)
    assert len(other.clips) == len(plan.clips)
    assert other.clips[0].annotation != plan.clips[0].annotation


def test_a_small_scale_keeps_every_verb_in_every_part():
    for verb in range(1, 20):
        assert class_sizes(verb, 1.0)[1:] == (VAL_COUNT, TEST_COUNT - 12, 12)
        assert min(class_sizes(verb, 0.001)) >= 1
    small = make_plan(seed=0, scale=0.001)
    assert {a.verb for a in small.split(3, 'train')} == set(range(1, 20))


@pytest.mark.parametrize(('seed', 'scale'), [(33, 0.02), (146, 0.02), (31, 0.05), (2, 0.1), (0, 0.001)])
def test_every_hold_out_subject_has_a_training_clip_at_a_small_scale(seed, scale):
    small = make_plan(seed, scale)
    for split in (1, 2, 3):
        assert {a.clip.subject for a in small.split(split, 'train')} >= HOLD_OUT


def test_the_whole_data_set_is_the_one_that_the_results_were_made_with(plan):
    lines = [
        f'{format_annotation_line(a)}\n' for k in (1, 2, 3) for part in ('train', 'test') for a in plan.split(k, part)
    ]
    found = hashlib.sha256(''.join(lines).encode()).hexdigest()
    assert found == 'f59186449a0260d5c7890ca6afe4924e02112178c754ee32ade6a080c43d5055'


def test_the_folder_has_the_layout_of_egtea(tiny):
    annotations = tiny / 'action_annotation'
    verbs = read_index(annotations / 'verb_idx.txt')
    nouns = read_index(annotations / 'noun_idx.txt')
    actions = read_index(annotations / 'action_idx.txt')
    assert verbs[4] == 'Rotate counter-clockwise'
    assert (len(verbs), len(nouns)) == (19, 12)
    both = [
        *read_annotations(annotations / 'train_split1.txt'),
        *read_annotations(annotations / 'test_split1.txt'),
    ]
    files = {path.relative_to(tiny / 'cropped_clips') for path in tiny.rglob('*.mp4')}
    assert files == {Path(f'{a.clip.path}.mp4') for a in both}
    for a in both:
        assert actions[a.action] == f'{verbs[a.verb]} {nouns[a.nouns[0]]}'


def test_every_clip_decodes_to_the_frames_that_its_name_promises(tiny):
    for path in sorted(tiny.rglob('*.mp4')):
        name = parse_clip_name(path.stem)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.average_rate, stream.width, stream.height) == (24, 32, 32)
            assert sum(1 for _ in container.decode(stream)) == name.end_frame - name.start_frame


def test_the_same_options_give_the_same_bytes_with_more_workers(tiny, tmp_path):
    out = tmp_path / 'again'
    assert main(['--out', str(out), '--scale', '0.02', '--size', '32', '--workers', '2']) == 0
    assert content(out) == content(tiny)


def test_a_second_run_says_that_there_is_nothing_to_do(tiny, capsys):
    before = {path: path.stat().st_mtime_ns for path in tiny.rglob('*')}
    assert main(['--out', str(tiny), *TINY]) == 0
    assert 'nothing to do' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tiny.rglob('*')} == before


def test_an_interrupted_run_is_completed_to_the_same_bytes(tiny, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'broken'
    made = []

    def stop_at_the_third(job):
        if len(made) == 3:
            job.path.parent.mkdir(parents=True, exist_ok=True)
            job.path.with_name(job.path.name + '.part').write_bytes(b'half a clip')
            raise KeyboardInterrupt
        made.append(job)
        make_clip(job)

    make_clip = data_set.make_clip
    monkeypatch.setattr(data_set, 'make_clip', stop_at_the_third)
    assert main(['--out', str(out), *TINY]) == 130
    assert 'goes on from here' in capsys.readouterr().err
    assert not (out / 'action_annotation').exists()
    monkeypatch.setattr(data_set, 'make_clip', make_clip)
    assert main(['--out', str(out), *TINY]) == 0
    total = len(list(tiny.rglob('*.mp4')))
    assert f'{total - 3} of {total} clips made' in capsys.readouterr().out
    assert content(out) == content(tiny)


def test_a_clip_that_was_lost_is_made_again(tiny, tmp_path):
    out = tmp_path / 'egtea_mini'
    assert main(['--out', str(out), *TINY]) == 0
    next(out.rglob('*.mp4')).unlink()
    assert main(['--out', str(out), *TINY]) == 0
    assert content(out) == content(tiny)


@pytest.fixture
def own(tiny, tmp_path):
    """A copy of the tiny data set, to be changed at will."""
    return shutil.copytree(tiny, tmp_path / 'own')


def test_an_emptied_clip_is_made_again(tiny, own):
    next(own.rglob('*.mp4')).write_bytes(b'')
    assert main(['--out', str(own), *TINY]) == 0
    assert content(own) == content(tiny)


@pytest.mark.parametrize('harm', [lambda data: data[: len(data) // 2], lambda data: bytes(len(data))])
def test_a_damaged_clip_is_named_and_made_again_once_it_is_removed(tiny, own, capsys, harm):
    clip = sorted(own.rglob('*.mp4'))[3]
    clip.write_bytes(harm(clip.read_bytes()))
    assert main(['--out', str(own), *TINY]) == 2
    assert f'1 clips are damaged: {clip}. Remove them' in capsys.readouterr().err
    clip.unlink()
    assert main(['--out', str(own), *TINY]) == 0
    assert content(own) == content(tiny)


def test_a_clip_that_was_exchanged_for_another_is_noticed(own, capsys):
    one, other, *_ = (path for path in sorted(own.rglob('*.mp4')) if _frames(path) == 64)
    shutil.copy(one, other)
    assert main(['--out', str(own), *TINY]) == 2
    assert 'are not the ones that egtea_mini.json was written for' in capsys.readouterr().err


def _frames(path):
    name = parse_clip_name(path.stem)
    return name.end_frame - name.start_frame


@pytest.mark.parametrize('lost', [False, True])
def test_an_edited_annotation_is_never_overwritten(own, capsys, lost):
    edited = own / 'action_annotation/train_split2.txt'
    edited.write_text(edited.read_text().split('\n', 1)[1])
    if lost:
        next(own.rglob('*.mp4')).unlink()
    before = content(own)
    assert main(['--out', str(own), *TINY]) == 2
    assert f'{edited} differ from what these options give' in capsys.readouterr().err
    assert content(own) == before


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / 'letter.txt').write_text('dear')
    assert main(['--out', str(tmp_path), *TINY]) == 2
    assert 'is not empty and holds no EGTEA-mini' in capsys.readouterr().err
    assert content(tmp_path) == {'letter.txt': b'dear'}


def test_a_folder_made_with_other_options_is_refused_and_left_alone(tiny, capsys):
    before = content(tiny)
    assert main(['--out', str(tiny), *TINY, '--seed', '1']) == 2
    assert "'seed': 0" in capsys.readouterr().err
    assert content(tiny) == before


def test_a_set_with_another_cut_has_its_lengths_and_is_not_taken_for_the_usual_one(tiny, tmp_path, capsys):
    out = tmp_path / 'longer'
    assert main(['--out', str(out), '--scale', '0.001', '--size', '32', '--workers', '1', '--max-frames', '90']) == 0
    lengths = [_frames(path) for path in out.rglob('*.mp4')]
    assert 64 < max(lengths) <= 90
    assert json.loads((out / data_set.MANIFEST).read_text())['options']['max_frames'] == 90
    # What came later is not stated at its usual value, so that sets made before are still known.
    assert not {'max_frames', 'few_sessions'} & json.loads((tiny / data_set.MANIFEST).read_text())['options'].keys()
    assert main(['--out', str(tiny), *TINY, '--max-frames', '90']) == 2
    assert "'max_frames': 90" in capsys.readouterr().err
    assert main(['--out', str(tiny), *TINY, '--few-sessions']) == 2
    assert "'few_sessions': True" in capsys.readouterr().err


@pytest.mark.parametrize('text', ['{', '[]', '{"data_set": "other"}'])
def test_a_manifest_of_something_else_is_refused(tmp_path, text):
    (tmp_path / data_set.MANIFEST).write_text(text)
    with pytest.raises(ValueError, match=r'egtea_mini\.json is no'):
        data_set.check_folder(tmp_path, Options(0, 64, 1.0, 'libx264'))


@pytest.mark.parametrize('options', [[1], 'abc', None])
def test_options_of_a_manifest_that_are_none_are_refused(tmp_path, options):
    (tmp_path / data_set.MANIFEST).write_text(json.dumps({'data_set': 'EGTEA-mini', 'options': options}))
    with pytest.raises(ValueError, match=r'states the options .* which are none'):
        data_set.check_folder(tmp_path, Options(0, 64, 1.0, 'libx264'))


@pytest.mark.parametrize(
    ('error', 'message'),
    [(OSError(28, 'No space left on device'), 'No space left'), (BrokenProcessPool(), 'use fewer --workers')],
)
def test_a_full_disk_or_a_lost_worker_is_one_line(tmp_path, monkeypatch, capsys, error, message):
    def fail(job):
        raise error

    monkeypatch.setattr(data_set, 'make_clip', fail)
    assert main(['--out', str(tmp_path / 'out'), *TINY]) == 2
    assert message in capsys.readouterr().err


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    file = tmp_path / 'file'
    file.touch()
    with pytest.raises(ValueError, match='is a file'):
        data_set.check_folder(file, Options(0, 64, 1.0, 'libx264'))


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('--seed', '-1', 'negative'),
        ('--workers', '0', 'less than 1'),
        ('--size', '48', 'multiple of 32'),
        ('--scale', '0', r'outside \(0, 1\]'),
        ('--max-frames', '14', 'less than 15'),
    ],
)
def test_an_option_outside_its_range_is_refused(tmp_path, capsys, option, value, message):
    with pytest.raises(SystemExit):
        main(['--out', str(tmp_path / 'out'), option, value])
    assert value in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_the_manifest_tells_what_was_made(tiny):
    record = json.loads((tiny / data_set.MANIFEST).read_text())
    paths = [*tiny.rglob('*.mp4'), *tiny.rglob('*.txt')]
    assert record['complete'] is True
    assert record['num_clips'] == len(list(tiny.rglob('*.mp4')))
    assert record['sha256'] == data_set.digest(tiny, paths)


def test_the_fallback_codec_keeps_every_frame_and_the_picture(tmp_path):
    ramp = np.linspace(0, 200, 64, dtype=np.uint8)
    frames = np.stack([np.broadcast_to(ramp[:, None] + k, (64, 64)) for k in range(15)])
    frames = np.repeat(frames[..., None], 3, axis=-1)
    encode(frames, tmp_path / 'clip.mp4', 'mpeg4')
    with av.open(str(tmp_path / 'clip.mp4')) as container:
        shown = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    assert len(shown) == 15
    assert np.abs(np.array(shown, float) - frames).mean() < 4
