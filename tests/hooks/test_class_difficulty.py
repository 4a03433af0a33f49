"""ClassDifficultyHook in whole toy runs: what it hands on, records, restores and refuses."""

import csv
import itertools
import json
import uuid
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop, Runner

from cdb_video.difficulty.formulas import class_probability, class_weights
from cdb_video.difficulty.history import read_history
from cdb_video.difficulty.tracking.consumers import find_difficulty_consumers
from cdb_video.hooks import difficulty_owner
from cdb_video.losses.cdb import CDBLoss
from cdb_video.run import parts
from cdb_video.run.reporting import record
from cdb_video.run.start import agreed_num_classes
from tests.support.runs import CLASS_NAMES, hook_of, make_runner, merged
from tests.support.toys import LabelsOnly, ToyHead, ToyModel

pytestmark = pytest.mark.training


@pytest.fixture
def run(tmp_path):
    """Build a runner in the temporary work directory."""
    return lambda **changes: make_runner(tmp_path, uuid.uuid4().hex, **changes)


def test_difficulty_of_each_validation_drives_loss_and_sampler(run, tmp_path):
    runner = run()
    runner.train()
    state = hook_of(runner).state_
    np.testing.assert_allclose(state.difficulty, 1 - state.num_correct / state.num_clips)
    assert state.num_clips.tolist() == [9, 8, 7, 6]
    assert state.train_counts.tolist() == [40, 20, 10, 5]
    loss, sampler = runner.model.cls_head.loss_cls, runner.train_dataloader.sampler
    np.testing.assert_allclose(loss.class_weight, class_weights(state.difficulty, 1))
    np.testing.assert_allclose(sampler.class_probability, class_probability(state.difficulty, 1, [40, 20, 10, 5]))
    history = read_history(tmp_path / 'class_history.jsonl')
    assert history.header.class_names == CLASS_NAMES
    assert history.header.train_counts == [40, 20, 10, 5]
    assert [(entry.epoch, entry.iteration) for entry in history.records] == [(1, 10), (2, 20), (3, 30)]
    last = history.records[-1]
    assert last.difficulty == state.difficulty.tolist()
    assert last.consumers['CDBLoss'].to_dict() == {'tau': 1.0, 'weight': loss.class_weight.tolist()}
    assert last.consumers['CDBSampler'].probability == sampler.class_probability.tolist()
    assert 0 < last.metrics['acc/mean1'] <= 1


def test_first_epoch_is_class_balanced_and_the_next_follows_the_difficulty(run, tmp_path):
    runner = run(train_cfg={'max_epochs': 2})
    runner.train()
    first = np.bincount(list(itertools.chain(*runner.model.batches[:10]))[:75], minlength=4)
    assert (np.abs(first - 75 / 4) < 1).all()
    second = np.bincount(list(itertools.chain(*runner.model.batches[10:]))[:75], minlength=4)
    after_first = read_history(tmp_path / 'class_history.jsonl').records[0]
    expected = 75 * np.array(after_first.consumers['CDBSampler'].probability)
    assert (np.abs(second - expected) < 1 + 1e-9).all()


@pytest.mark.parametrize(('save_best', 'redone'), [(None, [10, 20]), ('acc/mean1', [20])])
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, save_best, redone):
    hooks = {'checkpoint': {'save_best': save_best}}
    straight = make_runner(tmp_path / 'a', uuid.uuid4().hex, train_cfg={'max_epochs': 4})
    straight.train()
    make_runner(tmp_path / 'b', uuid.uuid4().hex, train_cfg={'max_epochs': 2}, default_hooks=hooks).train()
    # epoch_1.pth is saved before validation 1, and once more after it if that is the best so far.
    resumed = make_runner(
        tmp_path / 'b',
        uuid.uuid4().hex,
        train_cfg={'max_epochs': 4},
        resume=True,
        load_from=str(tmp_path / 'b' / 'epoch_1.pth'),
        default_hooks=hooks,
    )
    resumed.train()
    assert resumed.model.batches == straight.model.batches[10:]
    for one, other in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (hook_of(resumed).state_.difficulty == hook_of(straight).state_.difficulty).all()
    a, b = (read_history(tmp_path / name / 'class_history.jsonl') for name in 'ab')
    assert a.records == b.records
    aside = read_history(tmp_path / 'b' / 'class_history.1.jsonl')
    assert [entry.iteration for entry in aside.records] == redone


def test_best_checkpoint_holds_the_state_after_its_own_validation(run, tmp_path):
    runner = run(train_cfg={'max_epochs': 1})
    runner.train()
    state = torch.load(next(tmp_path.glob('best_*.pth')))['class_difficulty']
    assert state['iteration'] == 10
    torch.testing.assert_close(state['difficulty'].numpy(), hook_of(runner).state_.difficulty)
    resumed = run(train_cfg={'max_epochs': 2}, resume=True, load_from=str(next(tmp_path.glob('best_*.pth'))))
    with mock.patch.object(resumed.val_loop, 'run', wraps=resumed.val_loop.run) as validations:
        resumed.train()
    assert validations.call_count == 1  # only that of epoch 2


