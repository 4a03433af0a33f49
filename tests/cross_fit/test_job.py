"""What is found before the first training of a cross-fit, and what a fold has done already."""

from pathlib import Path
from unittest import mock

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
    assert job.begin() is None
    for files in job.files:
        trained, scored = (set(path.read_text().splitlines()) for path in (files.train_list, files.scored_list))
        assert trained | scored == set(Path('train.txt').read_text().splitlines())
        assert not trained & scored
        config = Config.fromfile(files.config)
        assert config.train_dataloader.dataset.ann_file == str(files.train_list.absolute())
        assert config.test_dataloader.dataset.ann_file == str(files.scored_list.absolute())
        assert len(build_dataset(config, config.test_dataloader.dataset)) == len(scored) == 4
    assert job_of(3).begin() == 'going on with out'


@pytest.mark.parametrize('is_same', [True, False])
def test_weights_of_a_run_on_the_same_clips_are_refused(is_same):
    Path('other.txt').write_text(Path('train.txt').read_text().replace('clip11 2\n', ''))
    seen = list_of('train.txt' if is_same else 'other.txt')
    weights = save_checkpoint(Path('weights.pth'), lists={'train': seen})
    job = job_of(load_from=weights)
    if not is_same:
        job.begin()
        return
    with pytest.raises(ValueError, match=r"load_from='weights\.pth' was trained on this very list.*load_from=None"):
        job.begin()


def test_weights_that_say_nothing_of_their_clips_are_taken():
    torch.save({'state_dict': {}}, 'weights.pth')
    for number, weights in enumerate(('weights.pth', 'https://somewhere/weights.pth')):
        out = Path(f'out_{number}')
        out.mkdir()
        Job.of(Config({**CONFIG, 'load_from': weights}), 'toy.py', out, Division(2, None, 0, 1)).begin()
        assert (out / 'cross_fit.json').is_file()


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
