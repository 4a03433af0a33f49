"""The training list of a config: every kind of dataset that reads one, and what cannot be divided."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from cdb_video.cross_fit.clips import build_dataset, check_part, list_lines, listed_settings, read_training_clips

pytest.importorskip('mmaction')

FRAMES = ['b/two 24 1', 'a/one.pack 30 0', 'c/three 12 2', 'a/four 9 0']
VIDEOS = ['b/two words.mp4 1', 'a/one.mp4 0', 'c/three.webm 2', 'a/four.mp4 0']
KINDS = {
    'FrameListDataset': (FRAMES, {'data_prefix': {'img': 'frames'}, 'check_files': False}),
    'VideoListDataset': (VIDEOS, {'data_prefix': {'video': 'videos'}, 'check_files': False}),
    'RawframeDataset': (FRAMES, {'data_prefix': {'img': 'frames'}}),
    'VideoDataset': ([line.replace(' words', '') for line in VIDEOS], {'data_prefix': {'video': 'videos'}}),
}


@DATASETS.register_module(force=True)
class NeighbourDataset(BaseDataset):
    """Takes the label of each clip from the line before it."""

    def load_data_list(self):
        lines = Path(self.ann_file).read_text().splitlines()
        labels = [line.split()[1] for line in lines]
        return [{'label': int(label), 'feature': 0} for label in [labels[-1], *labels[:-1]]]


@DATASETS.register_module(force=True)
class JsonDataset(BaseDataset):
    """Reads a list that has no lines."""

    def load_data_list(self):
        return json.loads(Path(self.ann_file).read_text())


def config_of(kind, lines=None, **settings):
    Path('train.txt').write_text('\n'.join(lines or KINDS[kind][0]) + '\n')
    settings = {'ann_file': 'train.txt', 'pipeline': [], **KINDS.get(kind, (None, {}))[1], **settings}
    loader = {'dataset': {'type': kind, **settings}, 'batch_size': 2}
    return Config({'default_scope': 'mmaction', 'train_dataloader': loader})


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('kind', KINDS)
def test_clips_are_named_as_in_the_list_and_sorted_and_a_part_of_the_list_is_the_same_clips(kind):
    config = config_of(kind)
    clips = read_training_clips(config)
    lines = sorted(KINDS[kind][0])
    assert clips.names == tuple(line.split()[0] if 'Video' not in kind else line[:-2] for line in lines)
    assert clips.labels.tolist() == [int(line[-1]) for line in lines]
    assert clips.lines == tuple(lines)
    assert clips.path_key == ('filename' if 'Video' in kind else 'frame_dir')
    folder = 'videos/' if 'Video' in kind else 'frames/'
    assert clips.paths == tuple(folder + name for name in clips.names)

    clips.write(Path('parts/some.txt'), [2, 0])
    settings = {**config.train_dataloader.dataset, 'ann_file': 'parts/some.txt'}
    check_part(clips, [2, 0], build_dataset(config, settings))
    with pytest.raises(ValueError, match=r'parts/some\.txt: the lines of some clips of train\.txt give other clips'):
        check_part(clips, [2, 1], build_dataset(config, settings))
    with pytest.raises(ValueError, match='each line stands alone'):
        check_part(clips, [2], build_dataset(config, settings))


def test_separators_of_lines_within_a_name_divide_nothing():
    clips = read_training_clips(config_of('VideoListDataset', ['a\u2028b.mp4 0', 'c\x0cd.mp4 1', 'e f.mp4 1']))
    assert clips.names == ('a\u2028b.mp4', 'c\x0cd.mp4', 'e f.mp4')
    clips.write(Path('some.txt'), [0, 1])
    assert list_lines(Path('some.txt')) == list(clips.lines[:2])


def test_segments_of_one_folder_of_frames_are_clips_of_their_own():
    clips = read_training_clips(config_of('RawframeDataset', ['a 0 24 0', 'a 24 24 1', 'b 0 9 0'], with_offset=True))
    assert clips.names == ('a 0', 'a 24', 'b 0')
    assert clips.listed == ('a', 'a', 'b')
    assert clips.labels.tolist() == [0, 1, 0]


def test_lists_with_windows_line_ends_a_mark_and_blank_lines_are_read():
    config = config_of('FrameListDataset')
    Path('train.txt').write_bytes(b'\xef\xbb\xbf' + '\r\n\r\n'.join(FRAMES).encode())
    assert read_training_clips(config).lines == tuple(sorted(FRAMES))


def test_the_list_is_found_below_the_data_root():
    Path('root').mkdir()
    config = config_of('VideoListDataset', data_root='root')
    Path('train.txt').rename('root/train.txt')
    clips = read_training_clips(config)
    assert clips.path == Path('root/train.txt')
    assert clips.names == tuple(line[:-2] for line in sorted(VIDEOS))


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (
            {'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'VideoListDataset'}},
            r'RepeatDataset, which wraps others \(dataset=\.\.\.\).*name the inner dataset itself.*more epochs',
        ),
        ({'type': 'ConcatDataset', 'datasets': []}, r'ConcatDataset, which wraps others \(datasets=\.\.\.\)'),
        ({'type': 'ToyDataset', 'counts': [3, 2]}, r'ToyDataset, has no ann_file: .* one clip a line'),
        (None, 'no train_dataloader with a dataset'),
    ],
)
def test_a_training_set_without_a_list_of_its_own_is_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        listed_settings(Config({'train_dataloader': {'dataset': dataset}}))


@pytest.mark.parametrize(
    ('kind', 'lines', 'settings', 'message'),
    [
        (
            'VideoDataset',
            ['a.mp4 0', 'b.mp4 1', 'a.mp4 0'],
            {},
            r"'a\.mp4' more than once.*keep one line a clip",
        ),
        ('VideoDataset', ['a.mp4 0', './a.mp4 0'], {}, r"'\./a\.mp4' more than once"),
        ('VideoDataset', ['a.mp4 0', 'b.mp4 1'], {'indices': 1}, r'2 lines, and VideoDataset reads 1 clip from it'),
        ('VideoDataset', ['a.mp4 0 1'], {'multi_class': True, 'num_classes': 2}, 'multi-label data is not supported'),
        ('VideoListDataset', ['a.mp4 walk'], {}, r"train\.txt:1: 'a\.mp4 walk': label 'walk'"),
        ('JsonDataset', ['[{"label": 0},', ' {"label": 1},', ' {"label": 1}]'], {}, 'the clip .* more than once'),
        ('JsonDataset', ['[{"label": 0}, {"label": 1}]'], {}, r'1 line, and JsonDataset reads 2 clips'),
    ],
)
def test_lists_that_cannot_be_divided_are_refused(kind, lines, settings, message):
    with pytest.raises(ValueError, match=message):
        read_training_clips(config_of(kind, lines, **settings))


def test_a_list_that_is_no_text_is_refused():
    config = config_of('FrameListDataset', serialize_data=False)
    Path('train.txt').write_bytes(b'\x80\x02]q\x00.')
    with pytest.raises(ValueError, match='UTF-8'):
        read_training_clips(config)


def test_a_dataset_that_takes_something_from_other_lines_is_refused():
    config = config_of('NeighbourDataset', ['a 0', 'b 1', 'c 2'])
    clips = read_training_clips(config)
    assert clips.names == ('a', 'b', 'c')  # the lines without their labels, where a dataset has no paths
    assert clips.paths is None
    clips.write(Path('some.txt'), [0, 1])
    with pytest.raises(ValueError, match='NeighbourDataset takes something from other lines'):
        check_part(clips, [0, 1], build_dataset(config, {**config.train_dataloader.dataset, 'ann_file': 'some.txt'}))
