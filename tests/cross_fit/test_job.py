"""What is found before the first training of a cross-fit, and what a fold has done already."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.config import Config

from cdb_video.cross_fit.clips import build_dataset
from cdb_video.cross_fit.job import Division, Job
from cdb_video.run.clip_lists import ClipList
from tests.support.toys import ListedToys

CONFIG = {
    'default_scope': 'mmengine',
    'model': {'type': 'ToyModel', 'loss_cls': {'type': 'CDBLoss', 'tau': 0, 'logit_adjustment': 1.0}},
    'train_dataloader': {'batch_size': 4, 'dataset': {'type': 'ListedToys', 'ann_file': 'train.txt'}},
    'test_dataloader': {'batch_size': 4, 'dataset': {'type': 'ListedToys', 'ann_file': 'gone.txt', 'test_mode': True}},
    'train_cfg': {'by_epoch': True, 'max_epochs': 3},
    'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.3}},
}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('train.txt').write_text(''.join(f'clip{number} {number % 3}\n' for number in range(12)))
    Path('out').mkdir()


def job_of(num_folds=2, **changes):
    return Job.of(Config({**CONFIG, **changes}), 'toy.py', Path('out'), Division(num_folds, None, 0, 1))


def save_checkpoint(path, epoch=3, lists=None):
    entry = {'report': {'lists': {role: one.to_dict() for role, one in (lists or {}).items()}}}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({'meta': {'epoch': epoch, 'iter': 9}, 'state_dict': {}, 'class_difficulty': entry}, path)
    return str(path)


def list_of(path):
    return ClipList.of(ListedToys(str(path)))


def test_the_parts_are_written_as_lists_of_the_same_form_and_the_configs_name_them():
    job = job_of(3)
    assert job.begin() == []
    for files in job.files:
        trained, scored = (set(path.read_text().splitlines()) for path in (files.train_list, files.scored_list))
        assert trained | scored == set(Path('train.txt').read_text().splitlines())
        assert not trained & scored
        config = Config.fromfile(files.config)
        assert config.train_dataloader.dataset.ann_file == str(files.train_list.absolute())
        assert config.test_dataloader.dataset.ann_file == str(files.scored_list.absolute())
        assert len(build_dataset(config, config.test_dataloader.dataset)) == len(scored) == 4
    assert job_of(3).begin() == ['going on with out']


LAZY = """
from mmengine.dataset import DefaultSampler
from mmengine.runner import EpochBasedTrainLoop
from torch.optim import SGD

from cdb_video.losses.cdb import CDBLoss
from tests.support.toys import ListedToys, ToyModel

default_scope = 'mmengine'
model = dict(type=ToyModel, loss_cls=dict(type=CDBLoss, tau=0, logit_adjustment=1.0))
train_dataloader = dict(
    batch_size=4, dataset=dict(type=ListedToys, ann_file='train.txt', pipeline=[]), sampler=dict(type=DefaultSampler))
