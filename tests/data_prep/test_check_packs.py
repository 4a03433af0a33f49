"""check_dataset on packs, and on clips of several sizes."""

import json
import os
import shutil

import build_lists
import check_dataset
import cv2
import extract_frames
import make_egtea_mini
import numpy as np
import pytest
from prep.check.job import Job, Report
from prep.check.sizes import size_findings

from cdb_video_files.class_lists import write_class_names
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from cdb_video_files.packs import PackReader, PackWriter
from tests.support.checked import LISTS, entries, run, wrong
from tests.support.clips import write_clip

pytestmark = pytest.mark.slow

SPLIT = ['--label', 'verb', '--split', '1', '--hold-out', 'subjects:P20-P26']


@pytest.fixture(scope='module')
def _mini(tmp_path_factory):
    """EGTEA-mini at its smallest, as packs alone, and the lists built from them."""
    root = tmp_path_factory.mktemp('mini') / 'mini'
    assert make_egtea_mini.main(['--out', str(root), '--scale', '0.001', '--size', '32', '--workers', '1']) == 0
    assert extract_frames.main(['--data-root', str(root), '--workers', '1', '--pack']) == 0
    assert build_lists.main(['--data-root', str(root), *SPLIT]) == 0
    return root


@pytest.fixture
def root(_mini, tmp_path):
    return shutil.copytree(_mini, tmp_path / 'mini')


def pack_of(root, entry):
    return root / f'packs/{entry.frame_dir}.pack'


def write_pack(path, jpegs, metadata=None):
    writer = PackWriter(path)
    for jpeg in jpegs:
        writer.add(jpeg)
    writer.finish(metadata or {})


def change_pack(path, change):
    """Write a sound pack anew with `change(jpegs, metadata)`, which returns both."""
    with PackReader(path) as pack:
        jpegs, metadata = [pack.read(index) for index in range(len(pack))], pack.metadata
    write_pack(path, *change(jpegs, metadata))


def jpeg_of(size):
    return cv2.imencode('.jpg', np.zeros((size[1], size[0], 3), np.uint8))[1].tobytes()


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def test_lists_from_packs_are_those_from_frames(root):
    lists = {path.name: path.read_bytes() for path in (root / LISTS).glob('*.txt')}
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    shutil.rmtree(root / 'packs')
    assert build_lists.main(['--data-root', str(root), *SPLIT]) == 0
    assert lists == {path.name: path.read_bytes() for path in (root / LISTS).glob('*.txt')}


@pytest.mark.parametrize('options', [(), ('--full',)])
@pytest.mark.parametrize('suffix', ['', '.pack'])
def test_sound_packs_pass_and_every_clip_is_read(root, capsys, options, suffix):
    lengths = {part: [entry.total_frames for entry in entries(root, part)] for part in ('train', 'val', 'test')}
    if suffix:
        for part in lengths:
            path = root / LISTS / f'{part}.txt'
            listed = [FrameEntry(e.frame_dir + suffix, e.total_frames, e.label) for e in entries(root, part)]
            write_frame_list(path, listed)
    code, result = run(root, *options)
    assert (code, wrong(result)) == (0, [])
    rows = {row['part']: row for row in result['lists'] if row['source'] == 'frames'}
    for part, counts in lengths.items():
        assert rows[part]['frames_read'] == (sum(counts) if options else sum(min(3, n) for n in counts))
    printed = capsys.readouterr().out
    assert 'nothing is wrong' in printed
    assert result['frames_in'] == 'packs'
    words = [line.split()[:2] for line in printed.splitlines()]
    assert all([part, 'packs'] in words and [part, 'frames'] not in words for part in lengths)


@pytest.mark.parametrize(
    ('kind', 'harm'),
    [
        ('missing', lambda path: path.unlink()),
        pytest.param(
            'missing',
            lambda path: (path.unlink(), os.mkfifo(path)),
            marks=pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes'),
        ),
        ('zero-length', lambda path: path.write_bytes(b'')),
        ('truncated', lambda path: path.write_bytes(path.read_bytes()[:-20])),
        ('truncated', lambda path: path.write_bytes(path.read_bytes()[:60])),
        ('truncated', lambda path: path.write_bytes(path.read_bytes()[:10])),
        ('unreadable', lambda path: path.write_bytes(path.read_bytes() + b'more')),
        ('unreadable', lambda path: path.write_bytes(b'not a pack' * 100)),
        ('unreadable', lambda path: flip(path, 30)),
        ('damaged', lambda path: flip(path, -30)),
        ('frame count', lambda path: change_pack(path, lambda jpegs, _: (jpegs[:-1], {}))),
        ('frame count', lambda path: change_pack(path, lambda jpegs, _: ([*jpegs, jpegs[0]], {}))),
        ('unreadable', lambda path: change_pack(path, lambda jpegs, meta: (jpegs, {**meta, 'frames': 1}))),
        ('unreadable', lambda path: change_pack(path, lambda jpegs, _: (jpegs, {'what': 'no manifest'}))),
        ('frame size', lambda path: change_pack(path, lambda jpegs, meta: ([*jpegs[:-1], jpeg_of((16, 16))], meta))),
        ('zero-length', lambda path: change_pack(path, lambda jpegs, meta: ([*jpegs[:-1], b''], meta))),
        ('truncated', lambda path: change_pack(path, lambda jpegs, meta: ([*jpegs[:-1], jpegs[-1][:-9]], meta))),
        ('damaged', lambda path: change_pack(path, lambda jpegs, meta: ([*jpegs[:-1], b'text'], meta))),
    ],
)
def test_a_harmed_pack_is_named_with_its_kind(root, capsys, kind, harm):
    entry = entries(root)[0]
    harm(pack_of(root, entry))
    code, result = run(root, '--source', 'frames')
    clip = entry.frame_dir.rpartition('/')[2]
    assert code == 1
    assert wrong(result)[0] == (kind, clip)
    assert {name for _, name in wrong(result)} == {clip}
    assert f'wrong: {kind}: val packs: {entry.frame_dir}: ' in capsys.readouterr().err


