"""Fifty damaged files of fifteen kinds among healthy clips: each is named with its rule, the healthy are done."""

import os
import re

import av
import cv2
import extract_frames
import numpy as np
import pytest

from tests.support.clips import (
    cut,
    turn_by_header,
    write_audio,
    write_clip,
    write_lying_avi,
    write_paced,
    write_shortened_by_edit_list,
    write_with_two_sizes,
)

DAMAGED, UNREADABLE = (
    'damaged or cut off after|cannot be decoded after|can be decoded, its header',
    'not a readable video',
)


def spoil(source, target, share, content):
    """Replace what lies at `share` of a file by `content`."""
    data = bytearray(source.read_bytes())
    start = round(len(data) * share)
    data[start : start + len(content)] = content[: len(data) - start]
    target.write_bytes(data)


def write_index_last(source, target):
    """The same stream with its header at the end of the file, as most programs leave it."""
    with av.open(str(source)) as whole, av.open(str(target), 'w', format='mp4') as copy:
        stream = copy.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return target


def write_damaged_codec(clips, work, codec):
    """Cut, spoilt and zeroed files of one codec; their rules by name."""
    whole = write_clip(work / f'{codec}.mp4', frames=72, size=(160, 120), codec=codec)
    last = write_index_last(whole, work / f'{codec}_last.mp4')
    rules = {}
    for share in (0.2, 0.5, 0.8, 0.95, 0.999):
        cut(whole, clips / f'{codec} cut at {share}.mp4', share)
        rules[f'{codec} cut at {share}'] = DAMAGED
    for share in (0.5, 0.95):
        cut(last, clips / f'{codec} index lost at {share}.mp4', share)
        rules[f'{codec} index lost at {share}'] = UNREADABLE
    for share in (0.3, 0.5, 0.7):
        noise = np.random.default_rng(round(share * 10)).bytes(6000)
        for kind, content in (('noise', noise), ('zeros', bytes(6000))):
            spoil(whole, clips / f'{codec} {kind} at {share}.mp4', share, content)
            rules[f'{codec} {kind} at {share}'] = DAMAGED
    spoil(whole, clips / f'{codec} header spoilt.mp4', 0, bytes(200))
    rules[f'{codec} header spoilt'] = UNREADABLE
    return rules


def write_no_videos(clips):
    """Files that are something else; their rules by name."""
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    contents = {
        'text': b'not a video\n' * 100,
        'windows text': b'not a video\r\n' * 100,
        'one byte': b'\0',
        'random bytes': np.random.default_rng(1).bytes(50_000),
        'a png': cv2.imencode('.png', picture)[1].tobytes(),
        'a jpeg': cv2.imencode('.jpg', picture)[1].tobytes(),
        'a gif head': b'GIF89a' + bytes(300),
        'a zip head': b'PK\x03\x04' + bytes(3000),
        'a playlist': b'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhealthy 0.mp4\n#EXT-X-ENDLIST\n',
        'a list of files': b"ffconcat version 1.0\nfile 'healthy 0.mp4'\n",
    }
    for name, content in contents.items():
        (clips / f'{name}.mp4').write_bytes(content)
    rules = dict.fromkeys(contents, UNREADABLE)
    for name in ('empty', 'empty too', '\u7a7a'):
        (clips / f'{name}.mp4').touch()
        rules[name] = r'the file is empty \(0 bytes\)'
    for name in ('sound', 'sound \u266a'):
        write_audio(clips / f'{name}.mp4')
        rules[name] = 'the file holds no video stream'
    return rules


def write_odd_ones(clips, work):
    """Files that contradict themselves, and names that must not be used; their rules by name."""
    rules = {}
    for announced in (14, 1000):
        write_lying_avi(clips / f'announces {announced}.mp4', announced)
        rules[f'announces {announced}'] = f'12 frames can be decoded, its header announces {announced}'
    write_with_two_sizes(clips / 'two sizes.mp4')
    rules['two sizes'] = r'the frame size changes after 4 frames, from \(64, 48\) to \(96, 64\)'
    turn_by_header(write_clip(clips / 'aslant.mp4'), (0.7071, 0.7071, -0.7071, 0.7071))
    rules['aslant'] = 'turned by other than quarter turns'
    for name in ('.', '..', '._resource fork'):
        write_clip(clips / f'{name}.mp4')
        rules[name] = 'begins with a dot'
    (clips / 'lost link.mp4').symlink_to(work / 'nowhere')
    rules['lost link'] = 'a link that leads nowhere'
    if hasattr(os, 'mkfifo'):
        os.mkfifo(clips / 'pipe.mp4')
        rules['pipe'] = 'not a regular file'
    return rules


def write_healthy(clips, work):
    """Clips that are whole though they look suspicious; their numbers of frames by name."""
    for number in range(3):
        write_clip(clips / f'healthy {number}.mp4', frames=5 + number)
    whole = write_clip(work / 'whole.mp4', frames=72, size=(160, 120))
    write_shortened_by_edit_list(whole, clips / 'edit list.mp4', skip_seconds=1)
    write_paced(clips / 'own pace.mp4', [0, 0.04, 0.3, 0.31, 0.9])
    write_clip(clips / 'two..dots.mp4', frames=3)
    write_clip(clips / '100% \u00fc\u6f22 & $(x) `x`.mp4', frames=4)
    turn_by_header(write_clip(clips / 'upright.mp4'), (0, 1, -1, 0))
    # One frame less than announced passes: MPEG-4 with packed B-frames ends in an empty packet.
    names = {'healthy 0': 5, 'healthy 1': 6, 'healthy 2': 7, 'edit list': 48, 'own pace': 5}
    return {**names, 'two..dots': 3, '100% \u00fc\u6f22 & $(x) `x`': 4, 'upright': 12}


@pytest.mark.skipif(os.name != 'posix', reason='names that other systems do not have')
@pytest.mark.parametrize('backend', ['pyav', 'decord'])
def test_fifty_damaged_files_are_named_and_cost_only_themselves(tmp_path, capsys, backend):
    pytest.importorskip(backend if backend == 'decord' else 'av')
    clips = tmp_path / 'cropped_clips/a session'
    clips.mkdir(parents=True)
    rules = write_no_videos(clips) | write_odd_ones(clips, tmp_path)
    for codec in ('libx264', 'mpeg4'):
        rules |= write_damaged_codec(clips, tmp_path, codec)
    healthy = write_healthy(clips, tmp_path)
    assert len(rules) >= 50 - (not hasattr(os, 'mkfifo'))
    code = extract_frames.main(['--data-root', str(tmp_path), '--workers', '2', '--backend', backend])
    output = capsys.readouterr()
    assert code == 1
    assert 'Traceback' not in output.err
    named = dict(re.findall(r'^damaged: .*/a session/(.*)\.mp4: (.*)$', output.err, re.MULTILINE))
    if backend == 'decord':
        # It reads what an edit list hides, and knows nothing of turns: said, not written.
        for name in ('edit list', 'upright', '100% \u00fc\u6f22 & $(x) `x`'):
            if name in named:
                assert 'Use --backend pyav' in named.pop(name)
                del healthy[name]
    assert sorted(named) == sorted(rules)
    for name, rule in rules.items():
        assert re.search(rule, named[name]), f'{name}: {named[name]}, not {rule}'
    assert f'{len(healthy)} clips extracted ({sum(healthy.values())} frames' in output.out
    frames = tmp_path / 'frames/a session'
    assert {path.name: len(list(path.glob('*.jpg'))) for path in frames.iterdir()} == healthy
