"""cut_clips: frame-accurate clips from recordings in which every frame shows its own number."""

import os
import re
import signal
import subprocess
import sys
import time

import av
import cut_clips
import numpy as np
import pytest
from prep.cut import raw_annotations
from prep.cut.writer import ClipWriter, CutOptions
from prep.workers.pool import Lost

from cdb_video_files.annotations import Annotation, format_annotation_line, write_annotations
from cdb_video_files.clip_names import parse_clip_name
from tests.support.clips import cut, tree

SESSION = 'P05-R01-PastaSalad'
HEADER = (
    '# Clip ID (Unique, used only internally); Clip Prefix (Unique); Video Session; Starting Time (ms);  '
    'Ending Time (ms); Action Label; Verb Label; Noun Label(s)\n'
)
# Milliseconds; the second and the third overlap, the last begins in the padding of its neighbour.
TIMES = [(700, 1500), (2000, 3100), (2500, 4000), (5000, 9000), (8900, 9200)]
FRAMES = 240


def picture(number, size=(64, 48)):
    """Two halves of grey: number % 16 on the left, number // 16 on the right, 15 levels a step."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:, : size[0] // 2] = 10 + 15 * (number % 16)
    image[:, size[0] // 2 :] = 10 + 15 * (number // 16)
    return image


def number_of(image):
    middle = image.shape[1] // 2
    left, right = image[:, 2 : middle - 2].mean(), image[:, middle + 2 : -2].mean()
    return round((left - 10) / 15) + 16 * round((right - 10) / 15)


def write_recording(path, frames=FRAMES, rate=24, codec='libx264', size=(64, 48), first=0, lost=(), **options):
    """`first`: the number and the time of the first frame; `lost`: numbers that are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = 400_000
        for number in range(first, frames):
            if number in lost:
                continue
            frame = av.VideoFrame.from_ndarray(picture(number, size), format='rgb24')
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def numbers_of(path):
    with av.open(str(path)) as container:
        return [number_of(frame.to_ndarray(format='rgb24')) for frame in container.decode(video=0)]


def row(start, end, session=SESSION, number=1):
    return f'{number}; {session}-{start}-{end}; {session}; {start}; {end}; Cut tomato; Cut; tomato\n'


def clip_of(start, end, session=SESSION):
    first, last = raw_annotations.padded_frames(start, end)
    return parse_clip_name(f'{session}-{start}-{end}-F{first:06d}-F{last:06d}')


def annotate(root, times=TIMES, session=SESSION):
    raw = root / 'action_annotation/raw_annotations/action_labels.csv'
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.write_text(HEADER + ''.join(row(*pair, session) for pair in times))
    records = [Annotation(clip_of(*pair, session), 1, 1, (1,)) for pair in times]
    write_annotations(root / 'action_annotation/train_split1.txt', records[:-1])
    write_annotations(root / 'action_annotation/test_split1.txt', records[-1:])
    return raw


@pytest.fixture
def root(tmp_path):
    annotate(tmp_path)
    return tmp_path


def run(root, *options):
    args = ['--data-root', root, '--recordings', root / 'recordings', '--workers', 1, *options]
    return cut_clips.main([str(arg) for arg in args])


def path_of(root, start, end):
    return root / f'cropped_clips/{clip_of(start, end).path}.mp4'


def check_clip(root, start, end, expected=None):
    clip = clip_of(start, end)
    assert numbers_of(path_of(root, start, end)) == list(expected or range(clip.start_frame, clip.end_frame))


@pytest.mark.parametrize(
    'how',
    [
        {'codec': 'libx264'},  # with B-frames, so decoding order is not the order of the times
        {'codec': 'libx264', 'bf': '0', 'g': '12'},
        {'codec': 'mpeg4'},
        {'codec': 'libx264', 'first': 5},
    ],
)
def test_every_clip_holds_exactly_its_frames_of_the_recording(root, capsys, how):
    write_recording(root / f'recordings/{SESSION}.mp4', **how)
    assert run(root) == 0
    for start, end in TIMES:
        clip = clip_of(start, end)
        # Frames count from the recording's first one, whatever its time.
        offset = how.get('first', 0)
        check_clip(root, start, end, range(clip.start_frame + offset, min(clip.end_frame + offset, FRAMES)))
    assert '5 clips cut' in capsys.readouterr().out
    names = {path.name for path in (root / 'cropped_clips').rglob('*') if path.is_file()}
    assert names == {f'{clip_of(*pair)}.mp4' for pair in TIMES} | {'cut_clips.json', '.lock'}


