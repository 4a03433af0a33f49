"""Whose numbers a report shows: of validations, of training batches, of a replayed run; and whose dump it is."""

import json
import re
from unittest import mock

import numpy as np
import pytest

from cdb_video.report.compare.runs import read_methods
from cdb_video.report.figures.all_figures import build_figures
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.pages.page import render_page
from cdb_video.report.sources.source import read_run
from tests.report.dumps import make_samples, write_dump, write_history, write_report

QUICK = Options(repeats=0)


@pytest.fixture
def history(tmp_path):
    return lambda **options: write_history(tmp_path / 'class_history.jsonl', **options)


def curves(insight):
    return {curve['name']: curve['y'] for curve in build_figures(insight)['curves']['data']}


def notes_of(path, **options):
    return build_insight(read_run(path, **options), QUICK).notes


def test_counts_of_training_batches_are_shown_as_such(history):
    insight = build_insight(read_run(history(sources=['train'] * 3)), QUICK)
    assert (insight.split, insight.evaluated_on, insight.epoch) == ('train', 'training batches', 3)
    assert "The difficulty is of the training batches (ClassDifficultyHook with source='train')" in insight.notes[0]
    assert any('accuracy here is that of the training batches' in note for note in insight.notes)
    assert curves(insight).keys() == {'Worst class, training batches', 'Mean difficulty'}
    assert build_figures(insight)['tail']['layout']['yaxis']['title']['text'] == 'accuracy in the training batches'


def test_page_of_training_batches_speaks_of_no_validation(history):
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    with mock.patch('cdb_video.report.pages.page._plotly_script', return_value=b''):
        text = render_page(build_insight(read_run(history(sources=['train'] * 3)), QUICK)).decode()
    assert 'training batches · epoch 3' in text
    assert 'Training batches of every epoch' in text
    assert 'alidation' not in text


def test_accuracies_of_the_replayed_run_are_not_those_of_this_one(history):
    insight = build_insight(read_run(history(sources=['replay'] * 3)), QUICK)
    assert (insight.split, insight.epoch, insight.metrics) == ('none', None, {})
    assert all(row.accuracy is None and row.difficulty is not None for row in insight.rows)
    assert 'of the run whose history DifficultyReplayHook replays' in insight.notes[0]
    assert curves(insight).keys() == {'Worst class, replayed run', 'Mean difficulty'}


def test_records_of_several_kinds_are_drawn_apart_and_counted(history):
    insight = build_insight(read_run(history(epochs=4, sources=['train'])), QUICK)
    assert insight.split == 'val'
    assert '1 of 4 difficulties are of the training batches' in insight.notes[0]
    drawn = curves(insight)
    assert [value is None for value in drawn['Worst class']] == [True, False, False, False]
    assert [value is None for value in drawn['Worst class, training batches']] == [False, True, True, True]
    assert drawn['Top-1'][0] is None


def test_history_that_was_written_without_harmonic_mean_draws_it_of_its_counts(history):
    run = read_run(history(epochs=3))
    assert not any('acc/hmean' in record.metrics for record in run.records)
    drawn = curves(build_insight(run, QUICK))
    assert list(drawn)[:2] == ['Mean class accuracy', 'Harmonic mean']
    for record, value, worst in zip(run.records, drawn['Harmonic mean'], drawn['Worst class'], strict=True):
        weak = [(k + 0.5) / (n + 1) for n, k in zip(record.num_clips, record.num_correct, strict=True) if n]
        assert value == pytest.approx(len(weak) / sum(1 / one for one in weak), abs=1e-4)
        assert worst == min(one for one in record.accuracy if one is not None)


def test_metrics_that_stand_with_training_batches_are_not_drawn(history, tmp_path):
    lines = history(sources=['train'] * 3).read_text().splitlines()
    lines[-1] = json.dumps(json.loads(lines[-1]) | {'metrics': {'acc/top1': 0.9}})
    (tmp_path / 'class_history.jsonl').write_text('\n'.join(lines))
    insight = build_insight(read_run(tmp_path), QUICK)
    assert 'Top-1' not in curves(insight)
    assert insight.metrics['top1'] != 0.9


def test_unknown_source_is_an_error(history):
    with pytest.raises(ValueError, match=r"line 2: source is 'future'; it must be one of val, train, replay"):
        read_run(history(sources=['future']))


def test_validation_report_stays_where_training_batches_are_newer(history, tmp_path):
    history(sources=['train'] * 3)
    write_report(tmp_path / 'class_report.json', make_samples(), split='val', iter=20, difficulty_source='train')
    insight = build_insight(read_run(tmp_path), QUICK)
    assert insight.split == 'val'
    assert any('after 20 iterations; training has come to 30 since' in note for note in insight.notes)


