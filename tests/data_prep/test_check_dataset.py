"""check_dataset: what it finds in lists, frames and videos, and that it finds nothing in sound ones."""

import dataclasses
import os
import shutil

import build_lists
import check_dataset
import cv2
import extract_frames
import make_egtea_mini
import numpy as np
import pytest
from prep.check.job import Settings
from prep.check.jpegs import sample_numbers
from prep.workers.pool import Lost

from cdb_video_files.class_lists import write_class_names
from cdb_video_files.clip_names import parse_clip_name
from cdb_video_files.lists import VideoEntry, read_video_list, write_video_list
from tests.support.checked import LISTS, entries, run, wrong
from tests.support.clips import cut, spoil_middle, write_audio, write_clip, write_shortened_by_edit_list

pytestmark = pytest.mark.slow

LABELS = {'label', 'lists differ', 'summary'}


@pytest.fixture(scope='module')
def _mini(tmp_path_factory):
    """EGTEA-mini at a small scale, extracted and listed."""
    root = tmp_path_factory.mktemp('mini') / 'egtea_mini'
    assert make_egtea_mini.main(['--out', str(root), '--scale', '0.05', '--size', '32', '--workers', '1']) == 0
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    args = ['--label', 'verb', '--split', '1', '--hold-out', 'subjects:P20-P26']
    assert build_lists.main(['--data-root', str(root), *args]) == 0
    return root


@pytest.fixture
def root(_mini, tmp_path):
    """A copy to be changed at will, but for the frames: a session's folder is a link until `own_session`."""
    root = tmp_path / 'mini'
    for name in ('action_annotation', 'lists', 'cropped_clips'):
        shutil.copytree(_mini / name, root / name)
    (root / 'frames').mkdir()
    for session in (_mini / 'frames').iterdir():
        (root / 'frames' / session.name).symlink_to(session)
    return root


def own_session(root, clip):
    """Turn the link to the frames of a clip's session into a copy; return the clip's folder."""
    session = root / 'frames' / clip.split('/')[0]
    if session.is_symlink():
        source = session.resolve()
        session.unlink()
        shutil.copytree(source, session)
    return root / 'frames' / clip


@pytest.mark.parametrize('options', [(), ('--full',)])
def test_a_sound_data_set_passes_and_every_clip_is_read(root, capsys, options):
    code, result = run(root, *options)
    assert (code, result['problems']) == (0, 0)
    listed = {part: entries(root, part) for part in ('train', 'val', 'test')}
    for row in result['lists']:
        lengths = [entry.total_frames for entry in listed[row['part']]]
        assert row['clips'] == len(lengths)
        if options or row['source'] == 'frames':
            assert row['frames_read'] == (sum(lengths) if options else sum(min(3, n) for n in lengths))
    # As EGTEA: the test split shares subjects with train, and that is said but not wrong.
    assert {f['kind'] for f in result['findings']} == {'shared subjects', 'shared sessions'}
    output = capsys.readouterr()
    assert 'nothing is wrong' in output.out
    assert 'warning: shared subjects: train and test' in output.err


def harm_frames(root, harm):
    """Harm the last frame of the first validation clip, which samples always hold."""
    entry = entries(root)[0]
    path = own_session(root, entry.frame_dir) / f'img_{entry.total_frames:05}.jpg'
    harm(path)
    return path


def end_too_early(path):
    """Put the mark that ends the picture where some of it is still to come."""
    content = bytearray(path.read_bytes())
    content[-30:-28] = b'\xff\xd9'
    path.write_bytes(content)