def test_the_clips_are_as_large_as_asked_and_their_shape_stays(root):
    write_recording(root / f'recordings/{SESSION}.mp4', size=(128, 96))
    assert run(root, '--short-side', '47') == 0
    with av.open(str(path_of(root, *TIMES[0]))) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (62, 48)
        assert stream.average_rate == 24
    check_clip(root, *TIMES[0])


def test_a_recording_of_another_rate_is_cut_by_time(root):
    write_recording(root / f'recordings/{SESSION}.mp4', frames=250, rate=48)
    annotate(root, [(700, 1500), (2000, 3100)])
    assert run(root) == 0
    for pair in ((700, 1500), (2000, 3100)):
        clip = clip_of(*pair)
        check_clip(root, *pair, range(2 * clip.start_frame, 2 * clip.end_frame, 2))


def test_a_lost_frame_shifts_nothing_and_a_long_hole_is_damage(root, capsys):
    write_recording(root / f'recordings/{SESSION}.mp4', lost=(60, *range(150, 170)))
    assert run(root) == 1
    for start, end in TIMES[:3]:
        clip = clip_of(start, end)
        frames = [59 if number == 60 else number for number in range(clip.start_frame, clip.end_frame)]
        check_clip(root, start, end, frames)
    error = capsys.readouterr().err
    assert f'{clip_of(*TIMES[3])}: frames are missing at 6.25 s of the recording' in error
    assert not path_of(root, *TIMES[3]).exists()
    check_clip(root, *TIMES[4])


def test_a_recording_that_ends_in_the_padding_shortens_the_clip_and_in_the_action_damages_it(root, capsys):
    padded, last = clip_of(*TIMES[3]), clip_of(*TIMES[4])
    # The first of the two has padding up to frame 225, the second one ends without any at 221.
    assert (padded.end_frame, last.end_frame) == (225, 221)
    write_recording(root / f'recordings/{SESSION}.mp4', frames=220)
    assert run(root) == 1
    error = capsys.readouterr().err
    assert f'shorter: {padded}: {220 - padded.start_frame} frames, then the recording ends' in error
    check_clip(root, *TIMES[3], range(padded.start_frame, 220))
    assert f'{last}: the recording ends after 9.17 s' in error
    assert not path_of(root, *TIMES[4]).exists()