@pytest.mark.parametrize('changes', [{'split': 'none'}, {'split': 'train', 'iter': 30}, {'split': 'val', 'iter': None}])
def test_report_of_no_evaluation_gives_way_to_a_validation(history, tmp_path, changes):
    history()
    write_report(tmp_path / 'class_report.json', make_samples(), **changes)
    insight = build_insight(read_run(tmp_path), QUICK)
    assert (insight.split, insight.epoch) == ('val', 3)


def test_difficulty_of_training_batches_is_noted_from_the_report_alone(tmp_path):
    write_report(tmp_path / 'class_report.json', make_samples(), difficulty_source='train')
    assert any('The difficulty is of the training batches' in note for note in notes_of(tmp_path))


def test_run_that_was_never_evaluated_is_not_compared(history, tmp_path):
    history(sources=['train'] * 3)
    with pytest.raises(ValueError, match='nothing was evaluated, only its training batches were counted; run mim test'):
        read_methods([tmp_path], {}, QUICK)


def of_validation(path, right):
    """A dump with the clips of the last validation, and as many right ones or one less."""
    last = json.loads(path.read_text().splitlines()[-1])
    samples = []
    for label, (clips, correct) in enumerate(zip(last['num_clips'], last['num_correct'], strict=True)):
        for place in range(clips):
            scores = np.full(5, 0.1)
            scores[label if place < correct else (label + 1) % 5] = 0.6
            samples.append({'gt_label': label, 'pred_score': scores, 'frame_dir': f'clips/{label}_{place}'})
    if not right:
        wrong = next(sample for sample in samples if sample['pred_score'].argmax() == sample['gt_label'])
        wrong['pred_score'] = np.roll(wrong['pred_score'], 1)
    return samples


def test_dump_of_the_last_validation_is_told_by_its_counts(history, tmp_path):
    write_dump(tmp_path / 'predictions.pkl', of_validation(history(), right=True))
    assert not any('predictions.pkl' in note for note in notes_of(tmp_path))


def test_dump_of_the_same_clips_by_another_model_is_noted(history, tmp_path):
    write_dump(tmp_path / 'predictions.pkl', of_validation(history(), right=False))
    assert any('not as many right ones: it is of another model' in note for note in notes_of(tmp_path))


@pytest.mark.parametrize('asked', [False, True])
def test_dump_of_unknown_origin_is_noted(history, tmp_path, asked):
    path = history()
    dump = write_dump(tmp_path / 'predictions.pkl', make_samples())
    notes = notes_of(path, dump=dump) if asked else notes_of(tmp_path)
    (note,) = [note for note in notes if 'cannot be known' in note]
    assert note.startswith('Whether predictions.pkl is of this run cannot be known: it names no classes, and its clips')
    assert '(60 in all) are not those of the last validation (40 in all)' in note


def listed(tmp_path, samples, labels=None, frames=True):
    """A work directory with a config that names a list with these clips."""
    work, lists = tmp_path / 'work', tmp_path / 'lists'
    (work / '20260101_000000/vis_data').mkdir(parents=True)
    lists.mkdir()
    labels = labels or [int(sample['gt_label']) for sample in samples]
    lines = [
        f'{sample["frame_dir"]} 20 {label}' if frames else f'{sample["frame_dir"]}.mp4 {label}'
        for sample, label in zip(samples, labels, strict=True)
    ]
    (lists / 'test.txt').write_text('\n'.join(lines) + '\n')
    (work / '20260101_000000/vis_data/config.py').write_text(
        "test_dataloader = dict(dataset=dict(type='RawframeDataset', ann_file='lists/test.txt'))\n"
    )
    write_history(work / 'class_history.jsonl')
    write_dump(work / 'predictions.pkl', samples)
    return work


@pytest.mark.parametrize('frames', [True, False])
@pytest.mark.parametrize('root', ['', '/somewhere/'])
def test_dump_of_the_listed_clips_is_known_to_be_of_the_run(tmp_path, frames, root):
    samples = [sample | {'frame_dir': f'{root}{sample["frame_dir"]}'} for sample in make_samples()]
    work = listed(tmp_path, samples, frames=frames)
    assert not any('predictions.pkl' in note for note in notes_of(work))


def test_dump_of_the_listed_clips_with_other_classes_is_noted_and_shown(tmp_path):
    """It is no proof: names such as 001 stand in many lists."""
    samples = make_samples()
    labels = [(int(sample['gt_label']) + 1) % 5 for sample in samples]
    work = listed(tmp_path, samples, labels)
    assert any(
        re.search(r'has label \d, and \d in .*test\.txt, a list of this run: the dump may', n) for n in notes_of(work)
    )
    assert read_run(work).predictions is not None


def test_a_list_that_cannot_be_looked_for_costs_no_report(tmp_path):
    work = listed(tmp_path, make_samples())
    (work / 'config.py').write_text(f"val_dataloader = dict(dataset=dict(ann_file='{'x' * 300}.txt'))\n")
    assert not any('predictions.pkl' in note for note in notes_of(work))


