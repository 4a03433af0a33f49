"""Damaged clips in training: one error that names them, or another clip of the class, up to a limit."""

import copy
import pickle
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from torch.utils.data import DataLoader

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.data.damaged_clips import DamagedClips
from cdb_video.restart.seeded_samples import NumberedBatches, SeededDataset
from cdb_video_files.lists import VideoEntry, write_video_list
from cdb_video_files.video.errors import ClipError
from tests.support.clips import cut, write_clip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CLIPS_A_CLASS = 5
PIPELINE = [
    {'type': 'VideoInit'},
    {'type': 'SampleFrames', 'clip_len': 4, 'frame_interval': 1, 'num_clips': 1},
    {'type': 'VideoDecode', 'fused': [{'type': 'RandomCrop', 'size': 32}]},
    {'type': 'FormatShape', 'input_format': 'NCTHW'},
    {'type': 'PackActionInputs', 'meta_keys': ('filename',)},
]


@pytest.fixture
def root(tmp_path):
    """Two classes of five clips; those named *_bad are cut off: two of class 0, one of class 1."""
    whole = write_clip(tmp_path / 'whole.mp4', frames=12, size=(64, 48))
    half = cut(whole, tmp_path / 'half.mp4', 0.5)
    entries = []
    for label, bad in ((0, (1, 3)), (1, (4,))):
        for number in range(CLIPS_A_CLASS):
            name = f'{label}_{number}{"_bad" if number in bad else ""}.mp4'
            (tmp_path / name).write_bytes((half if number in bad else whole).read_bytes())
            entries.append(VideoEntry(name, label))
    write_video_list(tmp_path / 'list.txt', entries)
    return tmp_path


@pytest.fixture
def build(root):
    def call(**options):
        init_default_scope('mmaction')
        settings = {'type': 'VideoListDataset', 'data_root': str(root), 'ann_file': 'list.txt', 'pipeline': PIPELINE}
        return DATASETS.build(settings | {'data_prefix': {'video': ''}} | options)

    return call


def name_of(sample):
    return sample['data_samples'].filename.rsplit('/', maxsplit=1)[-1]


def test_by_default_a_damaged_clip_stops_the_run_with_one_error_that_names_it(build):
    loader = DataLoader(build(), batch_size=5, num_workers=1, collate_fn=pseudo_collate)
    with pytest.raises(ClipError, match=r"0_1_bad\.mp4: (damaged or )?cut off .*on_error='resample'"):
        list(loader)


def test_clips_that_are_not_to_be_replaced_get_no_such_advice_but_the_command_that_finds_them(build, root):
    with pytest.raises(ClipError) as caught:
        build(test_mode=True)[1]
    message = str(caught.value)
    assert 'on_error' not in message
    assert '. Mend or replace the file, or take it off the list' in message
    assert 'cdb-video check' not in message  # it does not look for a list of that name
    (root / 'list.txt').rename(root / 'val_videos.txt')
    with pytest.raises(ClipError, match=r'or let the dataset replace it: on_error=.resample.\. To find all'):
        build(ann_file='val_videos.txt')[1]
    with pytest.raises(ClipError, match=r'or raise max_damaged\. To find all'):
        build(ann_file='val_videos.txt', on_error='resample', max_damaged=0)[1]
    with pytest.raises(ClipError, match=r' --full$'):
        build(ann_file='val_videos.txt', test_mode=True)[1]
    with pytest.raises(ClipError) as caught:
        build(ann_file='val_videos.txt', test_mode=True, allow_absolute=True)[1]
    command = shlex.split(str(caught.value).partition('To find all such files: ')[2])
    assert command[:2] == ['cdb-video', 'check']
    assert '--allow-absolute' in command
    words = [sys.executable, '-m', 'cdb_video_command', *command[1:], '--workers', '1']
    done = subprocess.run(words, cwd=ROOT, capture_output=True)
    assert done.returncode == 1
    assert all(name in done.stderr.decode() for name in ('0_1_bad.mp4', '0_3_bad.mp4', '1_4_bad.mp4'))


