"""Packs, videos, shards, --out and --verify: what each holds, keeps, refuses and finds."""

import json
import os
import shutil

import av
import extract_frames
import numpy as np
import pytest
from prep.extract.plan import Shard
from prep.frames import folder

from cdb_video_files.commands.folder_lock import lock_folder
from cdb_video_files.packs import PackReader
from tests.support.clips import tree, write_clip


@pytest.fixture
def root(tmp_path):
    """A data root with clips of 12 and 30 frames."""
    write_clip(tmp_path / 'cropped_clips/s1/a.mp4')
    write_clip(tmp_path / 'cropped_clips/s2/b.mp4', frames=30, size=(96, 64))
    return tmp_path


def run(root, *options):
    return extract_frames.main(['--data-root', str(root), '--workers', '1', '--short-side', '32', *options])


def test_a_pack_holds_the_very_files_of_the_folder(root):
    assert run(root) == 0
    assert run(root, '--pack') == 0
    for name, count in (('s1/a', 12), ('s2/b', 30)):
        with PackReader(root / f'packs/{name}.pack') as pack:
            assert len(pack) == count
            for index in range(count):
                assert pack.read(index) == (root / f'frames/{name}/img_{index + 1:05}.jpg').read_bytes()
            # A pack's index knows its length, a folder's manifest has to state it.
            manifest = json.loads((root / f'frames/{name}/manifest.json').read_text())
            assert pack.metadata == manifest | {'bytes': None}
    assert sorted(tree(root / 'packs')) == ['.lock', 's1/a.pack', 's2/b.pack']


@pytest.mark.parametrize('codec', ['mpeg4', 'h264'])
def test_a_video_has_a_key_frame_every_12_frames_and_looks_like_the_clip(root, codec):
    assert run(root, '--videos', codec) == 0
    assert run(root, '--videos', codec, '--verify') == 0
    assert sorted(tree(root / 'videos_32')) == ['.lock', 's1/a.mp4', 's2/b.mp4']
    with av.open(str(root / 'videos_32/s2/b.mp4')) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate, stream.width, stream.height) == (30, 24, 48, 32)
        packets = [packet for packet in container.demux(stream) if packet.size]
    keys = [index for index, packet in enumerate(packets) if packet.is_keyframe]
    assert {0, 12, 24} <= set(keys)
    # No B-frames: what is shown first comes first.
    assert [packet.pts for packet in packets] == sorted(packet.pts for packet in packets)


def test_a_video_keeps_colours_and_order(tmp_path):
    shade = [20 * number + 10 for number in range(12)]
    write_clip(tmp_path / 'cropped_clips/s/a.mp4', shade=shade)
    assert run(tmp_path, '--videos') == 0
    with av.open(str(tmp_path / 'videos_32/s/a.mp4')) as container:
        means = [frame.to_ndarray(format='gray').mean() for frame in container.decode(video=0)]
    np.testing.assert_allclose(means, shade, atol=2.5)


@pytest.mark.parametrize('form', [['--pack'], ['--videos']])
def test_packs_and_videos_are_kept_redone_and_refused_as_folders_are(root, capsys, form):
    assert run(root, *form) == 0
    (folder,) = [path for path in root.iterdir() if path.name.startswith(('packs', 'videos'))]
    before = tree(folder)
    assert run(root, *form) == 0
    assert '0 clips extracted' in capsys.readouterr().out
    assert tree(folder) == before
    assert run(root, *form, '--stride', '2') == 2
    assert 'made with --short-side 32 --quality' in capsys.readouterr().err
    assert run(root, *form, '--stride', '2', '--overwrite') == 0
    assert run(root, *form, '--overwrite') == 0
    assert tree(folder) == before
    (target,) = (folder / 's1').iterdir()
    whole = target.read_bytes()
    # A pack that is cut off still shows whose it was, a video does not.
    for content in (whole + b'x', b'something else', *([] if form == ['--pack'] else [whole[:-1], b''])):
        target.write_bytes(content)
        assert run(root, *form, '--overwrite') == 2
        assert f'{target}' in capsys.readouterr().err
        assert target.read_bytes() == content
    target.unlink()
    assert run(root, *form) == 0
    assert tree(folder) == before


