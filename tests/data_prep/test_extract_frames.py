"""extract_frames on real encoded clips: what is written, kept, refused and reported."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import extract_frames
import numpy as np
import pytest
from prep.decode.errors import VideoError
from prep.extract.clip import Outcome, Task, extract_clip
from prep.frames.clip_frames import ClipFrames
from prep.frames.folder import FolderWriter
from prep.frames.manifest import Options

from tests.support.clips import (
    cut,
    spoil_middle,
    tree,
    write_audio,
    write_clip,
    write_shortened_by_edit_list,
)


@pytest.fixture
def root(tmp_path):
    """A data root with one clip of 12 frames, 64x48."""
    write_clip(tmp_path / 'cropped_clips/s1/a.mp4')
    return tmp_path


def run(root, *options):
    return extract_frames.main(['--data-root', str(root), '--workers', '1', *options])


def frame_names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == '.jpg')


def test_every_decoded_frame_is_written_under_the_name_that_mmaction2_reads(root, capsys):
    assert run(root) == 0
    folder = root / 'frames/s1/a'
    assert frame_names(folder) == [f'img_{number:05}.jpg' for number in range(1, 13)]
    assert cv2.imread(str(folder / 'img_00012.jpg')).shape == (48, 64, 3)
    manifest = json.loads((folder / 'manifest.json').read_text())
    assert (manifest['frames'], manifest['width'], manifest['height']) == (12, 64, 48)
    assert manifest['options'].items() >= {'short_side': 256, 'quality': 90, 'stride': 1, 'backend': 'pyav'}.items()
    assert '1 clips extracted (12 frames' in capsys.readouterr().out


def test_frame_k_of_the_folder_is_frame_k_of_the_video_and_its_colours_are_exact(tmp_path):
    shade = [20 * number + 10 for number in range(12)]
    write_clip(tmp_path / 'cropped_clips/s/a.mp4', shade=shade)
    assert run(tmp_path, '--quality', '100') == 0
    means = [cv2.imread(str(tmp_path / f'frames/s/a/img_{number:05}.jpg')).mean((0, 1)) for number in range(1, 13)]
    # The encoder itself may round a shade by one level on the limited range.
    np.testing.assert_allclose(means, np.repeat(np.array(shade)[:, None], 3, 1), atol=1.5)


@pytest.mark.parametrize(('short_side', 'shape'), [(24, (24, 32)), (48, (48, 64)), (256, (48, 64)), (0, (48, 64))])
def test_the_short_side_is_reduced_and_never_enlarged(root, short_side, shape):
    assert run(root, '--short-side', str(short_side)) == 0
    assert cv2.imread(str(root / 'frames/s1/a/img_00001.jpg')).shape[:2] == shape


def test_a_second_run_touches_nothing(root, capsys):
    run(root)
    times = {path: path.stat().st_mtime_ns for path in (root / 'frames').rglob('*')}
    assert run(root) == 0
    assert times == {path: path.stat().st_mtime_ns for path in (root / 'frames').rglob('*')}
    assert '0 clips extracted' in capsys.readouterr().out


def test_a_second_run_does_only_what_is_missing(root, capsys):
    run(root)
    write_clip(root / 'cropped_clips/s2/b.mp4', frames=5)
    before = tree(root / 'frames/s1')
    assert run(root) == 0
    assert '1 clips extracted (5 frames' in capsys.readouterr().out
    assert tree(root / 'frames/s1') == before


def test_a_source_that_was_copied_again_unchanged_is_not_stale(root):
    run(root)
    os.utime(root / 'cropped_clips/s1/a.mp4', ns=(1, 1))
    assert run(root) == 0


@pytest.mark.parametrize('form', [[], ['--pack'], ['--videos']])
def test_clips_in_video_clips_are_found_without_a_word(root, form):
    assert run(root, *form) == 0
    before = {name: data for name, data in tree(root).items() if not name.startswith('cropped_clips')}
    for path in root.iterdir():
        if path.name != 'cropped_clips':
            shutil.rmtree(path)
    (root / 'video_clips').mkdir()
    (root / 'cropped_clips').rename(root / 'video_clips/cropped_clips')
    assert run(root, *form) == 0
    assert run(root, *form, '--verify') == 0
    assert before == {name: data for name, data in tree(root).items() if not name.startswith('video_clips')}


def test_two_folders_of_clips_are_refused(root, capsys):
    shutil.copytree(root / 'cropped_clips', root / 'video_clips/cropped_clips')
    assert run(root) == 2
    assert 'are both there, and not one folder. Merge them' in capsys.readouterr().err
    assert not (root / 'frames').exists()


@pytest.mark.parametrize('kind', ['options', 'source', 'frame'])
def test_stale_frames_are_refused_and_redone_only_with_overwrite(root, capsys, kind):
    run(root)
    options = ['--quality', '80'] if kind == 'options' else []
    if kind == 'source':
        write_clip(root / 'cropped_clips/s1/a.mp4', frames=7)
    if kind == 'frame':
        (root / 'frames/s1/a/img_00003.jpg').unlink()
    before = tree(root / 'frames')
    assert run(root, *options) == 2
    message = capsys.readouterr().err
    reason = {'options': 'quality 90', 'source': 'has changed', 'frame': 'holds 11 of 12 frames'}
    assert reason[kind] in message
    assert '--overwrite' in message
    assert tree(root / 'frames') == before
    assert run(root, *options, '--overwrite') == 0
    assert len(frame_names(root / 'frames/s1/a')) == (7 if kind == 'source' else 12)
    assert [path.name for path in (root / 'frames/s1').iterdir()] == ['a']
    assert run(root, *options) == 0


@pytest.mark.parametrize('options', [[], ['--overwrite']])
def test_a_folder_that_holds_something_else_is_never_removed(root, capsys, options):
    note = root / 'frames/s1/a/notes.txt'
    note.parent.mkdir(parents=True)
    note.write_text('mine')
    assert run(root, *options) == 2
    assert 'extract_frames did not make it' in capsys.readouterr().err
    assert note.read_text() == 'mine'


def test_a_foreign_file_among_stale_frames_is_never_removed(root, capsys):
    run(root)
    note = root / 'frames/s1/a/notes.txt'
    note.write_text('mine')
    assert run(root, '--quality', '80', '--overwrite') == 2
    assert 'notes.txt is not a frame' in capsys.readouterr().err
    assert note.read_text() == 'mine'


def test_damaged_files_are_named_and_cost_only_themselves(root, capsys):
    clips = root / 'cropped_clips/s1'
    for codec in ('libx264', 'mpeg4'):
        whole = write_clip(root / f'{codec}.mp4', frames=72, size=(160, 120), codec=codec)
        for share in (0.5, 0.95, 0.999):
            cut(whole, clips / f'{codec}_cut_{share}.mp4', share)
        spoil_middle(whole, clips / f'{codec}_middle.mp4')
    (clips / 'zero.mp4').touch()
    (clips / 'text.mp4').write_text('not a video\n' * 100)
    write_audio(clips / 'audio.mp4')
    rules = {
        'zero': 'the file is empty (0 bytes)',
        'text': 'not a readable video file',
        'audio': 'the file holds no video stream',
        'mpeg4_cut_0.5': 'damaged or cut off after',
    }
    damaged = {path.stem for path in clips.iterdir()} - {'a'}
    assert len(damaged) == 11

    assert run(root) == 1
    output = capsys.readouterr()
    assert 'Traceback' not in output.err
    for name in damaged:
        assert f'damaged: {clips / name}.mp4: {rules.get(name, "")}' in output.err
    assert '1 clips extracted (12 frames' in output.out
    assert '11 damaged' in output.out
    assert [path.name for path in (root / 'frames/s1').iterdir()] == ['a']


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
def test_a_pipe_named_like_a_clip_is_reported_and_not_waited_for(root, capsys):
    pipe = root / 'cropped_clips/s1/pipe.mp4'
    os.mkfifo(pipe)
    assert run(root) == 1
    output = capsys.readouterr()
    assert f'damaged: {pipe}: not a regular file' in output.err
    assert '1 clips extracted (12 frames' in output.out


def test_a_link_that_leads_nowhere_costs_only_itself(root, capsys):
    link, target = root / 'cropped_clips/s1/link.mp4', write_clip(root / 'target.mp4', frames=4)
    link.symlink_to(target)
    assert run(root) == 0
    target.unlink()
    write_clip(root / 'cropped_clips/s1/new.mp4', frames=5)
    capsys.readouterr()
    assert run(root) == 1
    output = capsys.readouterr()
    assert f'damaged: {link}: a link that leads nowhere' in output.err
    assert '1 clips extracted (5 frames' in output.out
    assert '1 were there already, 1 damaged' in output.out
    assert len(frame_names(root / 'frames/s1/link')) == 4


@pytest.mark.parametrize('options', [[], ['--overwrite', '--quality', '80']])
def test_a_link_in_place_of_a_clips_folder_is_refused_and_left_alone(root, capsys, options):
    run(root)
    folder, elsewhere = root / 'frames/s1/a', root / 'elsewhere'
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    before = tree(elsewhere)
    assert run(root, *options) == 2
    assert f'{folder} is a link' in capsys.readouterr().err
    assert folder.is_symlink()
    assert tree(elsewhere) == before


@pytest.mark.parametrize('seconds', [0.3, 1.1, 2.0])
def test_whole_groups_hidden_by_an_edit_list_are_no_damage_and_a_cut_is(tmp_path, seconds):
    whole, clip = tmp_path / 'whole.mp4', tmp_path / 'shown.mp4'
    write_clip(whole, 120, g='24')
    write_shortened_by_edit_list(whole, clip, skip_seconds=seconds)
    with av.open(str(clip)) as container:
        shown = sum(1 for _ in container.decode(video=0))
    frames = ClipFrames(clip, Options())
    assert sum(1 for _ in frames) == frames.announced == shown < 120
    cut(clip, tmp_path / 'cut.mp4', 0.8)
    with pytest.raises(VideoError):
        list(ClipFrames(tmp_path / 'cut.mp4', Options()))


def test_frames_hidden_by_an_edit_list_are_no_damage(tmp_path):
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(160, 120))
    clip = tmp_path / 'cropped_clips/s/a.mp4'
    clip.parent.mkdir(parents=True)
    write_shortened_by_edit_list(whole, clip, skip_seconds=1)
    with av.open(str(clip)) as container:
        assert container.streams.video[0].frames == 72
    assert run(tmp_path) == 0
    assert len(frame_names(tmp_path / 'frames/s/a')) == 48


def test_names_with_blanks_and_unicode_are_extracted(tmp_path):
    write_clip(tmp_path / 'cropped_clips/a session/clip \u00fc.MP4', frames=3)
    assert run(tmp_path) == 0
    assert len(frame_names(tmp_path / 'frames/a session/clip \u00fc')) == 3


@pytest.mark.parametrize(
    ('layout', 'message'),
    [
        ((), 'cropped_clips is not a folder.*--data-root'),
        (('cropped_clips/s/readme.txt',), r'holds no video \(\.mp4, '),
        (('cropped_clips/s/a.mp4', 'cropped_clips/s/a.MP4'), 'would share'),
        (('cropped_clips/s/a.mp4', 'cropped_clips/s/a.avi'), 'would share'),
        (('cropped_clips/s.mp4', 'cropped_clips/s/t/a.mp4'), r's/t/a\.mp4 would lie among those of .*s\.mp4'),
    ],
)
def test_a_data_root_without_usable_clips_is_refused(tmp_path, capsys, layout, message):
    for name in layout:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert run(tmp_path) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    'options',
    [
        ['--quality', '0'],
        ['--quality', '101'],
        ['--videos', '--quality', '32'],
        ['--short-side', '-1'],
        ['--workers', '0'],
        ['--stride', '0'],
        ['--fps', '0'],
        ['--fps', 'nan'],
        ['--fps', '5', '--stride', '2'],
        ['--pack', '--videos'],
        ['--stall-seconds', '0'],
    ],
)
def test_options_out_of_range_are_refused(root, capsys, options):
    with pytest.raises(SystemExit) as caught:
        run(root, *options)
    assert caught.value.code == 2
    assert re.search('is not a (whole )?number|not allowed with', capsys.readouterr().err)


def test_a_place_that_cannot_be_written_is_named_and_costs_only_itself(root, capsys):
    write_clip(root / 'cropped_clips/s2/b.mp4', frames=5)
    (root / 'frames').mkdir()
    (root / 'frames/s1').write_text('a file where a folder belongs')
    assert run(root) == 1
    output = capsys.readouterr()
    assert f'not written: {root}/frames/s1/a: Not a directory' in output.err
    assert 'Traceback' not in output.err
    assert '1 clips extracted (5 frames' in output.out
    assert '1 could not be written' in output.out


@pytest.mark.parametrize(('error', 'fatal'), [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EACCES, False)])
def test_a_full_disk_is_told_from_a_place_without_permission(root, monkeypatch, error, fatal):
    def fail(writer, jpeg):
        raise OSError(error, os.strerror(error))

    task = Task(root / 'cropped_clips/s1/a.mp4', root / 'frames/s1/a')
    monkeypatch.setattr(FolderWriter, 'add', fail)
    outcome = extract_clip(task, Options())
    assert (outcome.unwritten, outcome.fatal, outcome.damage) == (os.strerror(error), fatal, None)
    assert list((root / 'frames/s1').iterdir()) == []


@pytest.mark.parametrize('form', [[], ['--pack'], ['--videos']])
def test_a_full_disk_stops_the_run_with_one_line_and_leaves_no_rest(tmp_path, capsys, monkeypatch, form):
    clips = tmp_path / 'cropped_clips'
    for number in range(3):
        write_clip(clips / f's/{number}.mp4')
    monkeypatch.setattr(extract_frames, 'run_tasks', full_disk)
    assert run(tmp_path, *form) == 2
    error = capsys.readouterr().err
    assert 'cannot be written: No space left on device. The finished clips stay; make room' in error
    assert 'Traceback' not in error


def full_disk(function, tasks, workers, stall_seconds):
    """A pool whose first task finds the disk full."""
    yield tasks[0], Outcome(tasks[0], unwritten=os.strerror(errno.ENOSPC), fatal=True)
    pytest.fail('no other clip is to be begun')


@pytest.mark.skipif(os.name != 'posix', reason='needs POSIX limits')
@pytest.mark.parametrize('form', [[], ['--pack'], ['--videos']])
def test_a_file_that_the_system_does_not_let_grow_costs_only_its_clip(root, form):
    import resource

    write_clip(root / 'cropped_clips/s1/big.mp4', frames=40, size=(320, 240), bit_rate=8_000_000)
    command = [sys.executable, extract_frames.__file__, '--data-root', str(root), '--workers', '1', *form]
    limit = 9_000 if not form else 60_000

    def few_bytes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=few_bytes, check=False)
    assert done.returncode == 1, done.stderr
    assert re.search(r'not written: .*/s1/big\S*: File too large', done.stderr)
    assert 'Traceback' not in done.stderr
    assert '1 clips extracted (12 frames' in done.stdout
    left = [path.name for path in root.rglob('*') if path.name.startswith('.') and path.name != '.lock']
    assert left == []


@pytest.mark.skipif(os.name != 'posix', reason='needs POSIX signals')
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_only_finished_clips_and_the_next_one_completes_it(tmp_path, how):
    source = write_clip(tmp_path / 'one.mp4', frames=60, size=(160, 120))
    clips = tmp_path / 'cropped_clips/s'
    clips.mkdir(parents=True)
    for number in range(40):
        (clips / f'{number}.mp4').write_bytes(source.read_bytes())
        os.utime(clips / f'{number}.mp4', ns=(1, 1))
    frames = tmp_path / 'frames/s'
    command = [sys.executable, extract_frames.__file__, '--data-root', str(tmp_path)]
    process = subprocess.Popen(
        [*command, '--workers', '1'],
        stderr=subprocess.PIPE,
        start_new_session=True,
        # Tests that a shell runs in the background inherit an ignored SIGINT, and would hand it on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (frames.is_dir() and len(list(frames.iterdir())) > 2):
        assert time.monotonic() < deadline, 'no clip was finished in time'
        time.sleep(0.01)
    # As a terminal does it: the signal goes to the workers too.
    os.killpg(process.pid, how)
    _, error = process.communicate(timeout=60)
    finished = [path for path in frames.iterdir() if not path.name.startswith('.')]
    assert 0 < len(finished) < 40
    assert all(len(frame_names(folder)) == 60 for folder in finished)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert b'Stopped' in error
        assert b'Traceback' not in error
        assert len(finished) == len(list(frames.iterdir()))
    assert run(tmp_path) == 0
    undisturbed = tree(frames / '0')
    assert sorted(path.name for path in frames.iterdir()) == sorted(map(str, range(40)))
    for folder in frames.iterdir():
        other = {name: data.replace(b'"0.mp4"', f'"{folder.name}.mp4"'.encode()) for name, data in undisturbed.items()}
        assert tree(folder) == other


def test_the_shared_real_clips_come_out_with_their_true_number_of_frames(shared_folder, tmp_path):
    target = tmp_path / 'cropped_clips/s'
    target.mkdir(parents=True)
    for name in ('part_0.mp4', 'demo.mp4'):
        (target / name).symlink_to(Path(shared_folder, 'videos', name))
    assert run(tmp_path) == 0
    assert len(frame_names(tmp_path / 'frames/s/part_0')) == 32
    assert len(frame_names(tmp_path / 'frames/s/demo')) == 280


@pytest.mark.parametrize('length', [0, 300])
def test_a_folder_with_a_frame_that_was_cut_is_stale(root, capsys, length):
    assert run(root) == 0
    before = tree(root / 'frames')
    frame = root / 'frames/s1/a/img_00003.jpg'
    frame.write_bytes(frame.read_bytes()[:length])
    assert run(root) == 2
    assert f'{frame.parent}: its frames hold ' in capsys.readouterr().err
    assert run(root, '--overwrite') == 0
    assert tree(root / 'frames') == before


def test_a_manifest_of_an_earlier_version_that_states_no_bytes_stays_valid(root, capsys):
    assert run(root) == 0
    path = root / 'frames/s1/a/manifest.json'
    values = json.loads(path.read_text())
    assert values.pop('bytes') == sum(p.stat().st_size for p in path.parent.glob('*.jpg'))
    path.write_text(json.dumps(values))
    assert run(root) == 0
    assert '1 were there already' in capsys.readouterr().out


def test_a_place_that_cannot_be_written_is_named_with_the_option_that_names_another(root, capsys):
    (root / 'file').touch()
    assert run(root, '--out', str(root / 'file')) == 2
    error = capsys.readouterr().err
    assert f'{root / "file/frames"} cannot be made or written into (Not a directory)' in error
    assert 'with --out' in error