@pytest.mark.parametrize('codec', ['libx264', 'mpeg4'])
def test_a_recording_that_was_cut_off_costs_only_the_clips_beyond(root, capsys, codec):
    whole = write_recording(root / 'whole.mp4', codec=codec, g='12', movflags='faststart')
    with av.open(str(whole)) as source, av.open(str(root / 'f.mp4'), 'w', options={'movflags': 'faststart'}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (root / 'recordings').mkdir()
    cut(root / 'f.mp4', root / f'recordings/{SESSION}.mp4', 0.6)
    assert run(root) == 1
    check_clip(root, *TIMES[0])
    check_clip(root, *TIMES[1])
    error = capsys.readouterr().err
    for pair in TIMES[3:]:
        assert f'damaged: {root}/recordings/{SESSION}.mp4: {clip_of(*pair)}: ' in error
        assert not path_of(root, *pair).exists()
    assert 'Traceback' not in error


# From the packet's start a decoder gives up; from its middle it guesses, and marks the frame.
@pytest.mark.parametrize(('start', 'reason'), [(1 / 16, 'it cannot be decoded'), (1 / 2, 'it is damaged')])
def test_noise_in_a_recording_costs_the_clips_in_it_and_the_next_ones_are_whole(root, capsys, start, reason):
    video = write_recording(root / f'recordings/{SESSION}.mp4', codec='mpeg4', g='12', size=(128, 96))
    with av.open(str(video)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][50]
        place, size = packet.pos, packet.size
    content = bytearray(video.read_bytes())
    begin = place + round(start * size)
    content[begin : place + size] = bytes(255 - byte for byte in content[begin : place + size])
    video.write_bytes(content)
    assert run(root) == 1
    error = capsys.readouterr().err
    assert f'{clip_of(*TIMES[1])}: {reason}' in error
    assert not path_of(root, *TIMES[1]).exists()
    for pair in (TIMES[0], TIMES[3], TIMES[4]):
        check_clip(root, *pair)


def test_a_recording_that_is_to_be_shown_turned_is_refused_and_not_cut_lying_down(root, capsys):
    video = write_recording(root / f'recordings/{SESSION}.mp4')
    content = bytearray(video.read_bytes())
    matrix = content.index(b'tkhd') + 44
    content[matrix : matrix + 20] = b''.join(part.to_bytes(4, 'big', signed=True) for part in (0, 65536, 0, -65536, 0))
    video.write_bytes(content)
    assert run(root) == 1
    assert 'is to be shown turned by -90 degrees' in capsys.readouterr().err
    assert not list((root / 'cropped_clips').rglob('*.mp4'))


@pytest.mark.parametrize('content', [b'', b'not a video\n' * 100])
def test_a_recording_that_is_none_is_named_and_the_others_are_cut(root, capsys, content):
    other = 'P06-R01-PastaSalad'
    raw = annotate(root)
    raw.write_text(raw.read_text() + row(700, 1500, other))
    path = root / 'action_annotation/test_split1.txt'
    path.write_text(path.read_text() + format_annotation_line(Annotation(clip_of(700, 1500, other), 1, 1, (1,))))
    write_recording(root / f'recordings/sub/{SESSION}.mp4')
    (root / f'recordings/{other}.MP4').write_bytes(content)
    assert run(root) == 1
    output = capsys.readouterr()
    assert f'{other}.MP4: {clip_of(700, 1500, other)}: the recording cannot be read on' in output.err
    assert '5 clips cut' in output.out
    (root / f'recordings/{other}.MP4').unlink()
    assert run(root) == 1
    output = capsys.readouterr()
    assert f'no recording: {other}: 1 clips' in output.err
    assert '0 clips cut (0 frames, ' in output.out
    assert '5 were there already, 1 cannot be cut' in output.out


def test_the_bytes_of_a_clip_do_not_depend_on_what_was_in_memory(tmp_path):
    # With macroblock trees x264 gave other bytes now and then: 20 times in 600, by what was in memory before.
    rng = np.random.default_rng(0)
    frames = [
        av.VideoFrame.from_ndarray(picture(number), format='rgb24').reformat(format='yuv420p') for number in range(60)
    ]
    written = set()
    for _ in range(300):
        [np.full(size, 7 * size % 256, np.uint8) for size in rng.integers(1, 200_000, 100)]
        writer = ClipWriter(tmp_path / 'clip.mp4', CutOptions())
        for frame in frames:
            writer.add(frame)
        writer.finish()
        written.add((tmp_path / 'clip.mp4').read_bytes())
    assert len(written) == 1


def test_a_second_run_cuts_only_what_is_missing_and_gives_the_same_bytes(root, capsys):
    # With a key frame every half second, so that the second run begins in the middle.
    write_recording(root / f'recordings/{SESSION}.mp4', g='12')
    assert run(root) == 0
    before = tree(root / 'cropped_clips')
    gone = path_of(root, *TIMES[3])
    gone.unlink()
    kept = {path: path.stat().st_mtime_ns for path in (root / 'cropped_clips').rglob('*.mp4')}
    assert run(root) == 0
    assert '1 clips cut' in capsys.readouterr().out
    assert tree(root / 'cropped_clips') == before
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


@pytest.mark.skipif(os.name != 'posix', reason='needs POSIX signals')
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_is_completed_to_the_same_bytes(tmp_path, how):
    times = [(300 + 200 * k, 900 + 200 * k) for k in range(40)]
    annotate(tmp_path, times)
    write_recording(tmp_path / f'recordings/{SESSION}.mp4', size=(320, 240))
    command = [sys.executable, cut_clips.__file__, '--data-root', tmp_path, '--recordings', tmp_path / 'recordings']
    process = subprocess.Popen(
        [*map(str, command), '--workers', '1'],
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    clips = tmp_path / 'cropped_clips'
    deadline = time.monotonic() + 60
    while len(list(clips.rglob('*.mp4'))) < 3:
        assert time.monotonic() < deadline, 'no clip was finished in time'
        time.sleep(0.01)
    os.killpg(process.pid, how)
    _, error = process.communicate(timeout=60)
    assert b'Traceback' not in error
    if how == signal.SIGKILL:
        assert len(list(clips.rglob('*.mp4'))) < len(times)
    assert run(tmp_path) == 0
    assert not list(clips.rglob('*.part'))
    after = tree(clips)
    (tmp_path / 'cropped_clips').rename(tmp_path / 'first')
    assert run(tmp_path) == 0
    assert tree(clips) == after


def test_other_options_and_clips_of_another_maker_are_refused(root, capsys):
    write_recording(root / f'recordings/{SESSION}.mp4')
    assert run(root) == 0
    assert run(root, '--crf', '30') == 2
    assert "holds clips that were cut with {'format': 1, 'short_side': 480, 'crf': 18}" in capsys.readouterr().err
    (root / 'cropped_clips/cut_clips.json').unlink()
    assert run(root) == 2
    assert 'holds clips that cut_clips did not make' in capsys.readouterr().err


def test_split_files_give_names_and_choice_and_all_takes_the_rest(root):
    write_recording(root / f'recordings/{SESSION}.mp4')
    listed = clip_of(700, 1500)
    other = parse_clip_name(f'{SESSION}-700-1500-F{listed.start_frame + 1:06d}-F{listed.end_frame - 1:06d}')
    write_annotations(root / 'action_annotation/train_split1.txt', [Annotation(other, 1, 1, (1,))])
    assert run(root) == 0
    found = sorted(path.stem for path in (root / 'cropped_clips').rglob('*.mp4'))
    assert found == sorted([str(other), str(clip_of(*TIMES[4]))])
    assert numbers_of(root / f'cropped_clips/{other.path}.mp4') == list(range(other.start_frame, other.end_frame))
    assert run(root, '--all') == 0
    assert len(list((root / 'cropped_clips').rglob('*.mp4'))) == 5


@pytest.mark.parametrize(
    ('harm', 'message'),
    [
        (lambda root: [p.unlink() for p in (root / 'action_annotation').glob('*.txt')], 'holds no split file.*--all'),
        (lambda root: annotate(root).write_text(HEADER + row(1, 2)), '5 clips of the split files are not in'),
        (lambda root: (root / f'recordings/{SESSION}.mp4').unlink(), 'holds no recording'),
        (lambda root: (root / f'recordings/{SESSION}.avi').touch(), f'are both of {SESSION}'),
        (lambda root: (root / 'action_annotation/raw_annotations/action_labels.csv').unlink(), 'action_labels.csv'),
    ],
)
def test_what_does_not_fit_together_is_refused(root, capsys, harm, message):
    (root / 'recordings').mkdir()
    (root / f'recordings/{SESSION}.mp4').touch()
    harm(root)
    assert run(root) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert 'Traceback' not in error


def test_a_recording_that_costs_its_worker_costs_only_the_clips_that_are_not_there(root, capsys, monkeypatch):
    """The pool itself is tested apart; this is what cut_clips makes of its answer."""
    write_recording(root / f'recordings/{SESSION}.mp4')
    assert run(root) == 0
    for pair in TIMES[:2]:
        path_of(root, *pair).unlink()

    def run_tasks(function, tasks, workers, again_alone):
        assert again_alone
        function(tasks[0])
        path_of(root, *TIMES[0]).unlink()
        yield tasks[0], Lost('it died')

    monkeypatch.setattr(cut_clips, 'run_tasks', run_tasks)
    capsys.readouterr()
    assert run(root) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith('damaged')]
    assert lines == [f'damaged: {root}/recordings/{SESSION}.mp4: {clip_of(*TIMES[0])}: it died']


def test_cut_clips_finds_the_other_folder_of_clips(root, capsys):
    write_recording(root / f'recordings/{SESSION}.mp4')
    other = root / 'video_clips/cropped_clips'
    other.mkdir(parents=True)
    assert run(root) == 0
    assert len(list(other.rglob('*.mp4'))) == len(TIMES)
    assert not (root / 'cropped_clips').exists()
    (other / 'cut_clips.json').unlink()
    assert run(root) == 2
    assert f'{other} holds clips that cut_clips did not make' in capsys.readouterr().err


def test_raw_annotations_that_are_not_there_are_named_with_the_remedy(tmp_path, capsys):
    assert cut_clips.main(['--data-root', str(tmp_path), '--recordings', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f'cut_clips: there is no {tmp_path / cut_clips.RAW}' in error
    assert 'name them with --labels' in error