def test_run_killed_before_its_last_validation_makes_up_for_it(run, tmp_path):
    run(train_cfg={'max_epochs': 2}).train()
    resumed = run(train_cfg={'max_epochs': 2}, resume=True, load_from=str(tmp_path / 'epoch_2.pth'))
    resumed.train()
    assert hook_of(resumed).state_.iteration == 20
    assert [entry.iteration for entry in read_history(tmp_path / 'class_history.jsonl').records] == [10, 20]


def test_checkpoint_is_saved_again_after_a_new_best_in_a_validation_that_was_made_up_for(run, tmp_path):
    run(train_cfg={'max_epochs': 2}, default_hooks={'checkpoint': {'save_best': None}}).train()
    assert torch.load(tmp_path / 'epoch_2.pth')['class_difficulty']['iteration'] == 10
    run(train_cfg={'max_epochs': 2}, resume=True).train()
    (best,) = tmp_path.glob('best_*.pth')
    saved_again = torch.load(tmp_path / 'epoch_2.pth')
    assert saved_again['class_difficulty']['iteration'] == 20
    assert saved_again['message_hub']['runtime_info']['best_ckpt'] == str(best)
    assert {'optimizer', 'state_dict'} < set(saved_again)


def test_checkpoint_of_another_folder_is_not_taken_for_this_run_s(tmp_path):
    make_runner(tmp_path / 'a', uuid.uuid4().hex, train_cfg={'max_epochs': 1}).train()
    source = str(tmp_path / 'a/epoch_1.pth')
    checkpoint = torch.load(source)
    checkpoint['class_difficulty']['iteration'] = 0
    torch.save(checkpoint, source)
    content = (tmp_path / 'a/epoch_1.pth').read_bytes()
    make_runner(tmp_path / 'b', uuid.uuid4().hex, train_cfg={'max_epochs': 1}, resume=True, load_from=source).train()
    assert (tmp_path / 'a/epoch_1.pth').read_bytes() == content
    assert not (tmp_path / 'b/epoch_1.pth').exists()


def test_class_absent_from_validation_keeps_its_difficulty(run):
    runner = run(val_dataloader={'dataset': {'counts': [9, 0, 7, 6]}})
    runner.train()
    state = hook_of(runner).state_
    assert not state.measured[1]
    np.testing.assert_allclose(state.difficulty[1], state.difficulty[state.measured].mean())


def test_load_from_starts_fresh(run, tmp_path):
    run(train_cfg={'max_epochs': 1}).train()
    runner = run(train_cfg={'max_epochs': 1}, load_from=str(tmp_path / 'epoch_1.pth'))
    with (
        mock.patch.object(runner.train_loop, 'run_epoch', side_effect=InterruptedError),
        pytest.raises(InterruptedError),
    ):
        runner.train()
    assert hook_of(runner).state_.difficulty.tolist() == [1] * 4
    assert read_history(tmp_path / 'class_history.1.jsonl').records  # the first run's, kept


def test_resume_without_a_checkpoint_says_that_it_starts_anew(run, tmp_path):
    runner = run(resume=True)
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any('there is no checkpoint' in str(call) for call in warning.call_args_list)


def test_resume_from_a_checkpoint_of_a_run_without_the_hook_validates_first(run, tmp_path):
    run(custom_hooks=[{'type': 'OwnHook'}], train_cfg={'max_epochs': 1}).train()
    runner = run(train_cfg={'max_epochs': 2}, resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    runner.train()
    assert [entry.iteration for entry in read_history(tmp_path / 'class_history.jsonl').records] == [10, 20]


@pytest.mark.parametrize(
    ('classes', 'message'),
    [(('lift', 'cut', 'rinse', 'spread'), "class 2 is 'wash' in the checkpoint and 'rinse' in this run")],
)
def test_resume_with_a_changed_class_list_is_refused(run, tmp_path, classes, message):
    run(train_cfg={'max_epochs': 1}).train()
    both = {'dataset': {'classes': classes}}
    runner = run(resume=True, train_dataloader=both, val_dataloader=both)
    with pytest.raises(ValueError, match=message):
        runner.train()


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        ({'measured': torch.ones(3)}, 'different lengths'),
        ({'version': 99}, 'version 99 is newer'),
        ({'difficulty': None}, 'AttributeError'),
        ({'measured': torch.ones(4)}, 'measured has the dtype float32'),
        ({'num_clips': torch.full((4,), 9.5)}, 'num_clips has the dtype float32'),
        ({'report': None}, 'its report is None'),
    ],
)
def test_damaged_state_in_a_checkpoint_is_refused(run, tmp_path, entry, message):
    run(train_cfg={'max_epochs': 1}).train()
    checkpoint = torch.load(tmp_path / 'epoch_1.pth')
    checkpoint['class_difficulty'].update(entry)
    torch.save(checkpoint, tmp_path / 'damaged.pth')
    with pytest.raises(ValueError, match=rf"entry 'class_difficulty' cannot be read.*{message}"):
        run(resume=True, load_from=str(tmp_path / 'damaged.pth')).train()