def spoil(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize('form', [[], ['--pack'], ['--videos']])
def test_verify_finds_a_changed_byte_and_writes_nothing(root, capsys, form):
    assert run(root, *form) == 0
    assert run(root, *form, '--verify') == 0
    assert '2 clips are whole (42 frames), 0 are not, 0 are missing' in capsys.readouterr().out
    victims = [path for path in root.rglob('*') if path.suffix in ('.jpg', '.pack') or 'videos_' in str(path.parent)]
    victim = sorted(path for path in victims if path.is_file() and 's2' in path.parts)[-1]
    spoil(victim, victim.stat().st_size // 2)
    before = tree(root)
    assert run(root, *form, '--verify') == 1
    output = capsys.readouterr()
    assert '1 clips are whole (12 frames), 1 are not' in output.out
    assert f'damaged: {victim if form else victim.parent}: ' in output.err
    assert tree(root) == before


def test_verify_names_missing_clips_changed_sources_truncated_and_foreign_files(root, capsys):
    write_clip(root / 'cropped_clips/s3/c.mp4')
    write_clip(root / 'cropped_clips/s4/d.mp4')
    assert run(root) == 0
    frames = root / 'frames'
    shutil.rmtree(frames / 's1')
    (frames / 's2/b/notes.txt').write_text('mine')
    jpeg = frames / 's3/c/img_00004.jpg'
    jpeg.write_bytes(jpeg.read_bytes()[:-40])
    clip = root / 'cropped_clips/s4/d.mp4'
    times = (clip.stat().st_atime_ns, clip.stat().st_mtime_ns)
    spoil(clip, -5)
    os.utime(clip, ns=times)
    assert run(root, '--verify') == 1
    output = capsys.readouterr()
    assert '0 clips are whole (0 frames), 3 are not, 1 are missing' in output.out
    assert 'b: holds notes.txt, which is not a frame' in output.err
    assert 'c: frame 4 cannot be decoded' in output.err
    assert f'd: {clip} is another file than the one it was made from' in output.err


def test_manifests_tell_decoded_from_written_frames(root):
    assert run(root, '--stride', '5') == 0
    manifest = folder.read_manifest(root / 'frames/s2/b')
    assert (manifest.frames, manifest.decoded, manifest.announced) == (6, 30, 30)


def test_a_manifest_of_the_first_format_is_read_and_its_frames_are_stale(root, capsys):
    assert run(root) == 0
    path = root / 'frames/s1/a/manifest.json'
    values = json.loads(path.read_text())
    values['format'] = 1
    values['options'] = {'short_side': 32, 'quality': 90}
    del values['decoded'], values['sha256']
    path.write_text(json.dumps(values))
    assert folder.read_manifest(path.parent).frames == 12
    assert run(root) == 2
    assert 'by another version of extract_frames' in capsys.readouterr().err
    assert run(root, '--verify') == 0


def test_shards_are_disjoint_complete_and_stay_where_they_are_when_clips_come(tmp_path):
    names = [f's/{number}.mp4' for number in range(200)]
    parts = [{name for name in names if Shard(index, 3).holds(name)} for index in (1, 2, 3)]
    assert set.union(*parts) == set(names)
    assert sum(map(len, parts)) == 200
    assert min(map(len, parts)) > 40


def test_shards_merge_into_what_one_run_makes_in_one_folder_or_in_several(root, tmp_path):
    for number in range(4):
        write_clip(root / f'cropped_clips/s3/{number}.mp4', frames=3 + number)
    assert run(root) == 0
    whole = {name: data for name, data in tree(root / 'frames').items() if '.lock' not in name}
    shutil.rmtree(root / 'frames')
    out = tmp_path / 'out'
    for index in ('1', '2'):
        assert run(root, '--shard', f'{index}/2') == 0
        assert run(root, '--shard', f'{index}/2', '--out', str(out / index)) == 0
    assert {name: data for name, data in tree(root / 'frames').items() if '.lock' not in name} == whole
    for index in ('1', '2'):
        shutil.copytree(out / index, out / 'merged', dirs_exist_ok=True)
    assert {name: data for name, data in tree(out / 'merged/frames').items() if '.lock' not in name} == whole
    assert run(root, '--out', str(out / 'merged'), '--verify') == 0
    assert run(root, '--out', str(out / 'merged')) == 0


def test_shards_run_beside_each_other_but_not_beside_themselves_or_a_whole_run(root, capsys):
    frames = root / 'frames'
    with lock_folder(frames, shared=True), lock_folder(frames, '.lock-1-of-2'):
        assert run(root, '--shard', '1/2') == 2
        assert 'another run is working' in capsys.readouterr().err
        assert run(root) == 2
        assert run(root, '--shard', '2/2') == 0


@pytest.mark.parametrize('text', ['0/2', '3/2', '1', '1/0', 'a/b', '-1/2', '1/2/3'])
def test_a_shard_that_is_none_is_refused(root, capsys, text):
    with pytest.raises(SystemExit):
        run(root, f'--shard={text}')
    assert 'is not I/N with 1 <= I <= N' in capsys.readouterr().err


@pytest.mark.parametrize('harm', [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:300])])
def test_verify_names_the_frames_that_are_not_whole_and_not_their_healthy_video(root, capsys, harm):
    assert run(root) == 0
    harm(root / 'frames/s1/a/img_00003.jpg')
    capsys.readouterr()
    assert run(root, '--verify') == 1
    error = capsys.readouterr().err
    assert f'damaged: {root / "frames/s1/a"}: ' in error
    assert 'cropped_clips' not in error


@pytest.mark.parametrize('length', [0, 5, 20, 1000])
def test_a_pack_that_was_cut_off_is_stale_and_made_anew_with_overwrite(root, capsys, length):
    assert run(root, '--pack') == 0
    pack = root / 'packs/s1/a.pack'
    whole = pack.read_bytes()
    pack.write_bytes(whole[:length])
    assert run(root, '--pack') == 2
    error = capsys.readouterr().err
    assert f'{pack}: it is cut off or empty' in error
    assert 'move it away' not in error
    assert '--overwrite to make the 1 anew' in error
    assert run(root, '--pack', '--overwrite') == 0
    assert '1 were there already' in capsys.readouterr().out
    assert pack.read_bytes() == whole


@pytest.mark.parametrize('content', [b'mine', b'notes of mine, longer than the head of a pack'])
def test_a_file_of_another_origin_with_the_name_of_a_pack_is_never_replaced(root, capsys, content):
    pack = root / 'packs/s1/a.pack'
    pack.parent.mkdir(parents=True)
    pack.write_bytes(content)
    assert run(root, '--pack', '--overwrite') == 2
    assert 'move it away' in capsys.readouterr().err
    assert pack.read_bytes() == content
