"""What is said of training and validation sets that are not those of the checkpoint."""

import uuid
from types import SimpleNamespace
from unittest import mock

import pytest
import torch

import cdb_video  # noqa: F401  (registers the classes)
from cdb_video.run.clip_lists import ClipList, clip_lists
from tests.support.runs import CLASS_NAMES, make_runner
from tests.support.scenes import DetectionScenes


class Clips:
    """Clips of a video list."""

    def __init__(self, folder, clips):
        self.clips = [(f'{folder}/{name}', label) for name, label in clips]

    def __len__(self):
        return len(self.clips)

    def get_data_info(self, index):
        name, label = self.clips[index]
        return {'filename': name, 'label': label}


ONE = [('s1/a.mp4', 0), ('s1/b.mp4', 2), ('s2/c.mp4', 2)]


def test_same_clips_in_another_order_and_another_folder_are_the_same_list():
    assert ClipList.of(Clips('/data', ONE)) == ClipList.of(Clips('/mnt/copy', ONE[::-1]))
    assert ClipList.of(Clips('/data', ONE)).changes(ClipList.of(Clips('/other', ONE)), None) is None


@pytest.mark.parametrize(
    ('clips', 'said'),
    [
        ([*ONE[:2], ('s2/d.mp4', 2)], 'as many clips of every class, but not the same ones'),
        ([('s1/a.mp4', 2), ('s1/b.mp4', 0), ONE[2]], 'as many clips of every class, but not the same ones'),
        ([*ONE, ('s2/d.mp4', 0)], '4 clips in place of 3: 2 in place of 1 of lift'),
        (
            [(f's1/{number}.mp4', number % 4) for number in range(20)],
            '20 clips in place of 3: 5 in place of 1 of lift, 5 in place of 0 of cut, 5 in place of 2 of wash, and '
            'other numbers of 1 more classes',
        ),
    ],
)
def test_what_differs_is_told_by_class(clips, said):
    found = ClipList.of(Clips('/data', ONE)).changes(ClipList.of(Clips('/data', clips)), CLASS_NAMES)
    assert found.startswith(said)


def test_list_in_a_checkpoint_is_read_back_and_nonsense_is_none():
    one = ClipList.of(Clips('/data', ONE))
    assert ClipList.from_dict(one.to_dict()) == one
    for nonsense in (None, [], {'digest': 3, 'per_class': [1]}, {'digest': 'a'}, {'digest': 'a', 'per_class': ['1']}):
        assert ClipList.from_dict(nonsense) is None


@pytest.mark.training
def test_scores_of_another_validation_set_are_not_compared(tmp_path):
    def run(epochs, counts, **changes):
        data = {'dataset': {'counts': counts}}
        return make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': epochs}, val_dataloader=data, **changes)

    run(1, [9, 8, 7, 6]).train()
    checkpoint = torch.load(tmp_path / 'epoch_1.pth')
    checkpoint['message_hub']['runtime_info']['best_score'] = 2.0  # that no score can beat
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    resumed = run(2, [9, 8, 7, 5], resume=True)
    with mock.patch.object(resumed.logger, 'warning', wraps=resumed.logger.warning) as warning:
        resumed.train()
    (said,) = [str(call.args[0]) for call in warning.call_args_list if 'is not that of the checkpoint' in str(call)]
    assert said.startswith('the validation set is not that of the checkpoint that is resumed: 29 clips in place of 30')
    assert said.endswith(f'{tmp_path}/best_acc_mean1_epoch_1.pth stays as it is')
    assert sorted(path.name for path in tmp_path.glob('best_*')) == [
        f'best_acc_mean1_epoch_{number}.pth' for number in (1, 2)
    ]
    same = run(3, [9, 8, 7, 5], resume=True)
    with mock.patch.object(same.logger, 'warning') as warning:
        same.train()
    assert not [call for call in warning.call_args_list if 'is not that of the checkpoint' in str(call)]


def images(name='images', **changes):
    return DetectionScenes([[0, 1, 1], [], [2]], name=name, **changes)


@pytest.mark.parametrize(
    ('now', 'said'),
    [
        (images(name='/data/copy'), None),
        (images(classes=('a', 'b', 'c')), None),  # names are compared elsewhere
        (images(ignored=[(0, 1)]), '3 clips in place of 4: 1 in place of 2 of cut'),
        (DetectionScenes([[0, 1], [1], [2]]), 'as many clips of every class, but not the same ones'),
        (DetectionScenes([[1, 0, 1], [], [2]]), None),  # objects in another order
    ],
)
def test_objects_of_images_are_compared_with_the_images_that_show_them(now, said):
    before = ClipList.of(images())
    assert before.per_class == (1, 2, 1)
    found = before.changes(ClipList.of(now), CLASS_NAMES)
    assert (found is None) == (said is None)
    assert said is None or found.startswith(said)


class Several:
    """Clips with several labels each."""

    metainfo = None

    def __len__(self):
        return 1

    def get_data_info(self, index):
        return {'label': [0, 1]}


def test_sets_that_are_not_counted_or_cannot_be_are_left_out():
    clips, several = Clips('/data', ONE), Several()
    unmeasured, unreadable = {'train': clips}, {'train': several, 'val': clips}
    assert list(clip_lists(SimpleNamespace(counted_sets=unmeasured))) == ['train']
    assert list(clip_lists(SimpleNamespace(counted_sets=unreadable))) == ['val']


@pytest.mark.training
def test_training_that_is_measured_by_itself_takes_any_validation_set(tmp_path):
    runner = make_runner(
        tmp_path,
        uuid.uuid4().hex,
        train_cfg={'max_epochs': 1},
        custom_hooks=[{'type': 'ClassDifficultyHook', 'source': 'train'}],
        val_evaluator={'type': 'ToyMetric', '_delete_': True},
    )
    with mock.patch.object(runner.val_loop.dataloader.dataset, 'get_labels', Several, create=True):
        runner.train()
    assert runner.iter == 10
