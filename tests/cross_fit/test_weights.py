"""Weights that a training starts from, of trainings on the same clips, on some of them, and on others."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from cdb_video.cross_fit.clips import read_training_clips
from cdb_video.cross_fit.weights import check_weights
from cdb_video.run.clip_lists import ClipList
from tests.support.toys import ListedToys

pytest.importorskip('mmaction')

TOYS = {'type': 'ListedToys', 'ann_file': 'train.txt'}
LINES = [f'clip{number} {number % 3}' for number in range(12)]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write('train.txt', LINES)


def write(path, lines):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text('\n'.join(lines) + '\n')


def save(dataset=None, lists=None):
    """A checkpoint of a training on a dataset, as far as it says."""
    loader = {'batch_size': 4, 'dataset': dataset}
    meta = {} if dataset is None else {'cfg': Config({'train_dataloader': loader}).pretty_text}
    saved = {'meta': meta, 'state_dict': {}}
    if lists is not None:
        saved['class_difficulty'] = {'report': {'lists': {'train': lists.to_dict()}}}
    torch.save(saved, 'weights.pth')


def check(dataset=None, **settings):
    config = Config(
        {
            'default_scope': 'mmaction',
            'train_dataloader': {'dataset': dataset or TOYS},
            'load_from': 'weights.pth',
            'model': {'type': 'ToyModel'},
            **settings,
        }
    )
    return check_weights(config, read_training_clips(config))


@pytest.mark.parametrize('is_listed', [True, False])
def test_a_training_on_the_very_same_list_is_refused(is_listed):
    write('copy.txt', LINES[::-1])
    save(None if is_listed else {**TOYS, 'ann_file': 'copy.txt'}, ClipList.of(ListedToys('train.txt')))
    with pytest.raises(ValueError, match=r"load_from='weights\.pth' was trained on this very list.*load_from=None"):
        check()


@pytest.mark.parametrize('has_digest', [True, False])
@pytest.mark.parametrize(
    ('earlier', 'shared'),
    [
        ([*LINES, 'another 0'], 12),
        (['another 0', *LINES[:5]], 5),
        ([line[:-1] + '1' for line in LINES], 12),  # by another kind of label
    ],
)
def test_a_training_on_a_list_with_clips_of_this_one_is_refused_with_their_number(earlier, shared, has_digest):
    write('other.txt', earlier)
    save({**TOYS, 'ann_file': 'other.txt'}, ClipList.of(ListedToys('other.txt')) if has_digest else None)
    with pytest.raises(ValueError, match=rf'trained on other\.txt, which has {shared} of the 12 clips of train\.txt'):
        check()


def test_lists_that_were_joined_or_repeated_are_looked_into():
    write('other.txt', ['another 0'])
    joined = {'type': 'ConcatDataset', 'datasets': [{**TOYS, 'ann_file': 'other.txt'}, TOYS]}
    save({'type': 'RepeatDataset', 'times': 2, 'dataset': joined})
    with pytest.raises(ValueError, match=r'trained on other\.txt, train\.txt, which has 12 of the 12 clips'):
        check()


@pytest.mark.parametrize('has_digest', [True, False])
def test_a_training_on_other_clips_is_taken(has_digest):
    write('other.txt', [f'other{line}' for line in LINES])
    save({**TOYS, 'ann_file': 'other.txt'}, ClipList.of(ListedToys('other.txt')) if has_digest else None)
    assert check() == []


def test_clips_of_egtea_are_known_by_their_name_in_whatever_form_others_by_their_place():
    name = 'P04-R06-GreekSalad-682170-683940-F016368-F016419'
    frames = {'type': 'RawframeDataset', 'ann_file': 'frames.txt', 'data_prefix': {'img': 'frames'}, 'pipeline': []}
    videos = {'type': 'VideoListDataset', 'ann_file': 'videos.txt', 'data_prefix': {'video': 'videos'}, 'pipeline': []}
    write('frames.txt', [f'P04-R06-GreekSalad/{name} 52 0', 'kitchen/7 30 1'])
    write('videos.txt', [f'{name}.mp4 0', 'kitchen/8.mp4 1'])
    save(videos)
    with pytest.raises(ValueError, match=r'trained on videos\.txt, which has 1 of the 2 clips of frames\.txt'):
        check(frames)
    # Of the same name elsewhere may be another clip.
    write('videos.txt', ['kitchen/7.mp4 0', 'kitchen/8.mp4 1'])
    (remark,) = check(frames)
    assert 'trained on videos.txt, which has 1 clip of the same name in another folder' in remark


@pytest.mark.parametrize(
    ('dataset', 'why'),
    [
        ({**TOYS, 'ann_file': 'gone.txt', 'data_root': 'data'}, 'there is no data/gone.txt'),
        ({**TOYS, 'ann_file': 'http://somewhere/train.txt'}, 'there is no http:/somewhere/train.txt'),
        (
            {'type': 'subprocess.Popen', 'ann_file': 'train.txt'},
            'the training set is Popen, and read are FrameListDataset',
        ),
        ({'type': 'ClassBalancedDataset', 'dataset': TOYS}, 'the training set is ClassBalancedDataset'),
        ({'ann_file': 'train.txt'}, 'the training set is None'),
    ],
)
def test_a_list_that_cannot_be_read_is_remarked_on(dataset, why):
    save(dataset)
    (remark,) = check()
    assert remark.startswith(
        "it could not be checked whether load_from='weights.pth' was trained on clips of train.txt"
    )
    assert why in remark


def test_a_list_that_changed_since_says_nothing():
    write('other.txt', LINES[:5])
    save({**TOYS, 'ann_file': 'other.txt'}, ClipList.of(ListedToys('other.txt')))
    write('other.txt', LINES[:6])
    (remark,) = check()
    assert 'for its list (other.txt) has changed since' in remark


def test_a_digest_without_a_list_is_remarked_on_and_nothing_at_all_is_taken():
    write('other.txt', LINES[:5])
    save(lists=ClipList.of(ListedToys('other.txt')))
    (remark,) = check()
    assert 'for it does not say on which list' in remark
    save()
    assert check() == check(load_from='https://somewhere/weights.pth') == []


@pytest.mark.parametrize(
    'model',
    [
        {'backbone': {'type': 'A', 'pretrained': 'weights.pth'}},
        {'backbone': {'type': 'A', 'init_cfg': [{'type': 'Pretrained', 'checkpoint': 'weights.pth'}]}},
    ],
)
def test_weights_that_the_model_itself_loads_are_checked_too(model):
    save(TOYS)
    with pytest.raises(
        ValueError, match=r"(pretrained|checkpoint)='weights\.pth' was trained on train\.txt, which has"
    ):
        check(load_from=None, model=model)
    assert check(load_from=None, model={'backbone': {'pretrained': 'torchvision://resnet50'}}) == []


def test_weights_that_cannot_be_read_are_named():
    Path('weights.pth').write_bytes(b'torn')
    with pytest.raises(ValueError, match=r'weights\.pth cannot be read'):
        check()
