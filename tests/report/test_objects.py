"""Reports of detectors: missed apart from confused, average precision, crops of the mistakes, and comparisons."""

import base64
import contextlib
import csv
import json
import pickle
import re

import cv2
import numpy as np
import pytest
import torch

from cdb_video.commands import compare as compare_command
from cdb_video.commands import report as report_command
from cdb_video.difficulty.history import HISTORY_NAME, append_lines
from cdb_video.difficulty.records import Header, Record
from cdb_video.host_words import DETECTION, speaking
from cdb_video.report.class_report.file import read_class_report
from cdb_video.report.class_report.metrics import class_precisions, is_share, share_named, without_classes
from cdb_video.report.figures.all_figures import build_figures
from cdb_video.report.insight.hard_classes import MISSED, UNDER_PREDICTED, finding_on
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.insight.object_crops import HEIGHT as CROP_HEIGHT
from cdb_video.report.insight.object_crops import draw_crop
from cdb_video.report.insight.object_mistakes import worst_objects
from cdb_video.report.pages.files import write_report
from cdb_video.report.pages.page import render_page
from cdb_video.report.sources.dump import DumpError, read_any_dump
from cdb_video.report.sources.source import read_run
from tests.report.object_dumps import METRICS, NAMES, counts_of, make_images, write_dump, write_images, write_run


@pytest.fixture(autouse=True)
def in_words_of_detection():
    with speaking(DETECTION):
        yield


@pytest.fixture
def images():
    return make_images()


@pytest.fixture
def run(tmp_path, images):
    return write_run(tmp_path / 'run', images)


@pytest.fixture
def insight(run):
    return build_insight(read_run(run), Options(repeats=50))


def test_objects_are_counted_missed_and_confused_as_one_by_one(insight, images):
    clips, correct, missed = counts_of(images)
    rows = sorted(insight.rows, key=lambda row: row.label)
    assert [(row.num_clips, row.num_correct, row.num_missed) for row in rows] == list(
        zip(clips, correct, missed, strict=True)
    )
    assert [row.num_confused for row in rows] == [
        n - right - lost for n, right, lost in zip(clips, correct, missed, strict=True)
    ]
    total = sum(clips)
    assert insight.metrics['top1'] == pytest.approx(sum(correct) / total)
    assert insight.metrics['missed'] == pytest.approx(sum(missed) / total)
    assert insight.metrics['confused'] == pytest.approx((total - sum(correct) - sum(missed)) / total)
    assert 'mean_precision' not in insight.metrics
    assert all(row.precision is None for row in rows), 'detections on no object are not known'
    assert insight.resampled == 'images'
    answers = insight.outcomes.answers
    assert answers.shape == (4, 5)
    assert answers[:, 4].tolist() == missed
    assert insight.confusion.sum() == total - sum(missed)


def test_average_precision_stands_beside_object_accuracy(insight):
    by_name = {row.name: row.ap for row in insight.rows}
    assert by_name == {'cat': 0.5, 'dog <b>': 0.25, 'owl': 0.125, 'never': None}
    assert insight.metrics['bbox_AP'] == 0.31
    assert insight.metrics['bbox_APr'] == 0.1
    assert 'bbox_APs' not in insight.metrics, 'there is none'
    assert insight.all_metrics['lvis/bbox_AP'] == 0.31
    assert insight.all_metrics['obj/top1'] == insight.metrics['top1']
    assert not any(name.startswith('acc/') for name in insight.all_metrics)


@pytest.mark.parametrize('prefix', ['coco/', 'lvis/', 'mine/sub/', ''])
def test_precisions_of_classes_are_found_under_any_prefix(prefix):
    metrics = {f'{prefix}bbox_mAP': 0.4, f'{prefix}a_precision': 0.2, f'{prefix}b/c_precision': float('nan')}
    metrics |= {'acc/mean_precision': 0.9, 'loss/head': 3.0}
    assert class_precisions(metrics, ['a', 'b/c', 'mean']) == [0.2, None, None]
    assert without_classes(metrics, ['a', 'b/c']) == {
        f'{prefix}bbox_mAP': 0.4,
        'acc/mean_precision': 0.9,
        'loss/head': 3.0,
    }
    assert class_precisions({'acc/mean_precision': 0.9}, ['mean']) is None


