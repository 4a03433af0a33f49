"""The page and its pictures, without a browser; tests/report/test_browser.py opens it in one."""

import base64
import csv
import gzip
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from unittest import mock

import cv2
import numpy as np
import pytest

from cdb_video.report.figures import all_figures
from cdb_video.report.figures.confusion import similar_order
from cdb_video.report.figures.frequency import label_places
from cdb_video.report.figures.parts import display_names
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.insight.intervals import wilson_interval
from cdb_video.report.insight.mistake_choice import to_list, to_picture
from cdb_video.report.insight.mistakes import worst_mistakes
from cdb_video.report.pages.files import write_live_page, write_report
from cdb_video.report.pages.page import MissingPackagesError, render_page
from cdb_video.report.sources.clip_pictures import ClipPictures
from cdb_video.report.sources.source import read_run
from tests.report.dumps import NAMES, make_samples, write_dump, write_history
from tests.report.dumps import write_report as write_json

QUICK = Options(repeats=20)
plotly = pytest.importorskip('plotly.graph_objects', reason="needs the extra 'report'")


@pytest.fixture
def work_dir(tmp_path):
    samples = make_samples()
    write_history(tmp_path / 'class_history.jsonl')
    write_dump(tmp_path / 'predictions.pkl', samples)
    write_json(tmp_path / 'class_report.json', samples)
    return tmp_path


@pytest.fixture
def insight(work_dir):
    return build_insight(read_run(work_dir), QUICK)


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_page_is_one_file_that_names_nothing_outside(insight):
    page = render_page(insight).decode()
    tags = Tags(page).found
    addresses = [a[key] for _, a in tags for key in ('src', 'href') if key in a]
    assert all(address.startswith(('#', 'data:')) for address in addresses)
    policy = next(a['content'] for tag, a in tags if a.get('http-equiv') == 'Content-Security-Policy')
    assert policy.startswith("default-src 'none'")
    assert [tag for tag, _ in tags].count('script') == 3  # figures, plotly, ours: none came from a class name
    packed = re.search('<script type="text/plain" id="plotly">([^<]*)</script>', page)[1]
    assert b'plotly.js v' in gzip.decompress(base64.b64decode(packed))
    assert 'alert(1)' in page
    assert '<script>alert' not in page
    ids = [a['id'] for _, a in tags if 'id' in a]
    assert len(ids) == len(set(ids))


def test_numbers_of_the_table_are_those_of_the_rows(insight):
    page = render_page(insight).decode()
    for row in insight.rows:
        if row.accuracy is not None:
            assert f'data-value="{row.accuracy}"' in page
    for name, value in insight.metrics.items():
        assert f'{100 * value:.1f}<small>' in page, name


def test_pictures_are_valid_for_plotly_and_have_a_place_in_the_page(insight):
    built = all_figures.build_figures(insight)
    assert built.keys() == {'counts', 'tail', 'curves', 'difficulty', 'weight-CDBLoss', 'confusion'}
    page = render_page(insight).decode()
    for name, figure in built.items():
        assert f'data-figure="{name}"' in page
        plain = json.loads(re.sub(r'"--\w+"', '"#123456"', json.dumps(figure)))
        plotly.Figure(data=plain['data'], layout=plain['layout'])


@pytest.mark.parametrize(('key', 'symbol'), [('tau', 'tau'), ('strength', 's')])
def test_an_exponent_that_changes_has_a_curve(insight, key, symbol):
    growing = [
        replace(record, consumers={'CDBLoss': replace(record.consumers['CDBLoss'], **{'tau': None, key: place / 3})})
        for place, record in enumerate(insight.run.records, 1)
    ]
    grown = replace(insight, run=replace(insight.run, records=tuple(growing)))
    (curve,) = all_figures.build_figures(grown)['exponent']['data']
    assert (curve['name'], curve['y']) == (f'CDBLoss, {symbol}', [0.3333, 0.6667, 1.0])
    assert 'Exponent of the difficulty' in render_page(grown).decode()
    assert 'exponent' not in all_figures.build_figures(insight)