@pytest.mark.parametrize(
    ('kind', 'harm'),
    [
        ('missing', lambda path: shutil.rmtree(path.parent)),
        ('frame count', lambda path: path.unlink()),
        ('frame count', lambda path: shutil.copy(path, path.with_name('img_09999.jpg'))),
        ('zero-length', lambda path: path.write_bytes(b'')),
        ('truncated', lambda path: path.write_bytes(path.read_bytes()[:-20])),
        ('damaged', lambda path: path.write_bytes(b'not a picture')),
        ('damaged', lambda path: path.write_bytes(b'\xff\xd8 a start and an end \xff\xd9')),
        ('damaged', end_too_early),
        ('frame size', lambda path: cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8))),
        ('unreadable', lambda path: (path.parent / 'manifest.json').write_text('{}')),
    ],
)
def test_a_harmed_clip_of_frames_is_named_with_its_kind(root, capsys, kind, harm):
    path = harm_frames(root, harm)
    code, result = run(root, '--source', 'frames')
    assert code == 1
    assert wrong(result)[0] == (kind, path.parent.name)
    assert {clip for _, clip in wrong(result)} == {path.parent.name}
    assert f'wrong: {kind}: val frames: {path.parent.parent.name}/{path.parent.name}: ' in capsys.readouterr().err


def test_a_frame_in_the_middle_is_found_by_full(root):
    entry = max(entries(root), key=lambda entry: entry.total_frames)
    settings = Settings()
    sampled = sample_numbers(entry.frame_dir, entry.total_frames, settings)
    assert len(sampled) == 3
    assert sampled[-1] == entry.total_frames
    number = next(n for n in range(1, entry.total_frames) if n not in sampled)
    path = own_session(root, entry.frame_dir) / f'img_{number:05}.jpg'
    path.write_bytes(path.read_bytes()[:-20])
    assert run(root, '--source', 'frames')[0] == 0
    code, result = run(root, '--source', 'frames', '--full')
    assert (code, wrong(result)) == (1, [('truncated', path.parent.name)])


def test_every_damaged_video_is_found_by_full_and_the_others_are_read(root, tmp_path):
    videos = read_video_list(root / LISTS / 'val_videos.txt')
    paths = iter([root / 'cropped_clips' / entry.filename for entry in videos])
    damaged = []
    for codec in ('libx264', 'mpeg4'):
        whole = write_clip(tmp_path / f'{codec}.mp4', frames=72, size=(160, 120), codec=codec)
        for share in (0.5, 0.95):
            damaged.append(cut(whole, next(paths), share))
        damaged.append(spoil_middle(whole, next(paths)))
    for make in (
        lambda path: path.write_bytes(b''),
        lambda path: path.write_text('not a video\n' * 100),
        lambda path: path.write_bytes(path.read_bytes()[200:]),
        write_audio,
        lambda path: path.unlink(),
        lambda path: write_clip(path, frames=5),
    ):
        damaged.append(next(paths))
        make(damaged[-1])
    if hasattr(os, 'mkfifo'):
        damaged.append(next(paths))
        damaged[-1].unlink()
        os.mkfifo(damaged[-1])
    code, result = run(root, '--source', 'videos', '--full')
    assert code == 1
    assert {clip for _, clip in wrong(result)} == {path.name for path in damaged}
    kinds = dict((clip, kind) for kind, clip in wrong(result))
    assert [kinds[path.name] for path in damaged[6:12]] == [
        *('zero-length', 'unreadable', 'unreadable', 'unreadable', 'missing', 'frame count')
    ]
    # Without --full all but the noise in the middle, which only decoding finds.
    quick = {clip for _, clip in wrong(run(root, '--source', 'videos')[1])}
    assert quick >= {path.name for path in damaged} - {damaged[2].name, damaged[5].name}