def test_average_precisions_are_shares_unless_there_is_none():
    assert is_share('coco/segm_mAP_50')
    assert share_named({'lvis/segm_APr': -1.0}, 'segm_APr') is None
    assert share_named({'lvis/segm_APr': 0.0}, 'segm_APr') == 0.0


def test_files_have_missed_and_precision_and_can_be_read_again(insight, images, tmp_path):
    write_report(insight, tmp_path / 'out', page=False)
    (text,) = (tmp_path / 'out').glob('*.csv')
    rows = {row['name']: row for row in csv.DictReader(text.read_text().splitlines())}
    clips, correct, missed = counts_of(images)
    assert [int(rows[name]['num_missed']) for name in NAMES] == missed
    assert [rows[name]['ap'] for name in NAMES] == ['0.5', '0.25', '0.125', '']
    report = read_class_report(tmp_path / 'out/class_report.json')
    assert report.num_missed == missed
    assert report.counts == list(zip(clips, correct, strict=True))
    again = build_insight(read_run(tmp_path / 'out'), Options(repeats=50))
    assert again.metrics == pytest.approx(insight.metrics)
    assert [row.ap for row in again.rows] == [row.ap for row in insight.rows]
    markdown = (tmp_path / 'out/class_report.md').read_text()
    assert '| class | train | objects | acc % | from | to | missed | confused | AP % |' in markdown
    assert '| Object accuracy |' in markdown
    assert '| APr (boxes) | 10.0 |' in markdown
    assert 'bootstrap over images' in markdown


def test_without_a_dump_the_class_report_still_says_what_was_missed(run, images):
    (run / 'predictions.pkl').unlink()
    insight = build_insight(read_run(run), Options(repeats=0))
    assert insight.num_missed == counts_of(images)[2]
    assert insight.outcomes.answers[:, 4].tolist() == counts_of(images)[2]
    assert any('need a dump: cdb-video test --dump' in note for note in insight.shown_notes)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda rows: rows[0].update(num_missed=10_000), 'num_missed of class 0 is 10000; it must be no more than'),
        (lambda rows: rows[1].pop('num_missed'), 'num_missed of class 1 is missing, and other classes have it'),
        (lambda rows: rows[0].update(num_missed=-1), 'num_missed is -1; it must be a whole number >= 0, or null'),
        (lambda rows: rows[0].update(num_missed=rows[0]['num_missed'] - 1), 'confusions adds up to'),
        (lambda rows: rows[0].update(ap=1.5), r'ap is 1.5; it must be a number in \[0, 1\], or null'),
    ],
)
def test_a_class_report_whose_numbers_do_not_fit_is_refused(run, change, message):
    document = json.loads((run / 'class_report.json').read_text())
    change(document['classes'])
    (run / 'class_report.json').write_text(json.dumps(document))
    with pytest.raises(ValueError, match=message):
        read_class_report(run / 'class_report.json')


def test_shot_groups_are_by_training_images_and_have_no_head(insight):
    assert insight.group_sizes == {'many_shot': 1, 'medium_shot': 1, 'few_shot': 2}
    accuracy = {row.name: row.accuracy for row in insight.rows}
    assert insight.metrics['many_shot'] == accuracy['cat']
    assert insight.metrics['few_shot'] == accuracy['owl'], 'the other has no objects'
    figure = build_figures(insight)['counts']
    assert [bars['name'] for bars in figure['data']] == [
        'many-shot (more than 100 images)', 'medium-shot (11 to 100 images)', 'few-shot (fewer than 11 images)'
    ]  # fmt: skip


def test_shot_groups_as_recorded_stay_where_training_images_are_not_known(run):
    document = json.loads((run / 'class_report.json').read_text())
    for row in document['classes']:
        del row['train_images']
    (run / 'class_report.json').write_text(json.dumps(document))
    insight = build_insight(read_run(run), Options(repeats=0))
    assert insight.metrics['many_shot'] == METRICS['obj/many_shot']
    assert insight.group_sizes == {}
    assert [bars['name'] for bars in build_figures(insight)['counts']['data']] == ['training objects']


