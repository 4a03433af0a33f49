"""Labels read from the bytes of many pickles at once: what is read is what unpickling gives, the rest is left to it."""

import itertools
import pickle

import numpy as np
import pytest
from mmengine.dataset import BaseDataset

from cdb_video.data import pickled_labels
from cdb_video.data.labels import LABEL_KEYS, dataset_labels
from cdb_video.data.pickled_labels import labels_in_pickles

LABELS = [0, 1, 74, 75, 77, 117, 255, 256, 999, 19_999, 65_535, 65_536, 2**31 - 1]
"""Of 1, 2 and 4 bytes, with those that look like opcodes."""


class Kept(BaseDataset):
    """A dataset that keeps the entries that it is given."""

    def __init__(self, entries, **options):
        self.entries = entries
        super().__init__(**options)

    def load_data_list(self):
        return list(self.entries)


def image(path, label):
    return {'img_path': path, 'gt_label': label}


def read(pickles):
    """The labels of pickles, and which were left to others."""
    data = np.frombuffer(b''.join(pickles), np.uint8)
    labels, others = labels_in_pickles(data, np.cumsum([len(one) for one in pickles]), LABEL_KEYS)
    return labels.tolist(), others.tolist()


def pickles_of(entries):
    return [pickle.dumps(entry, protocol=4) for entry in entries]


@pytest.mark.parametrize('keys', [('img_path', 'gt_label'), ('filename', 'label'), ('Pfad für Bilder', 'label')])
def test_labels_of_every_length_are_read_behind_paths_of_every_length(keys):
    paths = ['', 'a', 'ä/é.png', 'gt_label\x94K\x05u.', 'x' * 255, 'n01440764/n01440764_10026.JPEG']
    entries = [dict(zip(keys, pair, strict=True)) for pair in itertools.product(paths, [*LABELS, -1, -(2**31)])]
    labels, others = read(pickles_of(entries))
    assert others == []
    assert labels == [entry[keys[1]] for entry in entries]


@pytest.mark.parametrize('chunk', [1, 2, 7, 1000])
def test_chunks_change_nothing(chunk, monkeypatch):
    monkeypatch.setattr(pickled_labels, 'CHUNK', chunk)
    entries = [image(f'{"n" * (number % 5)}/{number}.png', label) for number, label in enumerate(LABELS)]
    entries[5] = image('x' * 300, 5)
    labels, others = read(pickles_of(entries))
    assert others == [5]
    assert np.delete(labels, 5).tolist() == LABELS[:5] + LABELS[6:]


OTHERS = {
    'a path too long for the form': image('x' * 256, 3),
    'a label too large for the form': image('a.png', 2**31),
    'a label of numpy': image('a.png', np.int64(3)),
    'a label in an array': image('a.png', np.array([3])),
    'a truth value': image('a.png', True),
    'no path': image(None, 3),
    'no label': {'img_path': 'a.png'},
    'another key': {'img_path': 'a.png', 'gt_labels': 3},
    'keys the other way round': {'gt_label': 3, 'img_path': 'a.png'},
    'three keys': image('a.png', 3) | {'width': 3},
    'a path that is a key': image('img_path', 3),
    'a list': [3],
    'a number': 3,
}


@pytest.mark.parametrize('name', OTHERS)
@pytest.mark.parametrize('place', [1, 3])
def test_entries_of_another_form_are_left_to_unpickling(name, place):
    entries = [image('b.png', label) for label in (7, 8, 9)]
    entries.insert(place, OTHERS[name])
    labels, others = read(pickles_of(entries))
    assert others == [place]
    assert np.delete(labels, place).tolist() == [7, 8, 9]


@pytest.mark.parametrize('name', OTHERS)
def test_where_the_first_is_of_another_form_none_passes_for_what_it_is_not(name):
    labels, others = read(pickles_of([OTHERS[name], image('b.png', 7)]))
    assert others in ([0], [0, 1])
    assert 1 in others or labels[1] == 7


def test_no_byte_can_be_another_without_being_noticed():
    """Of every changed entry either the label is what unpickling it gives, or it is left to that."""
    sound = pickle.dumps(image('a/b.png', 300), protocol=4)
    path = range(sound.index(b'a/b'), sound.index(b'a/b') + len('a/b.png'))
    value = range(len(sound) - 4, len(sound) - 2)
    places, values = np.divmod(np.arange(len(sound) * 256), 256)
    changed = [bytes([*sound[:place], byte, *sound[place + 1 :]]) for place, byte in zip(places, values, strict=True)]
    labels, others = read([sound, *changed])
    is_sound = np.array([one == sound for one in changed])
    noticed = ~is_sound & ~np.isin(places, [*path, *value])
    assert others == (1 + np.flatnonzero(noticed)).tolist()
    for one, label in itertools.compress(zip(changed, labels[1:], strict=True), np.isin(places, value)):
        assert pickle.loads(one)['gt_label'] == label
    assert set(itertools.compress(labels[1:], is_sound | np.isin(places, path))) == {300}


def test_entries_that_are_cut_off_are_left_to_unpickling():
    sound = pickle.dumps(image('a/b.png', 300), protocol=4)
    for end in range(len(sound)):
        for pickles in ([sound, sound[:end], sound], [sound, sound[:end]]):
            labels, others = read(pickles)
            assert others == [1]
            assert labels[0] == 300
            assert labels[2:] == [300] * len(pickles[2:])


def test_no_entries_have_no_labels():
    found = labels_in_pickles(np.zeros(0, np.uint8), np.zeros(0, np.int64), LABEL_KEYS)
    assert [part.tolist() for part in found] == [[], []]


def mixed_entries():
    entries = [image(f'{number}.png', label) for number, label in enumerate(LABELS)]
    return [*entries, image('x' * 300, 4), image('a.png', np.int64(5)), image('b.png', np.array([6])), *entries]


@pytest.mark.parametrize('options', [{}, {'serialize_data': False}, {'indices': [13, 2, 15, 14, 28]}, {'indices': 14}])
def test_a_dataset_of_all_sorts_has_the_labels_of_get_data_info(options):
    dataset = Kept(mixed_entries(), **options)
    expected = [int(np.asarray(dataset.get_data_info(index)['gt_label']).item()) for index in range(len(dataset))]
    assert dataset_labels(dataset).tolist() == expected
    dataset.get_subset_([3, 0])
    assert dataset_labels(dataset).tolist() == [expected[3], expected[0]]


def test_of_two_kinds_of_labels_the_first_counts_in_whatever_order():
    entries = [{'gt_label': 1, 'label': 2}, {'label': 3, 'gt_label': 4}]
    for serialize in (True, False):
        assert dataset_labels(Kept(entries, serialize_data=serialize)).tolist() == [2, 3]


def test_an_entry_without_a_label_among_those_read_at_once_is_named_by_its_number():
    entries = [image('a.png', 1), image('x' * 300, 2), {'img_path': 'a.png'}, image('a.png', 1)]
    with pytest.raises(ValueError, match='sample 2 of Kept has no label; keys: img_path'):
        dataset_labels(Kept(entries))
