"""Files that an evaluation would fail to write or would delete, sets without a batch, samples that cannot be read."""

import itertools
from unittest import mock

import pytest
import torch
from mmengine.evaluator import DumpResults, Evaluator
from torch.utils.data import DataLoader, Sampler

from cdb_video.run.refusals.evaluation import check_evaluation, check_first_sample, check_loader
from cdb_video_files.video.errors import ClipError
from tests.support.toys import LabelsOnly, ToyMetric


def check(*metrics):
    check_evaluation('test_evaluator', Evaluator(list(metrics)), None)


@pytest.mark.parametrize(('path', 'why'), [('file/a.pkl', 'is no folder'), ('folder.pkl', 'that is a folder')])
def test_predictions_that_could_not_be_written_are_refused(tmp_path, path, why):
    (tmp_path / 'file').touch()
    (tmp_path / 'folder.pkl').mkdir()
    with pytest.raises(ValueError, match=f"test_evaluator: DumpResults.out_file_path='.*{path}'.: .*{why}"):
        check(DumpResults(str(tmp_path / path)))


def test_predictions_may_go_into_folders_that_are_not_there_yet(tmp_path):
    check(DumpResults(str(tmp_path / 'new/newer/a.pkl')), DumpResults('s3://bucket/a.pkl'))
    assert not list(tmp_path.iterdir())


def test_folder_that_mmengine_would_delete_must_be_empty(tmp_path):
    metric = ToyMetric(collect_dir=str(tmp_path))
    check(metric)
    (tmp_path / 'thesis.txt').touch()
    check(metric)  # in one process it is not used
    with mock.patch('cdb_video.run.refusals.evaluation.get_world_size', return_value=2):
        with pytest.raises(ValueError, match=r'not empty, and mmengine deletes it after each evaluation'):
            check(metric)
        check(ToyMetric(collect_dir=str(tmp_path / 'new')))


def test_loader_without_a_batch_is_refused():
    labels = LabelsOnly([0, 1, 1])
    with pytest.raises(ValueError, match=r'val_dataloader has no batch.*3 samples .*batch_size=4\. Lower batch_size'):
        check_loader(DataLoader(labels, batch_size=4, drop_last=True), 'val_dataloader')
    check_loader(DataLoader(labels, batch_size=4), 'val_dataloader')
    check_loader(DataLoader(LabelsOnly([]), batch_size=4), 'val_dataloader')  # others say that the list is empty


class Failing(LabelsOnly):
    """A dataset whose samples cannot be read."""

    error: Exception = KeyError('imgs')

    def __getitem__(self, index):
        raise self.error


@pytest.mark.parametrize('num_workers', [0, 1])
def test_pipeline_that_fails_is_told_with_the_sample_and_its_set(num_workers):
    with pytest.raises(ValueError, match=r'after the first epoch: sample 0 of Failing cannot be read .KeyError: '):
        check_first_sample(DataLoader(Failing([0]), num_workers=num_workers))


@pytest.mark.parametrize('num_workers', [0, 1])
def test_damaged_clip_is_told_in_its_own_words(num_workers):
    dataset = Failing([0])
    dataset.error = ClipError('a.mp4', 'cut off')
    with pytest.raises(ClipError, match=r'a\.mp4: cut off'):
        check_first_sample(DataLoader(dataset, num_workers=num_workers))


class Lazy(LabelsOnly):
    """A dataset that opens its file with the first sample."""

    file = None

    def __getitem__(self, index):
        self.file = 'opened'


def test_what_a_dataset_opens_with_its_first_sample_is_not_left_to_forked_workers():
    dataset = Lazy([0])
    state = torch.get_rng_state()
    check_first_sample(DataLoader(dataset, num_workers=1))
    assert dataset.file is None
    assert torch.equal(torch.get_rng_state(), state)


class Endless(Sampler):
    """A sampler of a user's own, without a length."""

    def __iter__(self):
        yield from itertools.repeat(0)


def test_loader_without_a_length_is_left_alone():
    check_loader(DataLoader(LabelsOnly([0]), sampler=Endless()), 'train_dataloader')