def test_iteration_based_run_validates_by_iteration_and_resumes(tmp_path):
    def iterations(name, max_iters, **changes):
        return make_runner(
            tmp_path / name,
            uuid.uuid4().hex,
            train_cfg={'_delete_': True, 'by_epoch': False, 'max_iters': max_iters, 'val_interval': 5},
            default_hooks={'checkpoint': {'by_epoch': False, 'interval': 5}},
            log_processor={'by_epoch': False},
            **changes,
        )

    straight = iterations('a', 20)
    straight.train()
    iterations('b', 10).train()
    resumed = iterations('b', 20, resume=True, load_from=str(tmp_path / 'b' / 'iter_10.pth'))
    resumed.train()
    records = read_history(tmp_path / 'a' / 'class_history.jsonl').records
    assert [entry.iteration for entry in records] == [5, 10, 15, 20]
    found = read_history(tmp_path / 'b' / 'class_history.jsonl').records
    assert [entry.iteration for entry in found] == [5, 10, 15, 20]


def test_balanced_softmax_gets_the_prior_that_training_sees(run):
    loss_cls = {'type': 'CDBLoss', 'tau': 0, 'logit_adjustment': 1.0}
    natural = run(
        model={'loss_cls': loss_cls},
        train_dataloader={'sampler': {'_delete_': True, 'type': 'DefaultSampler'}},
        train_cfg={'max_epochs': 1},
    )
    natural.train()
    log_prior = natural.model.cls_head.loss_cls._from_prior.value
    np.testing.assert_allclose(log_prior.exp(), np.array([40, 20, 10, 5]) / 75)
    # With a floor, so that no class is perfect: one that training never sees gets a prior of its own.
    resampled = run(
        model={'loss_cls': loss_cls},
        train_cfg={'max_epochs': 1},
        custom_hooks=[{'type': 'ClassDifficultyHook', 'min_difficulty': 0.1}],
    )
    resampled.train()
    np.testing.assert_allclose(
        resampled.model.cls_head.loss_cls._from_prior.value.exp(), resampled.train_dataloader.sampler.class_probability
    )


def test_batch_sampler_s_sampler_is_found(run):
    runner = run(train_dataloader={'batch_sampler': {'type': 'BatchSampler', 'drop_last': True}, 'batch_size': 8})
    runner.train()
    assert 'CDBSampler' in hook_of(runner)._handover.consumers