def test_names_in_the_picture_do_not_cover_each_other_and_are_left_to_hovering_where_there_is_no_room():
    assert label_places([100, 110, 9000], [0.5] * 3, ['some class'] * 3)[0] != 'middle right'  # which covers the next
    crowd = label_places([100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 9000], [0.5] * 11, ['some class'] * 11)
    assert '' in crowd
    assert crowd[-1] == 'middle right'
    shown = [place for place in crowd[:-1] if place]
    assert len(set(shown)) == len(shown) > 2


def test_a_thousand_classes_have_a_readable_histogram_and_no_bars_of_error(tmp_path):
    counts = [max(3, 2000 // place) for place in range(1, 201)]
    path = write_history(tmp_path / 'class_history.jsonl', 1, counts, tuple(f'class {label}' for label in range(200)))
    built = all_figures.build_figures(build_insight(read_run(path), QUICK))
    assert built['counts']['layout']['yaxis']['type'] == 'log'
    assert built['counts']['layout']['xaxis']['nticks'] <= 40
    assert not built['tail']['data'][0]['error_y']['visible']


def test_heat_map_holds_the_difficulty_of_every_class_most_frequent_on_top(insight):
    heat_map = all_figures.build_figures(insight)['difficulty']['data'][0]
    assert heat_map['y'][0] == 'lift'
    assert heat_map['x'] == [1, 2, 3]
    expected = np.array([record.difficulty for record in insight.run.records]).T
    np.testing.assert_allclose(heat_map['z'], expected, atol=1e-4)


def test_confusion_picture_holds_the_counts_and_the_shares(insight):
    heat_map = all_figures.build_figures(insight)['confusion']['data'][0]
    np.testing.assert_array_equal(heat_map['customdata'], insight.confusion)
    np.testing.assert_allclose(heat_map['z'][0], insight.confusion[0] / insight.confusion[0].sum(), atol=1e-4)
    assert heat_map['z'][4] == [None] * 5  # never evaluated


def test_many_classes_are_added_up_and_no_clip_is_lost(tmp_path):
    samples = make_samples(count=900, num_classes=200)
    insight = build_insight(read_run(write_dump(tmp_path / 'a.pkl', samples)), QUICK)
    heat_map = all_figures.build_figures(insight)['confusion']['data'][0]
    assert len(heat_map['x']) == 101
    assert heat_map['x'][-1] == '100 other classes'
    assert np.sum(heat_map['customdata']) == 900


def test_confused_classes_stand_side_by_side_in_the_similar_order():
    confusion = np.diag([20] * 6)
    for one, other in ((0, 3), (1, 4), (2, 5)):
        confusion[one, other] = confusion[other, one] = 10
    order = similar_order(confusion)
    assert sorted(order) == list(range(6))
    for one, other in ((0, 3), (1, 4), (2, 5)):
        assert abs(order.index(one) - order.index(other)) == 1


def test_names_that_plotly_would_read_as_html_or_take_for_one_are_told_apart(insight):
    names = display_names(insight)
    assert names[1] == 'cut &lt;script&gt;alert(1)&lt;/script&gt;'
    names = ('a' * 50 + 'x', 'a' * 50 + 'y', *NAMES[2:])
    renamed = replace(insight, run=replace(insight.run, class_names=names))
    assert len(set(display_names(renamed))) == 5


def test_mistakes_are_the_most_confident_first(insight):
    mistakes, notes = worst_mistakes(insight, number=5)
    dump = insight.run.predictions
    scores = sorted(
        (s.max() for s, label in zip(dump.scores, dump.labels, strict=True) if s.argmax() != label), reverse=True
    )
    assert [mistake.score for mistake in mistakes] == pytest.approx(scores[:5])
    assert all(mistake.truth != mistake.predicted and mistake.strip is None for mistake in mistakes)
    assert 'No frames are at hand of 5 of the 5 misclassified clips that were looked for' in notes[0]


def test_mistakes_show_frames_from_folders_and_from_videos(insight, work_dir):
    dump = insight.run.predictions
    for path in dump.paths:
        (work_dir / path).mkdir(parents=True)
        for number in range(1, 9):
            cv2.imwrite(str(work_dir / path / f'img_{number:05d}.jpg'), np.full((48, 64, 3), 20 * number, np.uint8))
    mistakes, notes = worst_mistakes(insight, number=3)
    assert notes == []
    content = np.frombuffer(base64.b64decode(mistakes[0].strip.partition(',')[2]), np.uint8)
    strip = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert strip.shape == (64, 6 * 85, 3)
    brightness = strip[32, 42::85, 0].astype(int)  # frames 1, 3, 4, 5, 7, 8 of 8
    np.testing.assert_allclose(brightness, [20, 60, 80, 100, 140, 160], atol=4)

    video = cv2.VideoWriter(str(work_dir / 'a.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 24, (64, 64))
    for number in range(24):
        video.write(np.full((64, 64, 3), 10 * number, np.uint8))
    video.release()
    object.__setattr__(dump, 'paths', tuple('a.mp4' for _ in dump.paths))
    mistakes, _ = worst_mistakes(insight, number=1)
    assert mistakes[0].strip.startswith('data:image/jpeg;base64,')
    off = build_insight(insight.run, Options(repeats=0, thumbnails=False))
    assert worst_mistakes(off, number=1)[0][0].strip is None
    assert worst_mistakes(off, number=1)[0][0].video is None
    assert mistakes[0].video == work_dir / 'a.mp4'
    page = render_page(insight, work_dir / 'out').decode()
    assert 'data-video="../a.mp4"' in page
    assert "media-src 'self' file:;" in page
    assert '<video' not in page
    assert 'data-video' not in render_page(insight).decode()


def test_every_pair_of_classes_has_its_surest_mistakes_in_a_list_that_is_cut():
    labels, answers = np.array([0] * 8 + [1, 1]), np.array([1] * 8 + [0, 2])
    scores = np.array([0.9, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert to_list(labels, answers, scores, 6).tolist() == [0, 1, 2, 3, 8, 9]
    assert to_list(labels, answers, scores[::-1], 6).tolist() == [8, 9, 7, 6, 5, 4]
    assert to_list(labels, answers, scores, 99).tolist() == list(range(10))


def test_pictures_go_to_the_first_mistakes_and_then_in_turns_to_every_pair():
    labels, answers = np.zeros(70, int), np.array([1] * 64 + [2, 3, 2, 3, 3, 2])
    assert to_picture(labels, answers, 65).tolist() == [*range(60), 64, 65, 66, 67, 68]
    assert sorted(to_picture(labels, answers, 99).tolist()) == list(range(70))


def test_mistakes_can_be_narrowed_to_the_classes_that_occur_and_name_their_paths(insight):
    page = render_page(insight).decode()
    dump = insight.run.predictions
    hit = dump.predicted != dump.labels
    wrong = list(zip(dump.labels[hit].tolist(), dump.predicted[hit].tolist(), strict=True))
    shown = re.findall(r'<li data-true="(\d)" data-predicted="(\d)"', page)
    assert sorted((int(true), int(answer)) for true, answer in shown) == sorted(wrong)
    choices = re.search('<select id="true-class".*?</select>', page)[0]
    assert re.findall('value="([0-9]+)"', choices) == [
        str(label) for label in sorted({true for true, _ in wrong}, key=lambda label: NAMES[label])
    ]
    assert all(f'data-path="{dump.paths[place]}"' in page for place in np.flatnonzero(hit))
    assert all_figures.build_figures(insight)['confusion']['classes']['lift'] == '0'


def test_a_page_of_106_classes_with_all_pictures_stays_below_5_mb(tmp_path, monkeypatch):
    names = tuple(f'class number {label}' for label in range(106))
    write_history(tmp_path / 'class_history.jsonl', 100, [600 - 5 * label for label in range(106)], names)
    samples = make_samples(count=6000, num_classes=106)
    assert sum(int(sample['pred_label']) != int(sample['gt_label']) for sample in samples) > 1500
    write_dump(tmp_path / 'predictions.pkl', samples)
    frame = np.random.default_rng(0).integers(0, 255, (64, 85, 3)).astype(np.uint8)  # which no JPEG makes small
    pictures = ClipPictures([frame] * 6)
    monkeypatch.setattr('cdb_video.report.insight.mistakes.pictures_of', lambda *_: pictures)
    page = render_page(build_insight(read_run(tmp_path), QUICK))
    assert page.count(b'<img src="data:image/jpeg;base64,') > 50
    assert page.count(b'<li data-true=') == 1500
    assert len(page) < 5_000_000


def test_tiles_of_harmonic_mean_and_worst_class_stand_beside_the_mean(insight):
    page = render_page(insight).decode()
    labels = re.findall('<div class="label">([^<]*)</div>', page)
    assert labels[1:4] == ['Mean class accuracy', 'Harmonic mean', 'Worst class']
    tiles = {re.search('label">([^<]*)', part)[1]: part for part in page.split('<div class="tile">')[1:]}
    row = insight.rows[0]
    assert f'{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f} %' in tiles['Worst class']
    assert f'{row.name} · {row.train_count} training clips' in tiles['Worst class']
    low, high = insight.intervals['hmean']
    assert f'{100 * low:.1f} to {100 * high:.1f} %' in tiles['Harmonic mean']
    assert 'compare on this set alone' in tiles['Harmonic mean']


def test_files_agree_with_each_other_and_can_be_read_again(insight, tmp_path):
    table, document, text, page = write_report(insight, tmp_path / 'out')
    assert (table.name, text.name, page.name) == ('class_report.csv', 'class_report.md', 'report.html')
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row['name'] for row in rows] == [row.name for row in insight.rows]
    assert float(rows[0]['accuracy_high']) == insight.rows[0].accuracy_high
    again = build_insight(read_run(tmp_path / 'out'), QUICK)
    np.testing.assert_array_equal(again.confusion, insight.confusion)
    assert json.loads(document.read_text())['intervals'].keys() == {f'acc/{name}' for name in insight.intervals}
    assert '&lt;script>' in text.read_text()
    for name, label in {'top1': 'Top-1', 'hmean': 'Harmonic mean', 'worst': 'Worst class'}.items():
        assert f'| {label} | {100 * insight.metrics[name]:.1f} |' in text.read_text()
        assert json.loads(document.read_text())['metrics'][f'acc/{name}'] == insight.metrics[name]


def test_what_the_page_lacks_stands_at_its_foot_and_what_concerns_the_numbers_at_its_head(insight):
    page = render_page(insight).decode()
    head, foot = page[: page.index('id="classes"')], page[page.index('id="mistakes"') :]
    assert 'so the means are over the others: never.' in head
    assert 'What this page lacks' not in head
    assert 'No frames are at hand' in foot
    assert '--head-threshold divides head and tail elsewhere' in foot
    assert 'What this page lacks' in foot
    whole = replace(insight, mute_groups=frozenset(), options=Options(repeats=0, thumbnails=False))
    assert 'What this page lacks' not in render_page(whole).decode()


def test_a_group_of_which_nothing_is_right_has_an_interval_and_the_page_says_whose(work_dir):
    samples = make_samples()
    samples = [one for one in samples if int(one['gt_label']) != 3 or one['pred_score'].argmax() != 3]
    number = sum(int(sample['gt_label']) == 3 for sample in samples)
    write_dump(work_dir / 'predictions.pkl', samples)
    write_json(work_dir / 'class_report.json', samples)
    insight = build_insight(read_run(work_dir), QUICK)
    assert insight.metrics['few_shot'] == 0
    low, high = wilson_interval([0], [number])
    assert insight.intervals['few_shot'] == (low[0], high[0])
    sentence = "All draws are alike of Few-shot: its range is Wilson's, which takes the clips as independent."
    assert insight.sentence_on_wilson == sentence
    written = write_report(insight, work_dir / 'out')
    assert sentence in written[2].read_text()
    assert json.loads(written[1].read_text())['wilson'] == ['acc/few_shot']
    assert sentence in html.unescape(written[3].read_text())


def test_live_page_needs_the_history_alone(tmp_path):
    history = write_history(tmp_path / 'class_history.jsonl', epochs=1)
    page = write_live_page(history, tmp_path / 'report.html').read_text()
    assert 'validation set · epoch 1' in page
    assert 'data-figure="difficulty"' in page
    assert not (tmp_path / 'report.html.tmp').exists()


def test_missing_packages_are_named_with_the_remedy(insight, tmp_path):
    with (
        mock.patch('cdb_video.report.pages.page.find_spec', return_value=None),
        pytest.raises(MissingPackagesError, match=r"needs jinja2 and plotly: pip install 'cdb-video\[report\]'"),
    ):
        write_report(insight, tmp_path / 'out')
    assert (tmp_path / 'out/class_report.md').exists()
