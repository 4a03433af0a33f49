"""Ten thousand spoilt lines, as files: records or an AnnotationError that names file, rule and remedy."""

import io
import random
from pathlib import Path

import pytest

from cdb_video import annotation as ann

SEED, LINES = 0, 10_000
CLIP = 'P04-R06-GreekSalad-682170-683940-F016368-F016419'
SAMPLES = [f'{CLIP} 1 1 1', f'{CLIP.replace("P04", "OP01")} 106 19 53 2', f'{CLIP.replace("R06", "R1")} 12 3 40 7 9']
PIECES = [
    *(b'\xef\xbb\xbf', b'\r', b'\r\n', b'\n', b'\n\n', b'\t', b' ', b'\x00', b'\x0b', b'\x1c', b'\x7f'),
    *(b'../', b'/etc/', b'\\', b'C:/', b'~', b'-', b'.', b'F', b'P', b'0', b'9' * 40, b'-1', b'1e9', b'+3', b'1_0'),
    *('\u0663'.encode(), '\u2028'.encode(), '\uff11'.encode(), '\u00e9'.encode(), b'\xff', b'\xc3', b'\xed\xa0\x80'),
]
READERS = [
    (ann.read_annotations, lambda line: line),
    (lambda path: ann.read_annotations(path, {'action': range(1, 107), 'noun': range(1, 54)}), lambda line: line),
    (ann.read_index, lambda line: b'Divide/Pull Apart ' + line.split(b' ')[1]),
    (lambda path: ann.read_frame_list(path, 19), lambda line: b'session/' + line.rsplit(b' ', line.count(b' ') - 2)[0]),
    (lambda path: ann.read_video_list(path, 19), lambda line: b'session/' + b' '.join(line.split(b' ')[:2])),
    (ann.read_class_names, lambda line: line),
]


def spoil(line, rng):
    content = bytearray(line)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(content) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            content[place:place] = rng.choice(PIECES)
        elif kind == 1:
            content[place : place + rng.randrange(1, 6)] = rng.choice(PIECES)
        elif kind == 2:
            del content[place : place + rng.randrange(1, 20)]
        elif content:
            content[place - 1] = rng.randrange(256)
    return bytes(content)


@pytest.fixture(scope='module')
def samples():
    return [line.encode() for line in SAMPLES]


@pytest.fixture
def files(monkeypatch):
    """Files in memory, by name: to open ten thousand on a slow disk takes most of a minute."""
    contents: dict[str, bytes] = {}

    def read_text(self, encoding):
        return io.TextIOWrapper(io.BytesIO(contents[str(self)]), encoding).read()

    monkeypatch.setattr(Path, 'read_text', read_text)
    return contents


def read_or_error(reader, name):
    """The records, or None where the reader refused; any other exception is the test's failure."""
    try:
        return reader(name)
    except ann.AnnotationError as error:
        message, parts = str(error), (error.rule, error.remedy)
    assert message.startswith(name)
    assert all(part in message for part in parts)
    return None


def test_ten_thousand_spoilt_lines_give_records_or_a_clear_error(samples, files):
    rng = random.Random(SEED)
    read = 0
    for number in range(LINES):
        reader, shape = READERS[number % len(READERS)]
        files['train.txt'] = spoil(shape(rng.choice(samples)), rng) + rng.choice([b'', b'\n', b'\r\n'])
        records = read_or_error(reader, 'train.txt')
        if records is not None:
            read += 1
            assert records
            check_harmless(records)
    assert LINES // 10 < read < LINES * 9 // 10


def check_harmless(records):
    """What was read has the types that it says, and its paths stay below the data root."""
    for record in records:
        match record:
            case ann.Annotation(clip=clip, action=action, verb=verb, nouns=nouns):
                assert min(action, verb, *nouns) >= 1
                check_path(clip.path)
                assert ann.parse_clip_name(str(clip)) == clip
            case ann.FrameEntry(frame_dir=path, label=label) | ann.VideoEntry(filename=path, label=label):
                assert 0 <= label < 19
                check_path(path)
            case int():
                assert record >= 1
            case _:
                assert record == record.strip() != ''


def check_path(path):
    assert not path.startswith(('/', '~'))
    assert '\\' not in path
    assert '\0' not in path
    assert '..' not in path.split('/')


def test_real_lines_that_were_spoilt_give_records_or_a_clear_error(shared_folder, files):
    lines = (shared_folder / 'egtea/train_split.txt').read_bytes().splitlines()
    rng = random.Random(SEED)
    read = 0
    for _ in range(200):
        chosen = [spoil(line, rng) if rng.random() < 0.02 else line for line in rng.sample(lines, 50)]
        files['train_split1.txt'] = b'\n'.join(chosen)
        records = read_or_error(ann.read_annotations, 'train_split1.txt')
        if records is not None:
            read += 1
            check_harmless(records)
    assert 20 < read < 180