def test_the_confusion_matrix_has_an_answer_more(insight, images):
    (heat_map,) = build_figures(insight)['confusion']['data']
    assert heat_map['x'][-1] == 'missed'
    assert len(heat_map['x']) == len(heat_map['y']) + 1
    row = heat_map['y'].index('cat')
    assert heat_map['customdata'][row][-1] == counts_of(images)[2][0]
    assert sum(heat_map['z'][row]) == pytest.approx(1, abs=1e-3)


def test_many_classes_are_added_up_and_what_is_missed_stays_apart(tmp_path):
    entries = make_images(count=600, num_classes=160)
    write_dump(tmp_path / 'predictions.pkl', entries)
    insight = build_insight(read_run(tmp_path / 'predictions.pkl'), Options(repeats=0))
    (heat_map,) = build_figures(insight)['confusion']['data']
    cells = np.array(heat_map['customdata'])
    assert cells.shape == (101, 102)
    assert cells[:, -1].sum() == sum(counts_of(entries)[2])
    assert cells.sum() == sum(counts_of(entries)[0])


def test_a_class_that_is_mostly_missed_is_found_to_be():
    assert finding_on(0.8, 0.8, (0.6, 0.9), 20, missed=0.5) == MISSED
    assert finding_on(0.8, 0.8, (0.6, 0.9), 20, missed=0.4) == UNDER_PREDICTED


def test_advice_on_objects_names_no_command_that_refuses_detectors(tmp_path):
    entries = make_images(count=200, missed=0.0, confused=0.1)
    for entry in entries:
        owls = entry['gt_labels'] == 2
        entry['answers'][owls] = 0
    write_run(tmp_path / 'run', entries)
    insight = build_insight(read_run(tmp_path / 'run'), Options(repeats=100))
    (sentence,) = [one for one in insight.sentences_on_classes if one.startswith('owl')]
    assert 'owl is under-predicted' in sentence
    assert 'it misses 0 %, loses 100 % with these' in sentence
    assert 'balanced softmax' in sentence
    assert 'edit-classifier' not in sentence


def test_mistakes_are_the_surest_confusions_and_then_the_largest_misses(insight, images):
    mistakes, _ = worst_objects(insight, number=6)
    confused = [one for one in mistakes if one.predicted is not None]
    missed = mistakes[len(confused) :]
    assert all(one.predicted is None for one in missed)
    scores = sorted(
        (
            float(score)
            for entry in images
            for label, answer, score in zip(entry['gt_labels'], entry['answers'], entry['scores'], strict=True)
            if answer not in (label, 4)
        ),
        reverse=True,
    )
    assert [one.score for one in confused] == pytest.approx(scores[: len(confused)])
    assert len(mistakes) == 6
    assert len(missed) == 2
    assert all(one.true_score is None for one in mistakes)
    only = build_insight(insight.run, Options(repeats=0))
    assert len(worst_objects(only, number=10_000)[0]) == sum(counts_of(images)[0]) - sum(counts_of(images)[1])


def test_mistakes_are_cut_out_of_their_images(insight, images, run):
    write_images(run, images)
    mistakes, notes = worst_objects(insight)
    assert notes == []
    assert all(one.strip.startswith('data:image/jpeg;base64,') for one in mistakes)
    content = np.frombuffer(base64.b64decode(mistakes[0].strip.partition(',')[2]), np.uint8)
    assert cv2.imdecode(content, cv2.IMREAD_COLOR).shape[0] <= CROP_HEIGHT
    assert re.fullmatch(r'\d{6}\.png, object \d', mistakes[0].clip)


def test_a_crop_shows_the_object_with_a_margin_and_frames_it_and_what_was_found():
    image = np.zeros((400, 400, 3), np.uint8)
    crop = draw_crop(image, np.array([100.0, 100, 140, 120]), np.array([110.0, 100, 150, 120]))
    assert crop.shape == (120, 192, 3)  # 50 x 20 and 15 on each side are 80 x 50, here 2.4 times as large
    assert crop[60, 36].tolist() == crop[60, 132].tolist() == [178, 114, 0], 'the object is framed in blue'
    assert crop[60, 156].tolist() == [0, 140, 255], 'what was found is framed in orange'
    assert crop[60, 100].tolist() == [0, 0, 0]
    assert not draw_crop(image, np.array([100.0, 100, 140, 120]))[:, :, 2].any(), 'nothing orange where it was missed'