def test_another_clip_of_the_class_stands_in(build):
    dataset = build(on_error='resample')
    names = [name_of(dataset[index]) for index in range(10)]
    assert not any('bad' in name for name in names)
    assert [name[0] for name in names] == ['0'] * 5 + ['1'] * 5
    assert len(dataset._damaged) == 3


def test_the_log_names_the_damaged_clip_and_its_stand_in(build, root, capsys):
    from mmengine.logging import MMLogger

    MMLogger.get_instance('cdb_video_test')
    dataset = build(
        on_error='resample', data_root=None, ann_file=str(root / 'list.txt'), data_prefix={'video': str(root)}
    )
    stand_in = name_of(dataset[9])
    said = ''.join(capsys.readouterr())
    assert f'{root}/1_4_bad.mp4: ' in said
    assert re.search(rf'\. {stand_in} of its class \(clip {5 + int(stand_in[2])}\) stands in for it', said)


def test_too_many_damaged_clips_stop_the_run(build):
    dataset = build(on_error='resample', max_damaged=1)
    with pytest.raises(ClipError, match=r'with it 2 clips of .*list\.txt are damaged, max_damaged=1'):
        [dataset[index] for index in (1, 3, 9)]
    with pytest.raises(ClipError, match='max_damaged=0'):
        build(on_error='resample', max_damaged=0)[1]


def test_a_clip_that_is_drawn_again_counts_once(build, root):
    (root / '0_3_bad.mp4').write_bytes((root / '0_0.mp4').read_bytes())
    dataset = build(on_error='resample', max_damaged=1)
    assert len({name_of(dataset[1]) for _ in range(30)}) > 1


def test_workers_count_together(build):
    dataset = build(on_error='resample', max_damaged=2)
    # Batch 0 goes to the first worker, batch 1 to the second: damaged clips 1 and 3, then 9.
    loader = DataLoader(dataset, batch_sampler=[[1], [3], [0], [9]], num_workers=2, collate_fn=pseudo_collate)
    with pytest.raises(ClipError, match=r'3 clips of .* are damaged, max_damaged=2'):
        list(loader)
    assert len(dataset._damaged) == 3


def test_a_dataset_its_subsets_and_its_copies_count_together(build):
    dataset = build(on_error='resample', max_damaged=1)
    subset, copied = dataset.get_subset([0, 9, 8]), copy.deepcopy(dataset)
    assert name_of(dataset[9])[0] == '1'
    assert len(dataset._damaged) == len(subset._damaged) == len(copied._damaged) == 1
    # The same clip by another number.
    assert name_of(subset[1])[0] == '1'
    assert len(dataset._damaged) == 1
    with pytest.raises(ClipError, match=r'0_1_bad\.mp4: .*with it 2 clips of .* are damaged, max_damaged=1'):
        copied[1]


def test_clips_are_told_apart_by_name_and_by_offset(build):
    damaged = DamagedClips()
    names = [f'clips/{number}.mp4/0' for number in range(40)] + [f'frames/a/{offset}' for offset in range(40)]
    for _ in range(2):
        for name in names:
            damaged.add(name)
    assert len(damaged) == 80
    assert copy.deepcopy({'a': damaged})['a'] is damaged
    damaged.add('name that is no UTF-8: \udcff')
    assert len(pickle.loads(pickle.dumps(damaged))) == 81


@pytest.mark.parametrize(('way', 'context'), [('copy', 'fork'), ('copy', 'spawn'), ('pickle', 'fork')])
def test_workers_of_copies_count_together(way, context):
    damaged = DamagedClips()
    counting = Counting(copy.deepcopy(damaged) if way == 'copy' else pickle.loads(pickle.dumps(damaged)))
    counting.damaged.add('met by this process')
    # A spawned worker takes seconds to start.
    workers = 1 if context == 'spawn' else 2
    loader = DataLoader(counting, None, num_workers=workers, multiprocessing_context=context, collate_fn=tuple)
    list(loader)
    assert len(counting.damaged) == 5
    assert len(damaged) == (5 if way == 'copy' else 0)