test_dataloader = dict(batch_size=4, dataset=dict(type=ListedToys, pipeline=[], test_mode=True))
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=3)
optim_wrapper = dict(optimizer=dict(type=SGD, lr=0.3))
"""


@pytest.mark.parametrize('options', [{}, {'train_dataloader.batch_size': 2}])
def test_a_config_that_imports_its_classes_becomes_one_that_names_them(options):
    Path('lazy.py').write_text(LAZY)
    config = Config.fromfile('lazy.py')
    config.merge_from_dict(options)
    job = Job.of(config, 'lazy.py', Path('out'), Division(2, None, 0, 1))
    job.begin()
    made = Config.fromfile(job.files[0].config, lazy_import=False)
    assert made.model.type == 'tests.support.toys.ToyModel'
    assert made.train_cfg.type.endswith('.EpochBasedTrainLoop')
    for loader in (made.train_dataloader, made.test_dataloader):
        assert len(build_dataset(made, loader.dataset)) == 6


def test_what_a_kill_in_the_first_write_leaves_is_no_other_file():
    Path('out/.lock').touch()
    Path('out/cross_fit.json.tmp').write_text('{"versio')
    Path('out/notes.tmp').touch()
    with pytest.raises(ValueError, match=r'holds other files \(notes\.tmp'):
        job_of().begin()
    Path('out/notes.tmp').unlink()
    assert job_of().begin() == []


def test_a_list_that_says_other_lengths_of_its_clips_is_another():
    Path('train.txt').write_text(Path('train.txt').read_text().replace('clip', 'clip 9 '))
    with mock.patch.object(ListedToys, 'load_data_list', _without_lengths):
        job_of().begin()
        save_checkpoint(Path('out/fold_1/epoch_1.pth'), 1)
        assert job_of().begin() == ['going on with out']
        Path('train.txt').write_text(Path('train.txt').read_text().replace(' 9 ', ' 8 '))
        with pytest.raises(ValueError, match='differs in the training list, in what its lines say beside clip and lab'):
            job_of().begin()


def _without_lengths(self):
    words = [line.split() for line in Path(self.ann_file).read_text().splitlines()]
    return [
        {'filename': f'toys/{number}', 'label': int(label), 'feature': np.zeros(2, np.float32)}
        for _, _, number, label in words
    ]


def test_segments_of_a_recording_go_by_what_the_name_of_their_folder_says():
    pytest.importorskip('mmaction')
    names = [
        f'P0{subject}-R01-Pizza-{time}-{time + 900}-F000001-F000020' for subject in (1, 2, 3) for time in (1000, 5000)
    ]
    Path('train.txt').write_text(''.join(f'{name} {offset} 9 {offset % 2}\n' for name in names for offset in (0, 9)))
    dataset = {'type': 'RawframeDataset', 'ann_file': 'train.txt', 'pipeline': [], 'with_offset': True}
    loaders = {f'{role}_dataloader': {'batch_size': 4, 'dataset': dataset} for role in ('train', 'test')}
    config = Config({**CONFIG, **loaders, 'default_scope': 'mmaction'})
    Path('groups.txt').write_text(''.join(f'{name} {name[:3]}\n' for name in names))
    for by, group_of in (('session', 'P0{}-R01-Pizza'), ('groups.txt', 'P0{}')):
        plan = Job.of(config, 'toy.py', Path('out'), Division(3, by, 0, 1)).plan
        assert plan.clips == tuple(f'{name} {offset}' for name in names for offset in (0, 9))
        assert plan.groups == tuple(group_of.format(subject) for subject in (1, 2, 3) for _ in range(4))


def test_schedules_and_weights_are_remarked_on():
    torch.save({'state_dict': {}, 'meta': {'cfg': 'a = 1'}}, 'weights.pth')
    schedule = {'type': 'LinearLR', 'by_epoch': False}
    said = job_of(param_scheduler=schedule, load_from='weights.pth').begin()
    assert [line[:8] for line in said] == ['LinearLR', 'it could']


def test_clips_that_could_not_be_scored_are_found_before_a_training():
    rule = r"could not be scored: KeyError: 'imgs'\. Mend the pipeline of test_dataloader"
    broken = mock.patch.object(ListedToys, 'prepare_data', side_effect=KeyError('imgs'))
    with broken, pytest.raises(ValueError, match=rule):
        job_of().begin()


def commands_of(job):
    """The commands that a fold would run, of which none does anything, until that is noticed."""
    seen, runner = [], mock.Mock()
    runner.run.side_effect = lambda step: seen.append(step.words[0])
    return seen, runner


@pytest.mark.parametrize(
    ('epoch', 'trained_on', 'commands', 'message'),
    [
        (
            2,
            'fold_1_train',
            ['train'],
            r'fold 1 of 2: the training has ended, and left no checkpoint of its end',
        ),
        (3, 'fold_1_train', ['test'], r'out/fold_1/unfinished\.pkl does not exist'),
        (3, 'fold_2_train', [], r'epoch_3\.pth was not trained on out/lists/fold_1_train\.txt'),
        (3, None, [], r'epoch_3\.pth was not trained on out/lists/fold_1_train\.txt'),
    ],
)
def test_a_fold_is_trained_until_its_checkpoint_is_that_of_the_end(epoch, trained_on, commands, message):
    job = job_of()
    job.begin()
    lists = {} if trained_on is None else {'train': list_of(f'out/lists/{trained_on}.txt')}
    save_checkpoint(Path(f'out/fold_1/epoch_{epoch}.pth'), epoch, lists)
    seen, runner = commands_of(job)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        job.steps(print)[0](runner)
    assert seen == commands


def test_a_checkpoint_that_cannot_be_read_is_named_with_the_remedy():
    job = job_of()
    job.begin()
    path = Path('out/fold_1/epoch_3.pth')
    path.parent.mkdir()
    path.write_bytes(b'torn')
    with pytest.raises(ValueError, match=r'out/fold_1/epoch_3\.pth cannot be read .*: remove it, and give'):
        job.steps(print)[0](mock.Mock())


def test_scores_that_a_scoring_left_half_written_do_not_count():
    job = job_of()
    job.begin()
    save_checkpoint(Path('out/fold_1/epoch_3.pth'), 3, {'train': list_of('out/lists/fold_1_train.txt')})

    def half(step):
        Path(step.words[-1]).write_bytes(b'\x80\x02]q\x00(')

    runner = mock.Mock()
    runner.run.side_effect = half
    with pytest.raises(ValueError, match=r'unfinished\.pkl'):
        job.steps(print)[0](runner)
    assert not job.files[0].dump.exists()


def test_a_training_set_may_name_its_classes_otherwise_and_is_then_another():
    job_of().begin()
    save_checkpoint(Path('out/fold_1/epoch_1.pth'), 1)
    dataset = {**CONFIG['train_dataloader']['dataset'], 'classes': ('a', 'b', 'c', 'd')}
    with pytest.raises(ValueError, match='that differs in train_dataloader, test_dataloader, classes of the config'):
        job_of(train_dataloader={'batch_size': 4, 'dataset': dataset}).begin()
