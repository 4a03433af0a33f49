"""Lists in arrays: every entry is the one of mmaction2's datasets, and workers get no copy of their own."""

import copy
import pickle
from multiprocessing.reduction import ForkingPickler
from unittest import mock

import numpy as np
import pytest
from mmaction.datasets import RawframeDataset, VideoDataset
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from torch.utils.data import DataLoader

from cdb_video.data import clip_table
from cdb_video.data.clip_table import ClipTable, read_frame_table
from cdb_video.data.labels import dataset_labels
from cdb_video.hosts.mmaction.datasets import FrameListDataset, VideoListDataset
from cdb_video_files.lists import FrameEntry, VideoEntry, read_frame_list, write_frame_list, write_video_list

NUM_CLIPS, NUM_CLASSES = 300, 7
PAIRS = [(FrameListDataset, RawframeDataset), (VideoListDataset, VideoDataset)]


@pytest.fixture(scope='module')
def lists(tmp_path_factory):
    """A frame list and a video list of names of many lengths, some of them not ASCII."""
    folder = tmp_path_factory.mktemp('lists')
    rng = np.random.default_rng(0)
    labels = rng.integers(NUM_CLASSES, size=NUM_CLIPS).tolist()
    tails = ['', '\u00e9', '\u4e2d\u00e9']
    names = [f's{number % 9}/{"clip" * (number % 5)}-{tails[number % 3]}{number}' for number in range(NUM_CLIPS)]
    frames = rng.integers(1, 10**6, size=NUM_CLIPS).tolist()
    write_frame_list(folder / 'frames.txt', map(FrameEntry, names, frames, labels))
    write_video_list(folder / 'videos.txt', map(VideoEntry, (f'{name}.mp4' for name in names), labels))
    return folder


def build(kind, folder, **options):
    videos = issubclass(kind, VideoDataset)
    if issubclass(kind, (FrameListDataset, VideoListDataset)):
        options = {'check_files': False} | options
    name, prefix = ('videos.txt', 'video') if videos else ('frames.txt', 'img')
    return kind(str(folder / name), [], data_root='data', data_prefix={prefix: 'clips'}, **options)


