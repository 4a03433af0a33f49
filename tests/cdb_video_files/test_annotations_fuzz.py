"""Ten thousand spoilt lines, as files: records or an AnnotationError that names file, rule and remedy."""

import io
import random
from pathlib import Path

import pytest

from cdb_video.data.clip_table import read_frame_table, read_video_table
from cdb_video_files import lists
from cdb_video_files.annotations import Annotation, read_annotations, read_index
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.clip_names import parse_clip_name
from cdb_video_files.lists import FrameEntry, VideoEntry, read_frame_list, read_video_list
from cdb_video_files.records import AnnotationError

SEED, LINES = 0, 10_000
CLIP = 'P04-R06-GreekSalad-682170-683940-F016368-F016419'
SAMPLES = [f'{CLIP} 1 1 1', f'{CLIP.replace("P04", "OP01")} 106 19 53 2', f'{CLIP.replace("R06", "R1")} 12 3 40 7 9']
PIECES = [
    *(b'\xef\xbb\xbf', b'\r', b'\r\n', b'\n', b'\n\n', b'\t', b' ', b'\x00', b'\x0b', b'\x1c', b'\x7f'),
    *(b'../', b'/etc/', b'\\', b'C:/', b'~', b'-', b'.', b'F', b'P', b'0', b'9' * 40, b'-1', b'1e9', b'+3', b'1_0'),
    *('\u0663'.encode(), '\u2028'.encode(), '\uff11'.encode(), '\u00e9'.encode(), b'\xff', b'\xc3', b'\xed\xa0\x80'),
]
READERS = [
    (read_annotations, lambda line: line),
    (lambda path: read_annotations(path, {'action': range(1, 107), 'noun': range(1, 54)}), lambda line: line),
    (read_index, lambda line: b'Divide/Pull Apart ' + line.split(b' ')[1]),
    (lambda path: read_frame_list(path, 19), lambda line: b'session/' + line.rsplit(b' ', line.count(b' ') - 2)[0]),
    (lambda path: read_video_list(path, 19), lambda line: b'session/' + b' '.join(line.split(b' ')[:2])),
    (read_class_names, lambda line: line),
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

    def open_text(self, encoding):
        return io.TextIOWrapper(io.BytesIO(contents[str(self)]), encoding)

    monkeypatch.setattr(Path, 'open', open_text)
    monkeypatch.setattr(Path, 'read_text', lambda self, encoding: open_text(self, encoding).read())
    return contents


def read_or_error(reader, name):
    """The records, or None where the reader refused; any other exception is the test's failure."""
    try:
        return reader(name)
    except AnnotationError as error:
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
            case Annotation(clip=clip, action=action, verb=verb, nouns=nouns):
                assert min(action, verb, *nouns) >= 1
                check_path(clip.path)
                assert parse_clip_name(str(clip)) == clip
            case FrameEntry(frame_dir=path, label=label) | VideoEntry(filename=path, label=label):
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


@pytest.mark.parametrize(
    ('reader', 'to_table', 'key'),
    [(read_frame_list, read_frame_table, 'frame_dir'), (read_video_list, read_video_table, 'filename')],
)
def test_a_spoilt_list_gives_a_table_of_the_same_records_or_the_same_error(files, monkeypatch, reader, to_table, key):
    """Lines of all kinds, in blocks of few lines, so that what is wrong is in one of many."""
    rng = random.Random(SEED)
    outcomes = {True: 0, False: 0}
    for number in range(3000):
        monkeypatch.setattr(lists, '_BLOCK_CHARACTERS', rng.choice([1, 60, 1000]))
        files['train.txt'] = spoilt_list(rng, b' %d' % (number + 1) if key == 'frame_dir' else b'')
        outcome, expected = (told(read, 'train.txt', 19) for read in (lambda *a: to_table(*a, ''), reader))
        outcomes[isinstance(expected, str)] += 1
        assert outcome == (expected if isinstance(expected, str) else [vars(record) for record in expected])
    assert min(outcomes.values()) > 500


def spoilt_list(rng, middle):
    """Up to 20 lines, most of them as they should be."""
    lines = []
    for _ in range(rng.randrange(1, 20)):
        line = b'%s/%s%d%s %d' % (
            rng.choice([b's1', b'.hidden', b'a..b', b'two words']),
            rng.choice([b'clip', b'\xe4\xb8\xad', b'c:', b'']),
            rng.randrange(10**3),
            middle,
            rng.randrange(19) if rng.random() < 0.99 else 19,
        )
        lines.append(spoil(line, rng) if rng.random() < 0.02 else line)
        lines += rng.choice([[], [], [], [b''], [b' \t']])
    ends = rng.choice([b'\n', b'\r\n', b'\r'])
    return rng.choice([b'', b'\xef\xbb\xbf']) + ends.join(lines) + rng.choice([b'', ends])


def told(read, *arguments):
    """What is read, as a list, or the text of the error."""
    try:
        return list(read(*arguments))
    except AnnotationError as error:
        return str(error)


@pytest.fixture
def real_lines(shared_folder):
    return (shared_folder / 'egtea/train_split.txt').read_bytes().splitlines()


def test_real_lines_that_were_spoilt_give_records_or_a_clear_error(real_lines, files):
    rng = random.Random(SEED)
    read = 0
    for _ in range(200):
        chosen = [spoil(line, rng) if rng.random() < 0.02 else line for line in rng.sample(real_lines, 50)]
        files['train_split1.txt'] = b'\n'.join(chosen)
        records = read_or_error(read_annotations, 'train_split1.txt')
        if records is not None:
            read += 1
            check_harmless(records)
    assert 20 < read < 180