def test_what_samples_miss_in_a_pack_is_found_by_full(root):
    entry = max(entries(root), key=lambda entry: entry.total_frames)

    def exchange(jpegs, metadata):
        """Two sound frames of the right size in the wrong order: only the hash of all tells."""
        return [jpegs[1], jpegs[0], *jpegs[2:]], metadata

    change_pack(pack_of(root, entry), exchange)
    assert run(root, '--source', 'frames')[0] == 0
    code, result = run(root, '--source', 'frames', '--full')
    assert (code, wrong(result)) == (1, [('damaged', entry.frame_dir.rpartition('/')[2])])


def test_packs_of_another_program_need_no_manifest(root):
    for part in ('train', 'val', 'test'):
        for entry in entries(root, part):
            change_pack(pack_of(root, entry), lambda jpegs, _: (jpegs, {}))
    code, result = run(root, '--source', 'frames', '--full')
    assert (code, wrong(result)) == (0, [])


def test_what_the_lists_tell_is_found_where_they_point_at_packs(root):
    one = entries(root)[0]
    line = f'{one.frame_dir}.pack {one.total_frames} 19\n'
    path = root / LISTS / 'train.txt'
    path.write_text(path.read_text() + line)
    code, result = run(root, '--source', 'frames')
    assert code == 1
    found = {(f['kind'], f['where']) for f in result['findings'] if not f['is_warning']}
    both = 'train and val'
    assert found >= {('duplicate', both), ('shared subjects', both), ('shared sessions', both)}
    details = [f['detail'] for f in result['findings'] if (f['kind'], f['where']) == ('label', 'train frames')]
    assert details == ['label 19 is outside 0..18', f'label 19 in the list, {one.label} in the annotations']


def test_two_packs_made_from_one_video_are_found_by_its_bytes(root):
    one, other = entries(root, 'train')[0], entries(root, 'test')[0]
    shutil.copy(root / f'cropped_clips/{one.frame_dir}.mp4', root / f'cropped_clips/{other.frame_dir}.mp4')
    pack_of(root, other).unlink()
    assert extract_frames.main(['--data-root', str(root), '--workers', '1', '--pack']) == 0
    _, result = run(root, '--source', 'frames')
    finding = next(f for f in result['findings'] if f['kind'] == 'duplicate')
    assert (finding['where'], finding['is_warning']) == ('test and train', False)


def test_packs_are_checked_though_frames_are_beside_them_and_frames_when_they_are_named(root, capsys):
    pack_of(root, entries(root)[0]).unlink()
    (root / 'frames').mkdir()  # as a run leaves it that was stopped at once
    code, result = run(root, '--source', 'frames')
    assert (code, result['kinds'], result['frames_in']) == (1, {'missing': 1}, 'packs')
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    assert run(root, '--source', 'frames')[0] == 1
    capsys.readouterr()
    code, result = run(root, '--source', 'frames', '--frames', root / 'frames')
    assert (code, result['frames_in']) == (0, 'frames')
    assert 'packs' not in capsys.readouterr().out


def test_lists_are_built_from_what_is_there_or_named(root, capsys):
    options = ['--label', 'verb', '--split', '1', '--hold-out', 'subjects:P20-P26', '--overwrite']
    (root / 'frames').mkdir()
    assert build_lists.main(['--data-root', str(root), *options]) == 0
    assert build_lists.main(['--data-root', str(root), *options, '--frames', str(root / 'frames')]) == 2
    assert f'Frames were looked for in {root}/frames: run extract_frames' in capsys.readouterr().err
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    shutil.rmtree(root / 'packs')
    (root / 'packs').mkdir()
    (root / 'packs/.note').touch()  # as file managers leave
    assert build_lists.main(['--data-root', str(root), *options]) == 0


