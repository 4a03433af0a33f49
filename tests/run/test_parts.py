"""What `RunParts` finds in a run."""

import dataclasses
import uuid
from unittest import mock

import pytest

from cdb_video.run import parts as parts_module
from cdb_video.run.parts import RunParts
from tests.support.runs import make_runner
from tests.support.toys import ToyMetric

NO_VALIDATION = {'val_dataloader': ..., 'val_cfg': ..., 'val_evaluator': ...}


@pytest.fixture
def found(tmp_path):
    """The parts of a toy run whose loops are built, and its runner."""

    def find(**changes):
        runner = make_runner(tmp_path, uuid.uuid4().hex, **changes)
        assert runner.train_loop is not None
        return RunParts.of(runner), runner

    return find


def test_parts_are_those_of_the_run(found, tmp_path):
    parts, runner = found(val_evaluator=[{'type': 'ToyMetric'}, {'type': 'ClassAccuracy'}])
    assert parts.model is runner.model
    assert parts.train_loader is runner.train_dataloader
    assert (parts.train_set, parts.val_set) == (runner.train_dataloader.dataset, runner.val_dataloader.dataset)
    assert parts.sampler is runner.train_dataloader.sampler
    other, metric = parts.val_evaluator.metrics
    assert isinstance(other, ToyMetric)
    assert parts.metric is metric
    assert list(parts.hooks) == runner.hooks
    assert (parts.work_dir, parts.logger, parts.visualizer) == (tmp_path, runner.logger, runner.visualizer)
    assert (parts.strategy, parts.schedulers) == (None, ())
    assert parts.loop.by_epoch


def test_sampler_of_a_batch_sampler_is_the_one_that_picks_the_clips(found):
    batches = {'batch_sampler': {'type': 'BatchSampler', 'drop_last': True}, 'batch_size': 8}
    parts, runner = found(train_dataloader=batches)
    assert parts.sampler is runner.train_dataloader.batch_sampler.sampler
    assert type(parts.sampler).__name__ == 'CDBSampler'


def test_run_without_validation_has_no_set_and_no_metric_of_it(found):
    parts, _ = found(**NO_VALIDATION)
    assert (parts.val_loader, parts.val_set, parts.metric, parts.val_evaluator) == (None, None, None, None)


def test_consumers_are_in_the_model_and_the_sampler_and_looked_for_once(found):
    with mock.patch.object(
        parts_module, 'find_difficulty_consumers', wraps=parts_module.find_difficulty_consumers
    ) as finder:
        parts, runner = found()
        assert finder.call_count == 0  # a model that is refused need not have modules
        loss = runner.model.cls_head.loss_cls
        for _ in range(2):
            assert parts.consumers == {'CDBLoss': loss, 'CDBSampler': parts.sampler}
    assert finder.call_count == 1
    assert parts.class_parts == parts.consumers
    assert list(parts.prior_consumers) == [loss]
    assert list(parts.progress_consumers) == [loss, parts.sampler]


def test_parts_cannot_be_exchanged(found):
    parts, _ = found()
    with pytest.raises(dataclasses.FrozenInstanceError):
        parts.metric = None


def test_sampler_is_found_once_in_the_start_of_a_training(tmp_path):
    with mock.patch.object(parts_module, 'find_sampler', wraps=parts_module.find_sampler) as finder:
        make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 1}).train()
    assert finder.call_count == 1