def test_a_crop_at_the_edge_and_of_a_tiny_object_lies_within_the_image():
    image = np.full((50, 60, 3), 9, np.uint8)
    crop = draw_crop(image, np.array([-5.0, -5, 3, 2]))
    assert crop.shape == (120, 132, 3)  # 11 x 10 pixels of the image
    assert draw_crop(image, np.array([58.0, 48, 90, 90])).shape[0] <= CROP_HEIGHT
    with pytest.raises(ValueError, match='the box 60, 0, 70, 5 lies outside the image, which is 60 x 50'):
        draw_crop(image, np.array([60.0, 0, 70, 5]))


def test_images_that_are_missing_damaged_or_others_are_named(insight, images, run):
    write_images(run, images)
    with_objects = [entry for entry in images if len(entry['gt_labels'])]
    wrong = [entry for entry in with_objects if (entry['answers'] != entry['gt_labels']).any()]
    gone, damaged, other = (run / entry['img_path'] for entry in wrong[:3])
    gone.unlink()
    damaged.write_bytes(b'no image')
    cv2.imwrite(str(other), np.zeros((2, 2, 3), np.uint8))
    mistakes, notes = worst_objects(insight)
    assert sum(one.strip is None for one in mistakes) > 2
    first, second = notes
    assert f'whose image is missing (the first is {wrong[0]["img_path"]})' in first
    assert str(damaged) in second or 'lies outside the image, which is 2 x 2' in second
    assert render_page(insight).decode().count('whose image is missing') == 1


def test_pictures_end_before_the_page_is_too_large(insight, images, run, monkeypatch):
    write_images(run, images)
    monkeypatch.setattr('cdb_video.report.insight.object_mistakes.MAX_BYTES', 5_000)
    mistakes, notes = worst_objects(insight)
    shown = sum(one.strip is not None for one in mistakes)
    assert 0 < shown < len(mistakes)
    assert sum(len(one.strip or '') for one in mistakes) <= 5_000
    assert notes == []
    assert f'; {shown} of them with pictures' in render_page(insight).decode()
    off = build_insight(insight.run, Options(repeats=0, thumbnails=False))
    assert all(one.strip is None for one in worst_objects(off)[0])


def test_the_page_speaks_of_objects_and_shows_all_of_it(insight, images, run):
    write_images(run, images)
    page = render_page(insight).decode()
    text = page[page.index('<body>') : page.index('</main>')]
    assert not re.search(r'\bclips?\b', re.sub(r'class="clip"', '', text))
    for part in ('Confused and missed', 'framed in blue', 'AP (boxes)', 'APr (boxes)', 'Missed', 'Object accuracy'):
        assert part in text
    assert '<b>' not in text.replace('<b></b>', ''), 'names are escaped'
    assert 'class="crop"' in text
    assert 'images, since objects of one image are not independent' in text
    assert '<strong class="wrong">missed</strong>' in text
    assert build_figures(insight)['confusion']['classes']['missed'] == 'missed'
    assert text.count('data-predicted="missed"') == sum(counts_of(images)[2])
    assert f'<option value="missed">missed ({sum(counts_of(images)[2])})</option>' in text
    assert 'Mean class accuracy by training images' in text


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda one: one.pop('answers'), r'image 0 \(data/val/000000.png\) has no array of numbers answers'),
        (lambda one: one.update(answers=one['answers'] + 9), 'answers has .*, and must be 0..4'),
        (lambda one: one.update(gt_labels=one['gt_labels'] - 9), 'gt_labels has -.*, and must be 0..3'),
        (lambda one: one.update(scores=one['scores'][:1]), r'scores has the shape \(1,\), and must have'),
        (lambda one: one.update(gt_bboxes=one['gt_bboxes'] * np.nan), 'gt_bboxes has a number that is not finite'),
        (lambda one: one.update(bboxes=one['bboxes'] * np.nan), 'a detection has a score or a box that is not finite'),
        (lambda one: one.update(num_classes=5), r'numbers of classes \[4, 5\], which must be one'),
        (lambda one: one.update(scores='x'), 'has no array of numbers scores'),
    ],
)
def test_a_dump_of_objects_that_cannot_be_is_refused(tmp_path, change, message):
    entries = make_images(missed=0.0, seed=3)
    entries = [entry for entry in entries if len(entry['gt_labels']) > 1]
    entries[0]['img_path'] = 'data/val/000000.png'
    change(entries[0])
    with pytest.raises(DumpError, match=message):
        read_any_dump(write_dump(tmp_path / 'x.pkl', entries))