class Counting:
    """Four damaged clips."""

    def __init__(self, damaged):
        self.damaged = damaged

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.damaged.add(str(range(4)[index]))
        return ()


@pytest.mark.parametrize('options', [{}, {'serialize_data': False}, {'serialize_data': True}])
def test_numbers_below_zero_count_from_the_end_and_a_clip_never_stands_in_for_itself(build, options, capsys):
    for on_error in ('raise', 'resample'):
        dataset = build(on_error=on_error, **options)
        assert [name_of(dataset[index]) for index in (-10, -8, -3)] == ['0_0.mp4', '0_2.mp4', '1_2.mp4']
        for index in (10, -11, 99):
            with pytest.raises(IndexError, match=rf'clip {index}: .*list\.txt has 10 clips'):
                dataset[index]
    capsys.readouterr()
    for seed in range(12):
        found = []
        for index in (9, -1):
            np.random.seed(seed)
            found.append(name_of(dataset[index]))
        assert found[0] == found[1]
    said = ''.join(capsys.readouterr())
    assert 'of its class (clip ' in said
    assert 'of its class (clip 9)' not in said
    assert len(dataset._damaged) == 1


def test_a_loop_over_a_dataset_ends_with_its_last_clip(build):
    assert len(list(build(on_error='resample'))) == 10


def test_a_class_without_a_whole_clip_is_an_error(build, root):
    for number in range(CLIPS_A_CLASS):
        for path in root.glob(f'1_{number}*.mp4'):
            path.write_bytes(b'no video')
    with pytest.raises(ClipError, match='no other clip of its class 1 can be read'):
        build(on_error='resample')[5]


def epoch(dataset, workers, epoch_number):
    batches = NumberedBatches([[1, 0], [3, 9], [1, 2], [9, 7]])
    batches.epoch = epoch_number
    loader = DataLoader(
        SeededDataset(dataset, 7), batch_sampler=batches, num_workers=workers, collate_fn=pseudo_collate
    )
    return [(name, inputs) for batch in loader for name, inputs in zip(names_in(batch), batch['inputs'], strict=True)]


def names_in(batch):
    return [sample.filename.rsplit('/', maxsplit=1)[-1] for sample in batch['data_samples']]


def test_replacements_depend_on_seed_epoch_and_position_alone(build):
    runs = {workers: epoch(build(on_error='resample'), workers, 0) for workers in (0, 1, 2)}
    for workers in (1, 2):
        for (name, inputs), (other, others) in zip(runs[0], runs[workers], strict=True):
            assert name == other
            assert torch.equal(inputs, others)
    # A dataset that has met the damaged clips before gives what one gives that has not.
    dataset = build(on_error='resample')
    epoch(dataset, 0, 3)
    again = epoch(dataset, 0, 0)
    assert [name for name, _ in again] == [name for name, _ in runs[0]]
    other_epochs = {tuple(name for name, _ in epoch(dataset, 0, number)) for number in range(1, 6)}
    assert len(other_epochs) > 1


def test_what_makes_no_sense_is_refused(build):
    with pytest.raises(ValueError, match="on_error='skip': must be one of 'raise', 'resample'"):
        build(on_error='skip')
    with pytest.raises(ValueError, match='max_damaged=-1: must be a whole number of at least 0'):
        build(on_error='resample', max_damaged=-1)
    with pytest.raises(
        ValueError, match=r"on_error='resample' for validation or test clips .*in train_dataloader\.dataset only"
    ):
        build(on_error='resample', test_mode=True)


def test_an_error_survives_its_way_between_processes():
    error = pickle.loads(pickle.dumps(ClipError('a/b.mp4', 'cut off')))
    assert (error.path, error.rule) == ('a/b.mp4', 'cut off')
    assert str(error).startswith('a/b.mp4: cut off. Mend or replace')


def test_other_errors_are_not_taken_for_damage(build):
    dataset = build(on_error='resample', pipeline=[*PIPELINE[:2], {'type': 'RandomCrop', 'size': 32}])
    with pytest.raises(KeyError):
        dataset[0]
    assert len(dataset._damaged) == 0