def test_a_missing_video_is_not_looked_for_among_the_frames(root, capsys):
    next((root / 'cropped_clips').rglob('*.mp4')).unlink()
    options = ['--label', 'verb', '--split', '1', '--hold-out', 'subjects:P20-P26', '--source', 'videos']
    assert build_lists.main(['--data-root', str(root), *options]) == 2
    message = capsys.readouterr().err
    assert '(no video). Choose --source, or leave them out' in message
    assert 'rames' not in message.split('missing: ')[1]


def extract_sized(root, sizes, *options, short_side=32):
    """Clips a, b, ... of these sizes, extracted one by one with their options, and a train list of them."""
    for name, size in zip('abcdefg', sizes, strict=False):
        write_clip(root / f'cropped_clips/{name}.mp4', frames=3, size=size)
    assert extract_frames.main([f'--data-root={root}', '--workers=1', f'--short-side={short_side}', *options]) == 0
    names = sorted(path.stem for path in (root / 'cropped_clips').iterdir())
    (root / 'lists').mkdir(exist_ok=True)
    write_frame_list(root / 'lists/train.txt', [FrameEntry(name, 3, 0) for name in names])
    write_video_list(root / 'lists/train_videos.txt', [VideoEntry(f'{name}.mp4', 0) for name in names])
    write_class_names(root / 'lists/classes.txt', ['one'])


def check_sized(root, *options):
    json_file = root / 'checked.json'
    args = [f'--data-root={root}', f'--lists={root}/lists', f'--json={json_file}', '--workers=1', *options]
    code = check_dataset.main(args)
    findings = json.loads(json_file.read_text())['findings']
    return code, [f for f in findings if f['kind'] == 'frame size']


@pytest.mark.parametrize('form', [[], ['--pack']])
def test_a_clip_of_another_short_side_than_the_rest_is_named(tmp_path, form):
    extract_sized(tmp_path, [(96, 64), (96, 64)], *form)
    write_clip(tmp_path / 'cropped_clips/c.mp4', frames=3, size=(96, 64))
    extract_sized(tmp_path, [(96, 64), (96, 64), (96, 64)], *form, '--overwrite')
    target = tmp_path / ('packs/b.pack' if form else 'frames/b')
    target.unlink() if form else shutil.rmtree(target)
    # The two others are there and stay; b alone is made, with another size.
    for name in 'ac':
        (tmp_path / f'cropped_clips/{name}.mp4').rename(tmp_path / f'{name}.mp4')
    assert extract_frames.main([f'--data-root={tmp_path}', '--workers=1', '--short-side=48', *form]) == 0
    for name in 'ac':
        (tmp_path / f'{name}.mp4').rename(tmp_path / f'cropped_clips/{name}.mp4')
    code, findings = check_sized(tmp_path)
    assert code == 1
    (finding,) = findings
    assert (finding['clip'], finding['where'], finding['is_warning']) == ('b', 'train frames', False)
    assert 'its frames are 72x48, with a short side of 48; most clips have 32' in finding['detail']


def test_small_videos_and_other_shapes_are_notes(tmp_path, capsys):
    extract_sized(tmp_path, [(96, 64), (96, 64), (64, 64), (32, 24)])
    code, findings = check_sized(tmp_path, '--source=frames')
    assert code == 0
    assert [(f['clip'], f['is_warning']) for f in findings] == [('', True), ('', True)]
    small, square = (f['detail'] for f in findings)
    assert small == '1 clip has (d) a short side of 24, as their videos have; most clips have 32'
    assert square == '1 clip has (c) 32x32 pixels; most clips of that short side 48x32'
    assert 'warning: frame size: frames: 1 clip has (c) 32x32' in capsys.readouterr().err


def test_videos_of_several_sizes_are_notes(tmp_path):
    extract_sized(tmp_path, [(96, 64), (96, 64), (64, 48)])
    for option in ([], ['--full']):
        code, findings = check_sized(tmp_path, '--source=videos', *option)
        assert code == 0
        assert [f['where'] for f in findings] == ['videos']
        assert '1 clip has (c.mp4) a short side of 48' in findings[0]['detail']


def reports(*sizes, full_size=False):
    return [
        (Job('train', 'frames', f'clip{n}', None, 1), Report(size=size, full_size=full_size))
        for n, size in enumerate(sizes)
    ]


def test_frames_that_nobody_explains_are_wrong_and_unknown_sizes_say_nothing():
    assert size_findings(reports((340, 256), (340, 256), None)) == []
    (finding,) = size_findings(reports((340, 256), (340, 256), (320, 240), None, full_size=None))
    assert (finding.clip, finding.is_warning) == ('clip2', False)


def test_of_two_sizes_as_common_as_each_other_the_larger_counts_as_usual():
    (finding,) = size_findings(reports((320, 240), (340, 256)))
    assert finding.clip == 'clip0'