def test_a_video_that_decord_reads_otherwise_is_found_with_decord(root, tmp_path, capsys):
    pytest.importorskip('decord')
    video = root / 'cropped_clips' / read_video_list(root / LISTS / 'val_videos.txt')[0].filename
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(160, 120))
    write_shortened_by_edit_list(whole, video, skip_seconds=1)
    (root / LISTS / 'summary.json').unlink()
    for part in ('train', 'val', 'test'):
        (root / LISTS / f'{part}.txt').unlink()
    clip = parse_clip_name(video.stem)
    clip = dataclasses.replace(clip, end_frame=clip.start_frame + 48)
    video.rename(video.with_stem(str(clip)))
    path = root / LISTS / 'val_videos.txt'
    path.write_text(path.read_text().replace(video.stem, str(clip)))
    code, result = run(root, '--full')
    assert code == 0
    assert 'warning: edit list: val videos' in capsys.readouterr().err
    code, result = run(root, '--full', '--decord')
    assert (code, wrong(result)) == (1, [('decord', f'{clip}.mp4')])
    assert 'decord sees 72 frames, PyAV 48' in [f['detail'] for f in result['findings']]


def test_decord_is_asked_for_only_where_it_is_installed(root, capsys, monkeypatch):
    monkeypatch.setattr(check_dataset.importlib.util, 'find_spec', lambda name: None)
    args = ['--data-root', str(root), '--lists', str(root / LISTS), '--decord']
    assert check_dataset.main(args) == 2
    assert '--decord needs decord' in capsys.readouterr().err


def rewrite(path, change):
    path.write_text(change(path.read_text()))


def first_line(text):
    return text.splitlines(keepends=True)[0]


def move_to(root, part, other):
    """Add the first clip of one part to another one."""
    for kind in ('', '_videos'):
        line = first_line((root / LISTS / f'{part}{kind}.txt').read_text())
        rewrite(root / LISTS / f'{other}{kind}.txt', lambda text, line=line: text + line)


@pytest.mark.parametrize(
    ('kinds', 'harm'),
    [
        ({'list'}, lambda folder: rewrite(folder / 'val.txt', lambda text: text + first_line(text))),
        ({'list'}, lambda folder: rewrite(folder / 'val.txt', lambda text: '../' + text)),
        (LABELS, lambda folder: rewrite(folder / 'val.txt', lambda text: text.replace(' 0\n', ' 19\n'))),
        (LABELS, lambda folder: rewrite(folder / 'val.txt', lambda text: text.replace(' 0\n', ' 1\n'))),
        ({'classes'}, lambda folder: (folder / 'classes.txt').unlink()),
        ({'classes'}, lambda folder: rewrite(folder / 'classes.txt', lambda text: text + 'another\n')),
        ({'summary'}, lambda folder: (folder / 'summary.json').write_text('{}')),
        ({'summary'}, lambda folder: [path.unlink() for path in folder.glob('val*.txt')]),
    ],
)
def test_lists_that_contradict_themselves_are_found(root, kinds, harm):
    harm(root / LISTS)
    code, result = run(root)
    assert code == 1
    assert set(result['kinds']) == kinds


def test_a_clip_and_a_session_on_both_sides_of_the_split_are_found(root):
    clip = entries(root)[0].frame_dir
    move_to(root, 'val', 'train')
    code, result = run(root)
    found = {(f['kind'], f['where']): f for f in result['findings'] if not f['is_warning']}
    assert code == 1
    assert found['duplicate', 'train and val']['clip'] == clip
    assert clip.split('-')[0] in found['shared subjects', 'train and val']['detail']
    assert clip.split('/')[0] in found['shared sessions', 'train and val']['detail']


@pytest.mark.parametrize('options', [(), ('--full',)])
def test_a_clip_under_two_names_is_found_by_its_bytes(root, options):
    one, other = entries(root, 'train')[0], entries(root, 'test')[0]
    shutil.copy(root / f'cropped_clips/{one.frame_dir}.mp4', root / f'cropped_clips/{other.frame_dir}.mp4')
    _, result = run(root, '--source', 'videos', *options)
    finding = next(f for f in result['findings'] if f['kind'] == 'duplicate')
    assert (finding['where'], finding['is_warning']) == ('test and train', False)
    assert {one.frame_dir, other.frame_dir} == {finding['clip'], finding['detail'].rpartition(' ')[2]}