def test_baseline_is_measured_and_reported_but_not_driven(run, tmp_path):
    runner = run(
        model={'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}},
        custom_hooks=[{'type': 'ClassDifficultyHook', 'observe_only': True}],
        train_dataloader={'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}},
    )
    runner.train()
    assert read_history(tmp_path / 'class_history.jsonl').records[-1].consumers == {}
    assert (tmp_path / 'class_report.csv').exists()


def test_class_report_after_training_and_after_testing(run, tmp_path):
    runner = run()
    runner.train()
    rows = list(csv.DictReader((tmp_path / 'class_report.csv').read_text().splitlines()))
    assert {row['name'] for row in rows} == set(CLASS_NAMES)
    accuracy = [float(row['accuracy']) for row in rows]
    assert accuracy == sorted(accuracy)
    document = json.loads((tmp_path / 'class_report.json').read_text())
    assert document['split'] == 'val'
    assert [row['train_count'] for row in sorted(document['classes'], key=lambda row: row['label'])] == [40, 20, 10, 5]

    best = next(tmp_path.glob('best_*.pth'))
    tester = run(load_from=str(best), test_dataloader=BASE_TEST, test_cfg={}, test_evaluator={'type': 'ClassAccuracy'})
    metrics = tester.test()
    document = json.loads((tmp_path / 'class_report.json').read_text())
    assert document['split'] == 'test'
    assert document['metrics']['acc/top1'] == metrics['acc/top1']
    assert 'acc/few_shot' in metrics  # training counts come from the checkpoint
    row = document['classes'][0]
    assert row['train_count'] in (40, 20, 10, 5)
    assert row['num_clips'] == 12
    assert None not in (row['difficulty'], row['weight'], row['probability'])


@pytest.fixture
def better_every_time():
    """A validation whose 'score' is a new best each time."""
    scores = [{'score': float(number)} for number in range(9)]
    with mock.patch('tests.support.toys.ToyMetric.compute_metrics', side_effect=scores):
        yield {
            'val_evaluator': [{'type': 'ClassAccuracy'}, {'type': 'ToyMetric'}],
            'default_hooks': {'checkpoint': {'save_best': 'score'}},
            'train_cfg': {'max_epochs': 2},
        }


def watch_saves(runner, report):
    """For every checkpoint that is saved, the epochs of the class report that was there at each time."""
    save, epochs = runner.save_checkpoint, {}

    def saved(folder, filename, *more, **options):
        epochs.setdefault(filename, []).append(json.loads(report.read_text())['epoch'] if report.exists() else None)
        save(folder, filename, *more, **options)

    runner.save_checkpoint = saved
    return epochs


@pytest.mark.parametrize('source', ['val', 'train'])
def test_class_report_is_written_once_and_before_a_checkpoint_tells_of_the_last_validation(
    run, tmp_path, better_every_time, source
):
    runner = run(custom_hooks=[{'type': 'ClassDifficultyHook', 'source': source}], **better_every_time)
    epochs = watch_saves(runner, tmp_path / 'class_report.json')
    with mock.patch('cdb_video.run.reporting.reports.report_classes', wraps=record.report_classes) as written:
        runner.train()
    assert epochs == {
        'epoch_1.pth': [None, None],
        'best_score_epoch_1.pth': [None],
        'epoch_2.pth': [None, 2],  # before the validation and, as it was the best, after it
        'best_score_epoch_2.pth': [2],
    }
    assert written.call_count == 1


def test_resuming_a_run_that_has_ended_leaves_its_fuller_report_as_it_is(run, tmp_path, better_every_time):
    run(**better_every_time).train()
    names = ('class_report.json', 'class_report.csv', 'class_report.md', 'class_history.jsonl')
    before = {name: (tmp_path / name).read_bytes() for name in names}
    assert json.loads(before['class_report.json'])['confusions']
    resumed = run(resume=True, **better_every_time)
    resumed.train()
    assert hook_of(resumed).state_.iteration == 20
    assert {name: (tmp_path / name).read_bytes() for name in names} == before
    # One that says less, or that is gone, is written anew, from what the checkpoint knows.
    (tmp_path / 'class_report.json').unlink()
    run(resume=True, **better_every_time).train()
    written, old = (json.loads(text) for text in ((tmp_path / 'class_report.json').read_bytes(), before[names[0]]))
    counts = [
        sorted((row['label'], row['num_clips'], row['num_correct']) for row in document['classes'])
        for document in (written, old)
    ]
    assert counts[0] == counts[1]
    assert (written['split'], written['epoch'], written['confusions']) == ('val', 2, [])


def test_report_of_a_test_gives_way_to_that_of_the_validation_of_a_run_that_is_resumed_at_its_end(
    run, tmp_path, better_every_time
):
    run(**better_every_time).train()
    test = {'test_dataloader': BASE_TEST, 'test_cfg': {}, 'test_evaluator': {'type': 'ClassAccuracy'}}
    run(load_from=str(tmp_path / 'epoch_2.pth'), **test).test()
    assert json.loads((tmp_path / 'class_report.json').read_text())['split'] == 'test'
    run(resume=True, **better_every_time).train()
    assert json.loads((tmp_path / 'class_report.json').read_text())['split'] == 'val'


def test_report_that_is_no_file_ends_no_run(run, tmp_path, better_every_time):
    run(**better_every_time).train()
    (tmp_path / 'class_report.json').unlink()
    (tmp_path / 'class_report.json').mkdir()
    resumed = run(resume=True, **better_every_time)
    resumed.train()
    assert hook_of(resumed).state_.iteration == 20


def test_fault_in_a_report_costs_no_checkpoint_and_is_raised_in_the_end(run, tmp_path, better_every_time):
    runner = run(**better_every_time)
    with (
        mock.patch('cdb_video.run.reporting.record.format_summary', side_effect=RuntimeError('a fault')),
        pytest.raises(RuntimeError, match='a fault'),
    ):
        runner.train()
    assert (tmp_path / 'best_score_epoch_2.pth').is_file()


def test_test_of_a_checkpoint_that_is_loaded_after_training_is_that_checkpoints(run, tmp_path):
    test = {'test_dataloader': BASE_TEST, 'test_cfg': {}, 'test_evaluator': {'type': 'ClassAccuracy'}}
    keep = {'checkpoint': {'save_best': None, 'max_keep_ckpts': 9}}
    runner = run(train_cfg={'max_epochs': 3}, default_hooks=keep, **test)
    runner.train()
    runner.test()
    assert json.loads((tmp_path / 'class_report.json').read_text())['epoch'] == 3
    runner.load_checkpoint(str(tmp_path / 'epoch_2.pth'))
    runner.test()
    document = json.loads((tmp_path / 'class_report.json').read_text())
    assert (document['split'], document['epoch'], document['iter']) == ('test', 2, 20)
    saved = torch.load(tmp_path / 'epoch_2.pth')['class_difficulty']['difficulty'].tolist()
    assert [row['difficulty'] for row in sorted(document['classes'], key=lambda row: row['label'])] == saved


@pytest.mark.parametrize(
    'hooks', [[{'type': 'OwnHook'}], [{'type': 'ClassDifficultyHook'}]], ids=['without the hook', 'with it']
)
def test_report_of_a_test_has_the_epoch_of_the_model_not_of_its_last_validation(run, tmp_path, hooks):
    never = {'checkpoint': {'save_best': None}}
    run(custom_hooks=hooks, train_cfg={'max_epochs': 2}, default_hooks=never).train()
    # It was saved before its validation, so the difficulty in it is of the first epoch.
    test = {'test_dataloader': BASE_TEST, 'test_cfg': {}, 'test_evaluator': {'type': 'ClassAccuracy'}}
    run(load_from=str(tmp_path / 'epoch_2.pth'), **test).test()
    document = json.loads((tmp_path / 'class_report.json').read_text())
    assert (document['split'], document['epoch'], document['iter']) == ('test', 2, 20)


BASE_TEST = {
    'batch_size': 8,
    'num_workers': 0,
    'dataset': {'type': 'ToyDataset', 'counts': [12, 12, 12, 12], 'seed': 2},
    'sampler': {'type': 'DefaultSampler', 'shuffle': False},
}


def test_val_only_and_test_only_runs_are_left_alone(run, tmp_path):
    without_training = {'train_dataloader': ..., 'train_cfg': ..., 'optim_wrapper': ..., 'default_hooks': ...}
    runner = run(**without_training)
    assert set(runner.val()) >= {'acc/top1', 'acc/mean1'}
    assert runner._train_loop is None
    tester = run(**without_training, test_dataloader=BASE_TEST, test_cfg={}, test_evaluator={'type': 'ClassAccuracy'})
    tester.test()
    assert not (tmp_path / 'class_history.jsonl').exists()
    row = json.loads((tmp_path / 'class_report.json').read_text())['classes'][0]
    assert row['difficulty'] is None
    assert row['train_count'] is None


def test_scalars_reach_the_visualizer_in_step(run):
    runner = run()
    with mock.patch.object(runner.visualizer, 'add_scalars') as add:
        runner.train()
    ours = [call for call in add.call_args_list if 'difficulty/mean' in call.args[0]]
    assert [call.kwargs['step'] for call in ours] == [1, 2, 3]
    assert set(ours[0].args[0]) == {
        'difficulty/mean',
        'difficulty/worst_class_acc',
        'difficulty/CDBLoss_min_weight',
        'difficulty/CDBLoss_max_weight',
        'difficulty/CDBLoss_tau',
        'difficulty/CDBSampler_min_probability',
        'difficulty/CDBSampler_max_probability',
        'difficulty/CDBSampler_tau',
    }


@pytest.mark.parametrize('number', [0, 1, 2, 9])
def test_hardest_and_easiest_classes_are_logged_by_name(run, number):
    runner = run(custom_hooks=[{'type': 'ClassDifficultyHook', 'log_classes': number}], train_cfg={'max_epochs': 1})
    with mock.patch.object(runner.logger, 'info') as info:
        runner.train()
    tables = [str(call.args[0]) for call in info.call_args_list if 'hardest and easiest' in str(call.args[0])]
    assert len(tables) == (1 if number else 0)
    for table in tables:
        lines = table.splitlines()[3:]
        assert [name in ' '.join(lines) for name in CLASS_NAMES].count(True) == (2 if number == 1 else 4)
        difficulty = [float(line.split()[5]) for line in lines if '...' not in line]
        assert difficulty == sorted(difficulty, reverse=True)
        assert ('... 2 more' in table) == (number == 1)


def test_full_disk_costs_the_record_but_not_the_training(run):
    runner = run()
    with (
        mock.patch('cdb_video.difficulty.tracking.course.append_lines', side_effect=OSError(28, 'No space left')),
        mock.patch('cdb_video.run.reporting.record.write_class_report', side_effect=OSError(28, 'No space left')),
        mock.patch.object(runner.logger, 'warning') as warning,
    ):
        runner.train()
    said = ' '.join(str(call) for call in warning.call_args_list)
    assert 'class history could not be written' in said
    assert 'class report could not be written' in said
    assert hook_of(runner).state_.measured.all()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'val_evaluator': {'_delete_': True, 'type': 'ToyMetric'}},
            r"no ClassAccuracy.*val_evaluator=dict\(type='ClassAccuracy'\)",
        ),
        (
            {
                'model': {'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}},
                'train_dataloader': {'sampler': {'_delete_': True, 'type': 'DefaultSampler'}},
            },
            r"nothing to hand the difficulty to.*type='CDBLoss'.*type='CDBSampler'.*observe_only=True",
        ),
        (
            {
                'val_dataloader': ...,
                'val_cfg': ...,
                'val_evaluator': ...,
                'default_hooks': {'checkpoint': {'save_best': None}},
            },
            'needs a validation.*--no-validate',
        ),
        (
            {'val_dataloader': {'dataset': {'counts': [], 'serialize_data': False}}},
            r'ToyDataset is empty: check its ann_file',
        ),
        ({'val_dataloader': {'dataset': {'counts': [1, 1, 1, 1, 1]}}}, 'has label 4, but there are 4 classes'),
        (
            {'val_dataloader': {'dataset': {'classes': CLASS_NAMES[::-1]}}},
            "class 0 is 'lift' in the training set and 'spread'",
        ),
        (
            {'val_dataloader': {'dataset': {'classes': CLASS_NAMES[:3]}}},
            'training set has 4 classes, the validation set 3',
        ),
        ({'val_evaluator': {'class_names': ['a', 'b']}}, 'class_names of val_evaluator: 2'),
        ({'train_cfg': {'val_begin': 9}}, 'needs a validation before the end of training.*val_begin'),
        (
            {'model': {'num_classes': 5}},
            r'numbers of classes differ: cls_head \(ToyHead\): 5; class list of ToyDataset: 4',
        ),
        ({'model': {'loss_cls': {'num_classes': 3}}}, r'cls_head.loss_cls \(CDBLoss\): 3'),
        ({'val_evaluator': {'num_classes': 7}}, r'val_evaluator \(ClassAccuracy\): 7'),
        (
            {'default_hooks': {'checkpoint': {'save_best': 'acc/mean'}}},
            "save_best of CheckpointHook='acc/mean'.*returns acc/top1, acc/mean1, acc/hmean, acc/worst, "
            'acc/mean_precision, acc/macro_f1, acc/medium_shot, acc/few_shot$',
        ),
        (
            {'default_hooks': {'checkpoint': {'save_best': ['acc/top1', 'acc/many_shot'], 'rule': ['greater'] * 2}}},
            "save_best of CheckpointHook='acc/many_shot'",
        ),
        (
            {'custom_hooks': [{'type': 'ClassDifficultyHook'}, {'type': 'EarlyStoppingHook', 'monitor': 'acc/top2'}]},
            "monitor of EarlyStoppingHook='acc/top2'",
        ),
        (
            {'param_scheduler': {'type': 'ReduceOnPlateauLR', 'monitor': 'loss'}},
            "monitor of ReduceOnPlateauLR='loss'",
        ),
        (
            {'model': {'num_classes': 3}, 'train_dataloader': {'dataset': {'classes': None}}},
            r'sample 70 of ToyDataset has label 3, but cls_head \(ToyHead\) states 3 classes, so labels must be 0\.\.2',
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_step(run, changes, message):
    runner = run(**changes)
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert runner.model.batches == []


@pytest.mark.parametrize(
    ('save_best', 'evaluator'),
    [
        ('auto', {}),
        ('acc/hmean', {}),
        ('acc/worst', {}),
        ('acc/few_shot', {}),
        ('mine/mean1', {'prefix': 'mine'}),
        ('acc/top3', {'topk': (1, 3)}),
    ],
)
def test_keys_that_the_validation_returns_can_be_monitored(run, tmp_path, save_best, evaluator):
    runner = run(
        train_cfg={'max_epochs': 1}, val_evaluator=evaluator, default_hooks={'checkpoint': {'save_best': save_best}}
    )
    runner.train()
    assert list(tmp_path.glob('best_*.pth'))


def test_key_of_another_metric_can_be_monitored(run, tmp_path):
    both = [{'type': 'ClassAccuracy', 'prefix': 'mine'}, {'type': 'ToyMetric'}]
    run(train_cfg={'max_epochs': 1}, val_evaluator=both).train()
    assert list(tmp_path.glob('best_acc_mean1_*.pth'))


def test_metric_of_an_unknown_type_stops_before_the_first_step(run):
    with pytest.raises(KeyError, match="'ClassAccurcy': there is no metric of that name; did you mean 'ClassAccuracy'"):
        run(val_evaluator={'_delete_': True, 'type': 'ClassAccurcy'}).train()


def test_observing_run_without_validation_goes_on_with_a_warning(run):
    runner = run(
        val_dataloader=...,
        val_cfg=...,
        val_evaluator=...,
        default_hooks={'checkpoint': {'save_best': None}},
        custom_hooks=[{'type': 'ClassDifficultyHook', 'observe_only': True}],
    )
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any('no validation' in str(call) for call in warning.call_args_list)


WITHOUT_VALIDATION = {
    **dict.fromkeys(('val_dataloader', 'val_cfg', 'val_evaluator'), ...),
    'default_hooks': {'checkpoint': {'save_best': None}},
    'custom_hooks': [{'type': 'ClassDifficultyHook', 'observe_only': True}],
}


def test_baseline_without_validation_is_tested_with_its_training_counts(run, tmp_path):
    run(**WITHOUT_VALIDATION, train_cfg={'max_epochs': 1}).train()
    assert not (tmp_path / 'class_report.json').exists()
    tester = run(
        load_from=str(tmp_path / 'epoch_1.pth'),
        test_dataloader=BASE_TEST,
        test_cfg={},
        test_evaluator={'type': 'ClassAccuracy'},
    )
    assert 'acc/few_shot' in tester.test()
    rows = json.loads((tmp_path / 'class_report.json').read_text())['classes']
    assert sorted(row['train_count'] for row in rows) == [5, 10, 20, 40]
    assert {row['difficulty'] for row in rows} == {None}


def test_a_sampler_that_counts_more_classes_than_the_head_is_refused_where_no_label_is_to_blame():
    with pytest.raises(ValueError, match=r'sampler counts 3 classes, cls_head \(ToyHead\) states 2: set num_classes'):
        agreed_num_classes(ToyModel(num_classes=2), None, LabelsOnly([0, 1]), np.array([1, 1, 0]))


def test_labels_of_a_run_without_validation_are_checked_before_training(run):
    unnamed = {'dataset': {'classes': None}}
    with pytest.raises(ValueError, match=r'label 3.*states 3 classes'):
        run(**WITHOUT_VALIDATION, model={'num_classes': 3}, train_dataloader=unnamed).train()


def test_diverged_model_stops_the_run_with_the_reason(run):
    with pytest.raises(ValueError, match='clips hold NaN'):
        run(model={'nan': True}).train()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'momentum': 1}, 'momentum=1'),
        ({'log_classes': -1}, 'log_classes=-1'),
        ({'prior_count': 'x'}, "prior_count='x'"),
        ({'observe_only': 'False'}, "observe_only='False': must be True or False"),
        ({'report': 'False'}, "report='False': must be True or False"),
        ({'live_report': 0}, 'live_report=0: must be True or False'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(run, arguments, message):
    with pytest.raises(ValueError, match=message):
        run(custom_hooks=[{'type': 'ClassDifficultyHook', **arguments}])


def add_other_metrics(metric, results):
    """What metrics of other libraries return beside plain numbers."""
    other = {'half': np.float32(0.5), 'tensor': torch.tensor(2.0), 'endless': float('inf'), 'words': 'none'}
    return {'matrix': torch.eye(2), **other}


def test_metrics_of_other_kinds_reach_history_and_report_as_json(run, tmp_path):
    both = [{'type': 'ClassAccuracy'}, {'type': 'ToyMetric'}]
    with mock.patch('tests.support.toys.ToyMetric.compute_metrics', add_other_metrics):
        runner = run(
            val_evaluator=both,
            default_hooks={'checkpoint': {'save_best': None}},
            train_cfg={'max_epochs': 1},
            test_dataloader=BASE_TEST,
            test_cfg={},
            test_evaluator=both,
        )
        logger = type(hook_of(runner, 'LoggerHook'))
        with mock.patch.object(logger, 'after_val_epoch'), mock.patch.object(logger, 'after_test_epoch'):
            runner.train()
            runner.test()
    recorded = read_history(tmp_path / 'class_history.jsonl').records[0].metrics
    written = json.loads((tmp_path / 'class_report.json').read_text(), parse_constant=pytest.fail)['metrics']
    for found in (recorded, written):
        assert found['matrix'] == [[1, 0], [0, 1]]
        assert (found['half'], found['tensor'], found['endless'], found['words']) == (0.5, 2.0, None, 'none')


def test_each_run_keeps_its_reports_of_both_sets_in_its_own_folder(run, tmp_path):
    test = {'test_dataloader': BASE_TEST, 'test_cfg': {}, 'test_evaluator': {'type': 'ClassAccuracy'}}
    runner = run(train_cfg={'max_epochs': 1}, **test)
    runner.train()
    runner.test()
    for split in ('val', 'test'):
        (path,) = tmp_path.glob(f'2*/class_report_{split}.json')
        assert json.loads(path.read_text())['split'] == split


def test_validation_after_training_changes_nothing(run, tmp_path):
    runner = run(train_cfg={'max_epochs': 1})
    runner.train()
    before = (tmp_path / 'class_history.jsonl').read_bytes()
    runner.val()
    assert (tmp_path / 'class_history.jsonl').read_bytes() == before


def test_history_of_a_newer_version_is_kept_aside_and_does_not_stop_a_resume(run, tmp_path):
    run(train_cfg={'max_epochs': 1}).train()
    path = tmp_path / 'class_history.jsonl'
    path.write_text('{"kind": "header", "version": 99}\n')
    run(train_cfg={'max_epochs': 2}, resume=True).train()
    assert [entry.epoch for entry in read_history(path).records] == [2]
    assert '99' in (tmp_path / 'class_history.1.jsonl').read_text()


def test_resume_with_other_training_clips_writes_a_new_header(run, tmp_path):
    run(train_cfg={'max_epochs': 1}).train()
    run(train_cfg={'max_epochs': 2}, resume=True, train_dataloader={'dataset': {'counts': [41, 20, 10, 5]}}).train()
    history = read_history(tmp_path / 'class_history.jsonl')
    assert history.header.train_counts == [41, 20, 10, 5]
    assert [entry.epoch for entry in history.records] == [1, 2]


@pytest.mark.parametrize(
    ('hooks', 'expected'),
    [
        (
            [{'type': 'OwnHook'}],
            ['CDBLoss has been handed no class difficulty', 'CDBSampler has been handed no class difficulty'],
        ),
        ([{'type': 'ClassDifficultyHook', 'observe_only': True}], ['CDBLoss, CDBSampler will be handed no difficulty']),
        ([{'type': 'ClassDifficultyHook'}], []),
    ],
)
def test_parts_that_nobody_drives_say_so_once(run, tmp_path, hooks, expected):
    run(custom_hooks=hooks).train()
    (log,) = tmp_path.glob('2*/*.log')
    said = log.read_text()
    for words in expected:
        assert said.count(words) == 1
    if not expected:
        assert 'no class difficulty' not in said


@pytest.mark.parametrize(
    ('changes', 'waiting'),
    [
        ({}, 'CDBLoss and CDBSampler would be handed no class difficulty'),
        ({'model': {'loss_cls': {'tau': 0}}}, 'CDBSampler would be handed no class difficulty'),
        (
            {'train_dataloader': {'sampler': {'type': 'ClassSampler', 'tau': ...}}},
            'CDBLoss would be handed no class dif',
        ),
        (
            {
                'model': {'loss_cls': {'_delete_': True, 'type': 'LDAMLoss'}},
                'train_dataloader': {'sampler': {'tau': 0}},
            },
            'LDAMLoss would be handed no class frequencies',
        ),
    ],
)
def test_parts_that_wait_in_a_run_without_a_hook_for_them_stop_it_before_the_first_step(
    run, monkeypatch, changes, waiting
):
    monkeypatch.setattr(parts, '_KNOWN', (*parts._KNOWN, 'tests'))
    runner = run(custom_hooks=[], **changes)
    with pytest.raises(ValueError, match=f'^{waiting}.*custom_hooks=.*ClassDifficultyHook.*replaces that of its base'):
        runner.train()
    assert runner.model.batches == []


class OwnRunner(Runner):
    """A runner of a user's own."""


class OwnLoop(EpochBasedTrainLoop):
    """A loop that hands on a difficulty."""

    def run_epoch(self):
        self.runner.model.cls_head.loss_cls.set_class_difficulty([0.1, 0.2, 0.3, 0.4])
        super().run_epoch()


@pytest.mark.parametrize('part', ['model', 'loop', 'runner'])
def test_parts_of_a_users_own_may_hand_on_the_difficulty(run, monkeypatch, part):
    runner = run(custom_hooks=[], train_cfg={'max_epochs': 1})
    for kind in (ToyModel, ToyHead) if part != 'model' else ():
        monkeypatch.setattr(kind, '__module__', 'mmaction.models')
    if part == 'loop':
        runner._train_loop = OwnLoop(runner, runner._train_dataloader, 1)
    elif part == 'runner':
        runner.__class__ = OwnRunner
    runner.train()
    assert runner.model.batches


class LoaderOfAUser:
    """A loader that has no sampler."""

    def __init__(self, loader):
        self.dataset, self.loader = loader.dataset, loader

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        return iter(self.loader)


def test_run_without_our_parts_may_have_any_loader(run):
    natural = {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}
    runner = run(
        custom_hooks=[],
        train_cfg={'max_epochs': 1},
        model={'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}},
        train_dataloader={'sampler': natural},
    )
    runner.train_loop.dataloader = LoaderOfAUser(runner.train_loop.dataloader)
    with_ours = mock.patch.object(difficulty_owner, '_may_be_handed_on', return_value=False)
    with with_ours:
        runner.train()
    assert runner.model.batches


def test_parts_that_wait_for_nothing_need_no_hook(run):
    zero = {'tau': 0}
    runner = run(
        custom_hooks=[], model={'loss_cls': zero}, train_dataloader={'sampler': zero}, train_cfg={'max_epochs': 1}
    )
    runner.train()
    assert runner.model.batches


def test_a_difficulty_that_was_handed_on_by_hand_needs_no_hook(run):
    runner = run(custom_hooks=[], train_cfg={'max_epochs': 1})
    for part in (runner.model.cls_head.loss_cls, runner.train_loop.dataloader.sampler):
        part.set_class_difficulty([0.1, 0.2, 0.3, 0.4])
    runner.train()
    assert runner.model.batches


def test_validation_at_the_end_only_is_warned_about(run):
    runner = run(train_cfg={'val_interval': 7})
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any('the only validation is at the end' in str(call) for call in warning.call_args_list)


def test_test_set_with_other_classes_is_refused_before_testing(run, tmp_path):
    run(train_cfg={'max_epochs': 1}).train()
    best = str(next(tmp_path.glob('best_*.pth')))
    settings = {'load_from': best, 'test_cfg': {}, 'test_evaluator': {'type': 'ClassAccuracy'}}
    other = merged(BASE_TEST, {'dataset': {'classes': ('p', 'q', 'r', 's')}})
    with pytest.raises(ValueError, match="class 0 is 'p' in ToyDataset and 'lift' in the checkpoint"):
        run(**settings, test_dataloader=other).test()
    short = merged(BASE_TEST, {'dataset': {'classes': CLASS_NAMES[:3]}})
    with pytest.raises(ValueError, match='numbers of classes differ'):
        run(**settings, test_dataloader=short).test()


def test_names_given_to_the_metric_are_reported(run, tmp_path):
    unnamed = merged(BASE_TEST, {'dataset': {'classes': None}})
    metric = {'type': 'ClassAccuracy', 'class_names': list('abcd')}
    run(test_dataloader=unnamed, test_cfg={}, test_evaluator=metric).test()
    rows = json.loads((tmp_path / 'class_report.json').read_text())['classes']
    assert {row['name'] for row in rows} == set('abcd')


def test_test_without_class_accuracy_says_what_the_report_needs(run, tmp_path):
    runner = run(test_dataloader=BASE_TEST, test_cfg={}, test_evaluator={'type': 'ToyMetric'})
    with mock.patch.object(runner.logger, 'info') as info:
        runner.test()
    assert any('no class report: it needs' in str(call) for call in info.call_args_list)
    assert not (tmp_path / 'class_report.json').exists()


def test_two_losses_of_one_name_are_both_driven():
    one, other = type('CDBLoss', (CDBLoss,), {}), type('CDBLoss', (CDBLoss,), {})
    model = torch.nn.ModuleList([one(), other(), CDBLoss()])
    assert list(find_difficulty_consumers(model, None)) == ['CDBLoss', 'CDBLoss.1', 'CDBLoss.2']


def test_classes_that_no_clip_has_are_warned_about(run):
    unnamed = {'dataset': {'classes': None}}
    plain = {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}, **unnamed}
    runner = run(model={'num_classes': 5}, train_dataloader=plain, val_dataloader=unnamed)
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert any('1 of 5 classes have neither training nor validation clips, the first is 4' in str(call)
               for call in warning.call_args_list)  # fmt: skip