def entries(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def check_equal(ours, theirs):
    """Entry by entry, with the types and the order of the keys."""
    assert len(ours) == len(theirs)
    for found, expected in zip(entries(ours), entries(theirs), strict=True):
        assert list(found.items()) == list(expected.items())
        assert list(map(type, found.values())) == list(map(type, expected.values()))


@pytest.mark.parametrize('kinds', PAIRS)
@pytest.mark.parametrize(
    'options',
    [
        {},
        {'serialize_data': False},
        {'lazy_init': True},
        {'test_mode': True, 'start_index': 3, 'modality': 'Flow'},
        {'indices': 10},
        {'indices': -10},
        {'indices': 10**6},
        {'indices': [5, 299, 5, -1, 0]},
        {'indices': []},
    ],
)
def test_entries_are_those_of_the_host_whatever_the_options(lists, kinds, options):
    if options.get('indices') == []:
        options = options | {'serialize_data': False}  # the host cannot pickle an empty list
    ours, theirs = (build(kind, lists, **options) for kind in kinds)
    check_equal(ours, theirs)
    assert isinstance(ours.data_list, ClipTable if options.get('serialize_data', True) else list)


@pytest.mark.parametrize('kinds', PAIRS)
@pytest.mark.parametrize('indices', [0, 1, 299, -1, -299, [7, 3, 299], [8] * 20])
def test_subsets_are_those_of_the_host(lists, kinds, indices):
    ours, theirs = (build(kind, lists) for kind in kinds)
    check_equal(ours.get_subset(indices), theirs.get_subset(indices))
    check_equal(ours, theirs)
    ours.get_subset_(indices)
    theirs.get_subset_(indices)
    check_equal(ours, theirs)
    assert dataset_labels(ours).tolist() == [info['label'] for info in entries(theirs)] if indices else len(ours) == 0


@pytest.mark.parametrize('kinds', PAIRS)
def test_wrappers_of_mmengine_give_what_they_give_of_the_host(lists, kinds):
    ours, theirs = (build(kind, lists) for kind in kinds)
    check_equal(RepeatDataset(ours, 2), RepeatDataset(theirs, 2))
    check_equal(ConcatDataset([ours, ours.get_subset(5)]), ConcatDataset([theirs, theirs.get_subset(5)]))
    labels = [info['label'] for info in entries(theirs)]
    assert dataset_labels(RepeatDataset(ours, 2)).tolist() == labels * 2
    assert dataset_labels(ConcatDataset([ours, ours.get_subset(5)])).tolist() == labels + labels[:5]
    assert len(ClassBalancedDataset(ours, 0.5)) > NUM_CLIPS


def test_places_outside_the_list_and_too_large_subsets_are_refused(lists):
    dataset = build(FrameListDataset, lists)
    assert dataset.get_data_info(-1)['sample_idx'] == NUM_CLIPS - 1
    for index in (NUM_CLIPS, -NUM_CLIPS - 1):
        with pytest.raises(IndexError):
            dataset.get_data_info(index)
        with pytest.raises(IndexError):
            dataset.get_subset([index])
    assert len(dataset.get_subset(NUM_CLIPS)) == NUM_CLIPS
    with pytest.raises(ValueError, match=r'a subset of 301 clips: .*frames\.txt has only 300'):
        dataset.get_subset_(NUM_CLIPS + 1)


@pytest.mark.parametrize('kinds', PAIRS)
def test_data_sets_without_a_clip_are_refused_and_lists_are_cut_as_the_host_cuts_them(lists, kinds):
    for indices in (0, []):
        with pytest.raises(ValueError, match=r'indices=(0|\[\]) leaves no clip of .*\.txt\. Leave it out'):
            build(kinds[0], lists, indices=indices)
        with pytest.raises(ValueError, match='at least one array'):
            build(kinds[1], lists, indices=indices)
    ours, theirs = (build(kind, lists, serialize_data=False) for kind in kinds)
    check_equal(ours.get_subset(10**6), theirs.get_subset(10**6))


def test_a_filter_of_a_derived_class_may_return_a_list(lists):
    class FirstClass(FrameListDataset):
        def filter_data(self):
            return [info for info in self.data_list if info['label'] == 0]

    dataset = build(FirstClass, lists)
    expected = [info for info in entries(build(RawframeDataset, lists)) if info['label'] == 0]
    assert [info['frame_dir'] for info in entries(dataset)] == [info['frame_dir'] for info in expected]
    assert dataset.serialize_data
    assert dataset_labels(dataset).tolist() == [0] * len(expected)


@pytest.mark.parametrize('again', [copy.deepcopy, lambda dataset: pickle.loads(pickle.dumps(dataset))])
@pytest.mark.parametrize('kind', [FrameListDataset, VideoListDataset])
def test_copies_and_pickles_give_the_same_entries_and_share_nothing(lists, kind, again):
    dataset = build(kind, lists)
    other = again(dataset)
    check_equal(other, dataset)
    other.data_list.labels.fill_(5)
    assert set(dataset_labels(dataset).tolist()) == set(range(NUM_CLASSES))


def test_labels_come_from_the_array_and_are_a_copy(lists):
    dataset = build(FrameListDataset, lists)
    with mock.patch.object(ClipTable, '__getitem__', side_effect=AssertionError):
        labels = dataset_labels(dataset)
    assert labels.tolist() == [info['label'] for info in dataset.data_list]
    labels[:] = 0
    assert dataset_labels(dataset).any()


def test_every_process_that_is_handed_the_dataset_gets_the_same_memory(lists):
    dataset = build(FrameListDataset, lists)
    first, second = (pickle.loads(ForkingPickler.dumps(dataset)) for _ in range(2))
    check_equal(first, dataset)
    for name in ('names', 'ends', 'labels', 'total_frames'):
        getattr(first.data_list, name)[-1] = 65
        assert getattr(second.data_list, name)[-1] == getattr(dataset.data_list, name)[-1] == 65


class Marked:
    """A pipeline that leaves a mark in the list that its worker reads."""

    def __init__(self, table):
        self.table = table

    def __call__(self, info):
        self.table.labels[info['sample_idx']] += 100
        return info['frame_dir'], info['label']


@pytest.mark.parametrize(('context', 'shared'), [('spawn', True), ('fork', False)])
def test_spawned_workers_read_the_memory_of_the_parent_and_forked_ones_cannot_change_it(lists, context, shared):
    dataset = build(FrameListDataset, lists, indices=20)
    before = entries(dataset)
    dataset.pipeline = Marked(dataset.data_list)
    loader = DataLoader(dataset, None, num_workers=1, multiprocessing_context=context, collate_fn=tuple)
    assert list(loader) == [(info['frame_dir'], info['label']) for info in before]
    assert dataset_labels(dataset).tolist() == [info['label'] + 100 * shared for info in before]


def test_names_of_one_hash_are_told_apart_by_the_reader_that_goes_line_by_line(lists, monkeypatch):
    expected = list(read_frame_table(lists / 'frames.txt', None, ''))
    monkeypatch.setattr(clip_table, 'hash', lambda name: 1, raising=False)
    with mock.patch('cdb_video.data.clip_table.read_frame_list', wraps=read_frame_list) as by_line:
        assert list(read_frame_table(lists / 'frames.txt', None, '')) == expected
    assert by_line.call_count == 1


def test_a_plain_list_is_read_without_the_reader_that_goes_line_by_line(lists):
    with mock.patch('cdb_video_files.lists._parse_frame_line', side_effect=AssertionError):
        assert len(read_frame_table(lists / 'frames.txt', NUM_CLASSES, 'clips')) == NUM_CLIPS


def test_the_largest_numbers_fit(tmp_path):
    (tmp_path / 'list.txt').write_text(f'a {10**18 - 1} {10**18 - 2}\n')
    assert list(read_frame_table(tmp_path / 'list.txt', None, 'x')) == [
        {'frame_dir': 'x/a', 'total_frames': 10**18 - 1, 'label': 10**18 - 2}
    ]


@pytest.mark.parametrize('way', ['load_data_list', 'filter_data'])
def test_a_subclass_may_change_entries_as_ever(tmp_path, way):
    def join(self, *args):
        found = getattr(super(Joined, self), way)(*args)
        for info in self.data_list if way == 'filter_data' else found:
            info['label'] = min(info['label'], 1)
        return found

    Joined = type('Joined', (FrameListDataset,), {way: join})
    (tmp_path / 'list.txt').write_text('a 9 0\nb 9 1\nc 9 2\n')
    dataset = Joined(str(tmp_path / 'list.txt'), [], check_files=False)
    assert [dataset.get_data_info(k)['label'] for k in range(3)] == [0, 1, 1]
    assert dataset_labels(dataset).tolist() == [0, 1, 1]
    kept = FrameListDataset(str(tmp_path / 'list.txt'), [], check_files=False, serialize_data=False)
    kept.data_list[2]['label'] = 1
    assert kept.get_data_info(2)['label'] == 1