def test_a_dump_without_any_object_is_refused(tmp_path):
    empty = [entry for entry in make_images() if not len(entry['gt_labels'])]
    with pytest.raises(DumpError, match=r'none of the [0-9]+ images has an object'):
        read_any_dump(write_dump(tmp_path / 'x.pkl', empty))


def test_a_dump_names_every_object_of_every_image(tmp_path):
    entries = make_images()
    dump = read_any_dump(write_dump(tmp_path / 'x.pkl', entries))
    names = [
        f'{index:06d}.png, object {place + 1}'
        for index, entry in enumerate(entries)
        for place in range(len(entry['gt_labels']))
    ]
    assert list(dump.clip_names) == names == list(dump.distinct_names)
    twice = read_any_dump(write_dump(tmp_path / 'x.pkl', [*entries, entries[0]]))
    assert twice.distinct_names is None
    assert twice.repeated_images == [entries[0]['img_path']]
    for entry in entries:
        del entry['img_path']
    assert read_any_dump(write_dump(tmp_path / 'x.pkl', entries)).clip_names is None


def test_a_dump_alone_is_reported_in_words_of_objects(tmp_path, capsys):
    write_dump(tmp_path / 'x.pkl', make_images())
    with speaking(None):
        assert report_command.main([str(tmp_path / 'x.pkl'), '--bootstrap', '20', '--out', str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r'class +objects +acc % +missed +confused', printed)
    assert 'obj/missed' in printed


def test_the_printed_report_has_no_line_of_metrics_for_every_class(run, capsys):
    assert report_command.main([str(run), '--bootstrap', '0', '--no-html']) == 0
    printed = capsys.readouterr().out
    assert 'lvis/bbox_APr 10.0%' in printed
    assert 'lvis/bbox_APs -1' in printed
    assert 'cat_precision' not in printed
    assert re.search(r'class +train +objects +acc % +missed +confused +AP %', printed)


def test_a_report_that_knows_what_was_missed_is_not_lost(run, capsys):
    (run / 'predictions.pkl').unlink()
    document = json.loads((run / 'class_report.json').read_text())
    for row in document['classes']:
        row.pop('num_missed')
    document['confusions'] = None
    other = run.parent / 'other'
    other.mkdir()
    (other / 'class_report.json').write_text(json.dumps(document))
    assert report_command.main([str(other), '--out', str(run), '--no-html']) == 2
    assert 'would lose which objects were missed' in capsys.readouterr().err


def _compared(runs, out, capsys, *options):
    words = [str(run) for run in runs]
    status = compare_command.main([*words, '--out', str(out), *options])
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def test_average_precisions_are_compared_over_seeds(tmp_path, capsys):
    def write(name, seed, shift):
        metrics = {key: value + shift if value is not None and value > 0 else value for key, value in METRICS.items()}
        return write_run(tmp_path / name, make_images(seed=0, confused=0.2 + shift), seed, metrics=metrics)

    ones = [write(f'a{seed}', seed, 0.01 * seed) for seed in (0, 1, 2)]
    others = [write(f'b{seed}', seed, 0.03 + 0.012 * seed) for seed in (0, 1, 2)]
    groups = [f'--group=ce={",".join(map(str, ones))}', f'--group=cdb={",".join(map(str, others))}']
    status, printed = _compared([], tmp_path / 'out', capsys, *groups, '--no-html')
    assert status == 0, printed
    assert '| AP (boxes) | APr (boxes) | APc (boxes) | APf (boxes) |' in printed.splitlines()[0]
    rows = list(csv.DictReader((tmp_path / 'out/compare.csv').read_text().splitlines()))
    found = {(row['method'], row['metric']): row for row in rows}
    assert float(found['ce', 'bbox_AP']['mean']) == pytest.approx(0.32)
    assert float(found['cdb', 'bbox_APr']['difference']) == pytest.approx(0.032)
    assert 'paired t-test over 3 seeds' in found['cdb', 'bbox_APr']['test']
    assert ('ce', 'bbox_APs') not in found, 'no run has it'


def test_one_seed_tests_objects_by_image_and_no_average_precision(tmp_path, capsys):
    one = write_run(tmp_path / 'a', make_images(seed=0))
    other = make_images(seed=0)
    for entry in other[::2]:
        entry['answers'] = entry['gt_labels'].copy()
        entry['scores'] = np.full(len(entry['gt_labels']), 0.5, np.float32)
        entry['bboxes'] = entry['gt_bboxes'].copy()
    runs = [one, write_run(tmp_path / 'b', other)]
    groups = [f'--group={name}={run}' for name, run in zip(('a', 'b'), runs, strict=True)]
    status, printed = _compared([], tmp_path / 'out', capsys, *groups)
    assert status == 0, printed
    assert "McNemar's exact test over the objects" in printed
    assert 'paired bootstrap over images' in printed
    assert 'one seed: no test, since an average precision cannot be told from the answers' in printed
    assert 'clips' not in printed
    assert (tmp_path / 'out/compare.html').exists()


def test_a_test_set_that_lies_elsewhere_is_the_same_one(tmp_path, capsys):
    moved = [entry | {'img_path': f'/mnt/{entry["img_path"]}'} for entry in make_images()]
    runs = [write_run(tmp_path / 'a', make_images()), write_run(tmp_path / 'b', moved)]
    status, printed = _compared(runs, tmp_path / 'out', capsys, '--no-html')
    assert status == 0, printed


def test_a_history_alone_knows_the_training_images_too(tmp_path):
    record = Record(1, 5, [4, 4], [1, 3], accuracy=[0.25, 0.75], difficulty=[0.75, 0.25], consumers={}, metrics={})
    header = Header('run', 2, ('a', 'b'), [30, 20], train_images=[3, 12])
    append_lines(tmp_path / HISTORY_NAME, header, record)
    run = read_run(tmp_path)
    assert run.train_images.tolist() == run.group_counts.tolist() == [3, 12]
    assert run.train_counts.tolist() == [30, 20]


def test_a_history_alone_keeps_the_average_precisions(tmp_path):
    precisions = {key: value for key, value in METRICS.items() if key.startswith('lvis/')}
    metrics = {**precisions, 'obj/mean1': 0.5, 'epoch_time': 3.5}
    record = Record(1, 5, [4] * 4, [1, 3, 2, 2], [0.25] * 4, difficulty=[0.75] * 4, consumers={}, metrics=metrics)
    append_lines(tmp_path / HISTORY_NAME, Header('run', 4, NAMES, [30] * 4, train_images=[3] * 4), record)
    written = build_insight(read_run(tmp_path)).all_metrics
    assert {key: written[key] for key in precisions} == precisions
    assert (written['obj/mean1'], written['epoch_time']) == (0.5, 3.5)


def _write_dump_of_mmdet(path):
    found = {'labels': torch.tensor([1]), 'scores': torch.tensor([0.5]), 'bboxes': torch.ones(1, 4)}
    path.write_bytes(pickle.dumps([{'img_id': 3, 'img_path': 'a.jpg', 'pred_instances': found}] * 2))
    return path


def test_a_dump_of_mmdet_that_lies_in_the_folder_is_left_out_and_named(run, capsys):
    _write_dump_of_mmdet(run / 'predictions.pkl')
    assert report_command.main([str(run), '--no-html']) == 0
    assert "predictions.pkl is mmdet's own dump" in ' '.join(capsys.readouterr().out.split())


@pytest.mark.parametrize('words', [['run', '--dump', 'x.pkl'], ['x.pkl']], ids=['asked for', 'alone'])
def test_a_dump_of_mmdet_that_is_named_is_refused(run, words, capsys):
    _write_dump_of_mmdet(run.parent / 'x.pkl')
    with contextlib.chdir(run.parent):
        assert report_command.main([*words, '--no-html']) == 2
    assert re.search(r'x\.pkl is mmdet.* cdb-video test --dump', ' '.join(capsys.readouterr().err.split()))


def test_runs_on_other_objects_are_not_compared(tmp_path, capsys):
    runs = [write_run(tmp_path / str(seed), make_images(seed=seed)) for seed in (0, 1)]
    status, printed = _compared(runs, tmp_path / 'out', capsys)
    assert status == 2
    assert 'was evaluated on other objects than' in printed