def test_one_list_with_the_labels_of_the_dump_is_enough(tmp_path):
    samples = make_samples()
    work = listed(tmp_path, samples, [(int(sample['gt_label']) + 1) % 5 for sample in samples])
    lines = [f'{sample["frame_dir"]} 20 {int(sample["gt_label"])}' for sample in samples]
    (tmp_path / 'lists/earlier.txt').write_text('\n'.join(lines))
    (work / 'config.py').write_text("val_dataloader = dict(dataset=dict(ann_file='lists/earlier.txt'))\n")
    assert not any('predictions.pkl' in note for note in notes_of(work))


def test_dump_of_other_clips_than_the_listed_is_noted(tmp_path):
    work = listed(tmp_path, make_samples(seed=1)[:20])
    write_dump(work / 'predictions.pkl', make_samples())
    assert any('cannot be known' in note for note in notes_of(work))


def test_repeated_clips_are_counted_and_named(tmp_path):
    samples = make_samples()
    samples = [*samples, samples[3], samples[3], samples[5]]
    notes = notes_of(write_dump(tmp_path / 'a.pkl', samples))
    first, second = (samples[place]['frame_dir'] for place in (3, 5))
    assert any(f'the path of an earlier one: 3, such as {first}, {second}. They count' in note for note in notes)
    assert not any('in another folder' in note for note in notes)


def test_names_that_folders_share_are_counted_and_named(tmp_path):
    samples = [s | {'frame_dir': f'{"ab"[i % 2]}/c{i // 2}'} for i, s in enumerate(make_samples(10))]
    notes = notes_of(write_dump(tmp_path / 'a.pkl', samples))
    assert any('in another folder: 5, such as c0, c1, c2 and 2 more.' in note for note in notes)
    assert not any('earlier one' in note for note in notes)


def edited(path, line, **changes):
    lines = path.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | changes)
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_records_of_an_earlier_run_in_one_file_are_left_out_with_a_note(history, tmp_path):
    history(epochs=3)
    insight = build_insight(read_run(history(epochs=2)), QUICK)
    assert [record.epoch for record in insight.run.records] == [1, 2]
    assert any('left out 3 records of an earlier run, since iteration 10 follows 30.' in n for n in insight.notes)


def test_header_of_another_number_of_classes_is_an_error(history):
    with pytest.raises(ValueError, match=r'speak of \[5, 7\] classes'):
        read_run(edited(history(), 0, num_classes=7, class_names=None, train_counts=None))


def test_header_without_names_is_not_said_to_be_missing(history):
    notes = notes_of(edited(history(), 0, class_names=None, train_counts=None))
    assert not any('no header' in note for note in notes)
    assert any('names of the classes are not known' in note for note in notes)


def test_torn_lines_are_said_where_no_validation_is_left(history, tmp_path):
    path = tmp_path / 'class_history.jsonl'
    path.write_bytes(history().read_text().encode('utf-16'))
    with pytest.raises(ValueError, match=r'no validation yet: .* left out 4 torn lines'):
        read_run(path)


def test_accuracies_that_contradict_their_counts_are_not_drawn(history):
    insight = build_insight(read_run(edited(history(), -1, accuracy=[1.0] * 5)), QUICK)
    worst = min(row.accuracy for row in insight.rows if row.accuracy is not None)
    assert curves(insight)['Worst class'][-1] == worst < 1


def test_evaluation_without_clips_has_no_metrics(history):
    nothing = {'num_clips': [0] * 5, 'num_correct': [0] * 5, 'accuracy': [None] * 5}
    insight = build_insight(read_run(edited(history(), -1, **nothing)), QUICK)
    assert insight.metrics == {}
    assert 'No class has clips here, so there are no metrics.' in insight.notes


def test_numbers_of_other_metrics_with_the_same_name_are_neither_taken_nor_lost(tmp_path):
    metrics = {'loss/head': 2.5, 'other/top5': 61.0, 'acc/top5': 0.75, 'verb/top1': 0.1}
    write_report(tmp_path / 'class_report.json', make_samples(), metrics=metrics)
    insight = build_insight(read_run(tmp_path), QUICK)
    assert insight.metrics['top5'] == 0.75
    assert 'head' not in insight.metrics
    assert insight.all_metrics['loss/head'] == 2.5
    assert insight.all_metrics['other/top5'] == 61.0
    assert insight.all_metrics['acc/top1'] == insight.metrics['top1']
    assert 'verb/top1' not in insight.all_metrics  # the same metric, under another prefix


@pytest.mark.parametrize(('sessions', 'ranges'), [(1, False), (4, True)])
def test_ranges_that_rest_on_few_sessions_say_so(tmp_path, sessions, ranges):
    dump = write_dump(tmp_path / 'a.pkl', make_samples(sessions=sessions))
    insight = build_insight(read_run(dump), Options(repeats=20))
    assert bool(insight.intervals) == (insight.resampled is not None) == ranges
    (note,) = [note for note in insight.notes if 'ranges of the metrics' in note]
    assert ('rest on 4 sessions only' if ranges else 'All is of 1 session') in note
