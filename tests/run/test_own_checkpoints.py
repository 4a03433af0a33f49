"""What a resumed run keeps of the files and scores in its checkpoint."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.hooks import CheckpointHook

from cdb_video.run.own_checkpoints import forget_best, keep_own_checkpoints, mend_last_checkpoint, own_folders


@pytest.fixture
def folders(tmp_path):
    """Two work directories, each with a checkpoint and a best one."""
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        for file in ('epoch_1.pth', 'best_x_epoch_1.pth'):
            (tmp_path / name / file).touch()
    return tmp_path


def resumed(work_dir, checkpoint, written_in, hooks=(), **info):
    """What is asked of a runner in `work_dir` that was resumed from a checkpoint that was written in a folder."""
    known = {
        'best_ckpt': f'{written_in}/best_x_epoch_1.pth',
        'best_score': 0.5,
        'last_ckpt': f'{written_in}/epoch_1.pth',
        'keep_ckpt_ids': [1],
        'epoch': 1,
    }
    return SimpleNamespace(
        work_dir=str(work_dir),
        hooks=list(hooks),
        message_hub=SimpleNamespace(runtime_info=known | info),
        logger=logging.getLogger('test'),
        param_schedulers=None,
        _resume=True,
        _has_loaded=True,
        _load_from=str(checkpoint),
    )


def kept(runner):
    keep_own_checkpoints(runner)
    return runner.message_hub.runtime_info


def test_in_its_own_folder_a_run_keeps_all(folders):
    runner = resumed(folders / 'a', folders / 'a/epoch_1.pth', folders / 'a')
    before = dict(runner.message_hub.runtime_info)
    assert kept(runner) == before


def test_files_and_score_of_another_run_are_forgotten_and_said(folders, caplog):
    with caplog.at_level('WARNING'):
        known = kept(resumed(folders / 'b', folders / 'a/epoch_1.pth', folders / 'a'))
    assert known == {'epoch': 1}
    (record,) = caplog.records
    assert f'{folders}/a/best_x_epoch_1.pth, the best checkpoint of the run that wrote' in record.getMessage()
    assert 'chooses its best checkpoint anew' in record.getMessage()


@pytest.mark.parametrize('is_left', [True, False])
def test_folder_that_was_copied_or_moved_keeps_its_own_files(folders, is_left, caplog):
    if not is_left:
        (folders / 'a').rename(folders / 'gone')
    known = kept(resumed(folders / 'b', folders / 'b/epoch_1.pth', folders / 'a'))
    assert (known['best_ckpt'], known['last_ckpt']) == tuple(
        f'{folders}/b/{name}' for name in ('best_x_epoch_1.pth', 'epoch_1.pth')
    )
    assert (known['best_score'], known['keep_ckpt_ids']) == (0.5, [1])
    assert not caplog.records


def test_checkpoint_that_was_copied_alone_brings_no_best(folders):
    (folders / 'b/best_x_epoch_1.pth').unlink()
    known = kept(resumed(folders / 'b', folders / 'b/epoch_1.pth', folders / 'a'))
    assert 'best_ckpt' not in known
    assert 'best_score' not in known
    assert known['last_ckpt'] == f'{folders}/b/epoch_1.pth'


def test_own_checkpoint_that_was_copied_away_still_belongs_to_the_run(folders):
    runner = resumed(folders / 'a', folders / 'b/epoch_1.pth', folders / 'a')
    before = dict(runner.message_hub.runtime_info)
    assert kept(runner) == before


def test_each_of_several_best_checkpoints_goes_with_its_own_score(folders):
    several = {
        'best_ckpt': None,
        'best_ckpt_acc/top1': f'{folders}/a/best_x_epoch_1.pth',
        'best_score_acc/top1': 0.5,
        'best_ckpt_acc/mean1': f'{folders}/b/best_x_epoch_1.pth',
        'best_score_acc/mean1': 0.25,
    }
    known = kept(resumed(folders / 'b', folders / 'a/epoch_1.pth', folders / 'a', **several))
    assert 'best_score_acc/top1' not in known
    assert known['best_score_acc/mean1'] == 0.25


def test_best_checkpoint_in_out_dir_is_the_run_s_own(folders):
    hook = CheckpointHook(out_dir=str(folders / 'large'))
    (folders / 'large/b').mkdir(parents=True)
    runner = resumed(folders / 'b', folders / 'b/epoch_1.pth', folders / 'large/b', hooks=[hook])
    assert str(folders / 'large/b') in own_folders(runner)
    assert kept(runner)['best_ckpt'] == f'{folders}/large/b/best_x_epoch_1.pth'


def test_run_that_is_not_resumed_is_left_alone(folders):
    runner = resumed(folders / 'b', folders / 'a/epoch_1.pth', folders / 'a')
    runner._resume = False
    assert 'best_ckpt' in kept(runner)


def test_the_best_result_of_schedulers_is_forgotten_with_the_checkpoint(folders):
    runner = resumed(folders / 'a', folders / 'a/epoch_1.pth', folders / 'a')
    plateau = SimpleNamespace(best=0.9, rule_worse=-1)
    runner.param_schedulers = {'one': [plateau, SimpleNamespace()]}
    assert forget_best(runner) == [f'{folders}/a/best_x_epoch_1.pth']
    assert plateau.best == -1
    assert not [entry for entry in runner.message_hub.runtime_info if entry.startswith('best')]


def test_note_of_a_copied_folder_comes_to_name_its_own_checkpoint(folders, caplog):
    note = folders / 'b/last_checkpoint'
    note.write_text(f'{folders}/a/epoch_1.pth')
    runner = resumed(folders / 'b', '', folders / 'a')
    runner._load_from = None
    with caplog.at_level('WARNING'):
        mend_last_checkpoint(runner)
    assert note.read_text() == f'{folders}/b/epoch_1.pth'
    assert 'this one was moved or copied' in caplog.text


def test_note_that_flexible_runner_has_read_already_stays_without_a_word(folders, caplog):
    note = folders / 'b/last_checkpoint'
    note.write_text(f'{folders}/a/epoch_1.pth')
    runner = resumed(folders / 'b', '', folders / 'a')
    runner._load_from, runner.strategy = None, object()
    with caplog.at_level('WARNING'):
        mend_last_checkpoint(runner)
    assert note.read_text() == f'{folders}/a/epoch_1.pth'
    assert not caplog.records


@pytest.mark.parametrize('named', ['b/epoch_1.pth', 'a/epoch_2.pth', ''])
def test_note_that_names_what_only_it_can_mean_stays(folders, named):
    note = folders / 'b/last_checkpoint'
    note.write_text(named and f'{folders}/{named}')
    runner = resumed(folders / 'b', '', folders / 'a')
    runner._load_from = None
    mend_last_checkpoint(runner)
    assert note.read_text() == (named and f'{folders}/{named}')