def test_sessions_that_a_stratified_hold_out_shares_are_a_warning(root):
    args = ['--data-root', str(root), '--label', 'verb', '--split', '1', '--hold-out', 'stratified:0.3']
    assert build_lists.main(args) == 0
    shutil.rmtree(root / LISTS)
    (root / 'lists/verb_split1_stratified-0.3').rename(root / LISTS)
    code, result = run(root)
    assert code == 0
    assert ('shared sessions', 'train and val') in {(f['kind'], f['where']) for f in result['findings']}


def test_lists_of_another_data_set_in_other_folders_are_checked_as_far_as_they_go(tmp_path, capsys):
    for name in ('a', 'b'):
        write_clip(tmp_path / f'films/{name}.mp4', frames=4 if name == 'a' else 6)
    (tmp_path / 'lists').mkdir()
    for part, name in (('train', 'a'), ('test', 'b')):
        write_video_list(tmp_path / f'lists/{part}_videos.txt', [VideoEntry(f'{name}.mp4', 0)])
    write_class_names(tmp_path / 'lists/classes.txt', ['one'])
    args = [f'--data-root={tmp_path}', f'--lists={tmp_path}/lists', '--workers=1', '--full']
    assert check_dataset.main([*args, f'--videos={tmp_path}/films']) == 0
    assert 'nothing is wrong' in capsys.readouterr().out
    (tmp_path / 'films/b.mp4').unlink()
    assert check_dataset.main([*args, f'--videos={tmp_path}/films']) == 1
    assert 'wrong: missing: test videos: b.mp4: no such file' in capsys.readouterr().err


def test_a_clip_that_kills_its_worker_is_named_and_the_others_are_read(root, monkeypatch):
    """The pool itself is tested apart; this is what check_dataset makes of its answer."""
    deadly = entries(root)[0].frame_dir

    def run_tasks(function, tasks, workers):
        for task in tasks:
            yield task, Lost('it died') if any(job.name == deadly for job in task[0]) else function(task)

    monkeypatch.setattr(check_dataset, 'run_tasks', run_tasks)
    code, result = run(root, '--source', 'frames')
    assert (code, wrong(result)) == (1, [('damaged', deadly.rpartition('/')[2])])
    assert sum(row['clips'] for row in result['lists']) == sum(len(entries(root, p)) for p in ('train', 'val', 'test'))


def test_a_folder_without_lists_cannot_be_checked(root, capsys):
    args = ['--data-root', str(root), '--lists', str(root / 'frames')]
    assert check_dataset.main(args) == 2
    assert 'Build the lists with build_lists' in capsys.readouterr().err


@pytest.mark.parametrize('place', ['nowhere/x.json', '.'])
def test_a_place_for_the_result_that_cannot_be_written_is_named_before_the_check(tmp_path, capsys, place, monkeypatch):
    monkeypatch.setattr(check_dataset, '_read_clips', lambda *_: pytest.fail('the check ran'))
    code = check_dataset.main(['--data-root', str(tmp_path), '--lists', str(tmp_path), '--json', str(tmp_path / place)])
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith(f'check_dataset: --json {tmp_path / place} ')
    assert 'Name a file' in error
    assert error.count('\n') == 1


def test_a_place_for_the_result_that_is_lost_during_the_check_is_named(root, capsys, monkeypatch):
    place = root / 'results'
    place.mkdir()
    compare = check_dataset.size_findings

    def lose(results):
        place.rmdir()
        return compare(results)

    monkeypatch.setattr(check_dataset, 'size_findings', lose)
    with pytest.raises(FileNotFoundError, match='checked'):
        run(root, '--json', place / 'x.json')  # returns 2, and there is no result to read
    assert 'x.json cannot be written (No such file or directory). Name another file' in capsys.readouterr().err
