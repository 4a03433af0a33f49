"""Loops, checkpoints and schedulers that would end a run late or do nothing: said before the first step."""

import uuid
from unittest import mock

import pytest

import cdb_video  # noqa: F401  (registers the classes)
from tests.support.runs import make_runner

pytestmark = pytest.mark.training

BY_ITERATION = {'_delete_': True, 'by_epoch': False, 'max_iters': 2, 'val_interval': 1}


@pytest.fixture
def run(tmp_path):
    """Build a runner in the temporary work directory."""
    return lambda **changes: make_runner(tmp_path / 'run', uuid.uuid4().hex, **changes)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'train_cfg': {'val_interval': 0}}, 'val_interval=0: must be a whole number of at least 1'),
        ({'train_cfg': {'val_interval': 0.5}}, 'val_interval=0.5: must be'),
        ({'train_cfg': {'max_epochs': 0}}, 'max_epochs=0: must be'),
        ({'train_cfg': {**BY_ITERATION, 'max_iters': 0}}, 'max_iters=0: must be'),
        ({'train_dataloader': {'batch_size': 80, 'drop_last': True}}, 'train_dataloader has no batch.*75 samples'),
        ({'val_dataloader': {'batch_size': 80, 'drop_last': True}}, 'val_dataloader has no batch.*30 samples'),
        (
            {'default_hooks': {'checkpoint': {'filename_tmpl': 'last.pth', 'max_keep_ckpts': 1}}},
            r"tmpl='last.pth'.*'epoch_\{\}.pth'",
        ),
        ({'default_hooks': {'checkpoint': {'filename_tmpl': '{}_{}.pth'}}}, 'must contain .* once'),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_step(run, changes, said):
    runner = run(**changes)
    with pytest.raises(ValueError, match=said):
        runner.train()
    assert runner.model.batches == []


def test_checkpoints_that_could_not_be_written_are_refused(run, tmp_path):
    (tmp_path / 'file').touch()
    runner = run(default_hooks={'checkpoint': {'out_dir': str(tmp_path / 'file')}})
    with pytest.raises(ValueError, match=r"out_dir='.*file' of CheckpointHook: .*file is no folder"):
        runner.train()
    assert runner.model.batches == []


@pytest.mark.parametrize('by_epoch', [True, False])
def test_what_counts_epochs_where_there_is_one_is_warned_about(run, by_epoch):
    runner = run(
        train_cfg=dict(BY_ITERATION),
        default_hooks={'checkpoint': {'by_epoch': by_epoch}},
        param_scheduler={'type': 'StepLR', 'step_size': 1, 'by_epoch': by_epoch},
        log_processor={'by_epoch': False},
    )
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    said = '\n'.join(str(call.args[0]) for call in warning.call_args_list)
    for text in ('CheckpointHook(by_epoch=True) in IterBasedTrainLoop', 'StepLR with by_epoch=True in IterBased'):
        assert (text in said) == by_epoch


def test_one_file_for_every_checkpoint_and_whole_numbers_with_a_point_are_taken(run, tmp_path):
    runner = run(
        train_cfg={**BY_ITERATION, 'max_iters': 4.0, 'val_interval': 2e0},
        default_hooks={'checkpoint': {'by_epoch': False, 'filename_tmpl': 'latest.pth'}},
        train_dataloader={'sampler': {'infinite': True}},
    )
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any('takes the place of the one before' in str(call) for call in warning.call_args_list)
    assert (tmp_path / 'run/latest.pth').exists()
