"""What comparisons are told: all pairs, Holm's correction, an order; and their figures."""

import csv
import json
import re
import statistics
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from cdb_video.commands.compare import main
from cdb_video.difficulty.history import append_lines
from cdb_video.difficulty.records import Header, Record
from cdb_video.report.compare.corrections import holm
from cdb_video.report.compare.figures import comparison_figures, hard_classes
from cdb_video.report.compare.files import format_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.paired_tests import seed_tests
from cdb_video.report.compare.runs import read_methods
from cdb_video.report.insight.insight import Options
from tests.report.dumps import NAMES, write_run

OPTIONS = Options(repeats=0, head_threshold=100)


@pytest.fixture
def make_run(tmp_path):
    return partial(write_run, tmp_path)


@pytest.fixture
def methods(make_run):
    """Three methods with three seeds each."""
    paths = [make_run(f'{c}_{s}', c, scores=10 * s + i, seed=s) for i, c in enumerate('abc') for s in (0, 1, 2)]
    return read_methods(paths, {}, OPTIONS)


def test_holm_is_that_of_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    # Two of four are known: the others might be the larger ones.
    assert holm([0.03, 0.01], planned=4) == pytest.approx([0.09, 0.04])


def test_each_method_is_compared_with_each_where_that_is_asked_for(methods):
    values = {m.name: [run.insight.metrics['mean1'] for run in m.runs] for m in methods}
    alone, both = compare(methods, 'b'), compare(methods, 'b', all_pairs=True)
    assert alone.others_tests == {}
    assert both.tests == alone.tests
    assert {key[:2] for key in both.others_tests} == {('c', 'a')}
    test = both.others_tests['c', 'a', 'mean1']
    assert test.difference == pytest.approx(statistics.fmean(values['c']) - statistics.fmean(values['a']))
    assert test.p_value == pytest.approx(stats.ttest_rel(values['c'], values['a']).pvalue)
    pairs = {(method, other) for method, other, _, _ in both.shown_tests}
    assert pairs == {('a', 'b'), ('c', 'b'), ('c', 'a')}
    text = format_comparison(both)
    assert '| method | against | metric |' in text
    assert re.search(r'^\| c \| a \| Mean class accuracy \|', text, re.MULTILINE)
    assert '| against |' not in format_comparison(alone)


def test_holm_corrects_over_all_tests_that_are_shown(methods):
    paths = [run.path for method in methods for run in method.runs]
    methods = read_methods(paths, {}, Options(repeats=0, head_threshold=9999))  # the tail holds all classes
    for all_pairs, number in ((False, 2), (True, 3)):
        plain = compare(methods, all_pairs=all_pairs)
        comparison = compare(methods, all_pairs=all_pairs, corrected=True)
        assert all(test.p_holm is None for *_, test in plain.shown_tests)
        tests = [test for *_, test in comparison.shown_tests if test.p_value is not None]
        assert len({key[:2] for key in comparison.shown_tests}) == number
        # By hand: the smallest p times their number, the next times one less, and never less than the one before.
        ordered, largest = sorted(tests, key=lambda test: test.p_value), 0.0
        for place, test in enumerate(ordered):
            largest = max(largest, min(1.0, (len(tests) - place) * test.p_value))
            assert test.p_holm == pytest.approx(largest)
        assert comparison.mute == {'tail'}
        assert all(test.p_holm is None for (_, metric), test in comparison.tests.items() if metric in comparison.mute)
    assert '| p | p, Holm | test |' in format_comparison(comparison)
    assert 'Holm' not in format_comparison(plain)


def test_differences_that_are_equal_but_for_rounding_get_no_test():
    def run(value):
        return SimpleNamespace(insight=SimpleNamespace(metrics={'top1': value}))

    pairs = [(run(0.1 + 0.2), run(0.2)), (run(0.3), run(0.2)), (run(0.8), run(0.7))]
    assert len({one.insight.metrics['top1'] - other.insight.metrics['top1'] for one, other in pairs}) > 1
    test = seed_tests(pairs, ['top1'])['top1']
    assert test.p_value is None
    assert 'all differences are equal' in test.how


def test_methods_are_sorted_by_a_metric_the_best_first(methods):
    comparison = compare(methods, sort_by='worst')
    means = [comparison.means[method.name, 'worst'] for method in comparison.methods]
    assert means == sorted(means, reverse=True)
    assert [method.name for method in comparison.methods] != ['a', 'b', 'c']
    assert comparison.baseline == 'a'  # the first that was given
    rows = re.findall(r'^\| ([abc]) \| 3 \|', format_comparison(comparison), re.MULTILINE)
    assert rows == [method.name for method in comparison.methods]
    with pytest.raises(ValueError, match=r'--sort speed: must be one of the metrics that all runs have: top1, mean1'):
        compare(methods, sort_by='speed')


def test_error_bars_are_the_deviations_over_seeds_and_absent_for_one_seed(methods, make_run):
    comparison = compare(methods)
    figures = comparison_figures(comparison)
    (bars,) = [one for one in figures['metrics']['data'] if one['name'] == 'b']
    place = comparison.shown.index('mean1')
    assert bars['error_y']['array'][place] == round(comparison.deviations['b', 'mean1'], 4)
    assert bars['y'][place] == round(comparison.means['b', 'mean1'], 4)
    (gains,) = [one for one in figures['gains']['data'] if one['name'] == 'b']
    label = NAMES.index('wash')
    first, second = (next(m for m in comparison.methods if m.name == name) for name in 'ab')
    differences = [
        run.accuracy[label] - base.accuracy[label] for run, base in zip(second.runs, first.runs, strict=True)
    ]
    assert gains['error_y']['array'][gains['x'].index('wash')] == round(statistics.stdev(differences), 4)
    assert gains['error_y']['array'][gains['x'].index('never')] is None  # has no clip
    single = [make_run('x', 'x', seed=0, scores=1), make_run('y', 'y', seed=0, scores=2)]
    for figure in comparison_figures(compare(read_methods(single, {}, OPTIONS))).values():
        assert not any('error_y' in one for one in figure['data'])


def test_a_method_has_one_colour_in_all_figures(methods):
    figures = comparison_figures(compare(methods))
    drawn = [one for figure in figures.values() for one in figure['data']]
    for name in 'abc':
        colours = {one['marker']['color'] for one in drawn if one['name'] == name}
        assert len(colours) == 1
    assert len({one['marker']['color'] for one in figures['metrics']['data']}) == 3


def history(path, rows, epochs=True, source='val'):
    """A history of two classes: an accuracy and a difficulty each, for every validation."""
    path.unlink(missing_ok=True)
    append_lines(path, Header('run', 5, NAMES, [400, 150, 90, 12, 3]))
    for number, (correct, difficulty) in enumerate(rows, 1):
        record = Record(
            epoch=number if epochs else 0, iteration=10 * number, num_clips=[10] * 5, num_correct=correct,
            accuracy=[value / 10 for value in correct], difficulty=difficulty, consumers={}, metrics={}, source=source,
        )  # fmt: skip
        append_lines(path, record)


def test_the_courses_of_all_runs_lie_on_one_axis(make_run):
    paths = [make_run(f'{c}{s}', c, scores=s, seed=s) for c in 'ab' for s in (0, 1)]
    for place, path in enumerate(paths):
        rows = [([place, 2, 4, 6, 8], [0.1 * k] * 5) for k in (1, 2, 3)]
        history(path / 'class_history.jsonl', rows[: 3 - place % 2])
    comparison = compare(read_methods(paths, {}, OPTIONS))
    figures = comparison_figures(comparison)
    course = figures['course-accuracy']
    assert [one['name'] for one in course['data']] == ['a', 'a', 'b', 'b']
    assert [one['showlegend'] for one in course['data']] == [True, False, True, False]
    assert [one['x'] for one in course['data']] == [[1, 2, 3], [1, 2]] * 2
    assert [one['y'][0] for one in course['data']] == [0.4, 0.42, 0.44, 0.46]
    assert course['data'][3]['hovertemplate'].endswith('<extra>b, seed 1</extra>')
    assert course['layout']['xaxis']['title']['text'] == 'epoch'
    assert figures['course-difficulty']['data'][0]['y'] == [0.1, 0.2, 0.3]
    # One that is counted in iterations alone: so are all.
    history(paths[0] / 'class_history.jsonl', rows, epochs=False)
    course = comparison_figures(compare(read_methods(paths, {}, OPTIONS)))['course-accuracy']
    assert [one['x'] for one in course['data']][:2] == [[10, 20, 30], [10, 20]]
    assert course['layout']['xaxis']['title']['text'] == 'iteration'


def test_difficulty_is_that_of_the_hardest_classes_of_the_baseline(make_run):
    paths = [make_run(c, c, scores=i, seed=0) for i, c in enumerate('ab')]
    comparison = compare(read_methods(paths, {}, OPTIONS), 'b')
    accuracy = comparison.class_means['b']
    hard = hard_classes(comparison)
    assert hard == np.argsort(accuracy)[:2].tolist()  # a third of four classes with clips, rounded up
    difficulty = [0.5] * 5
    for label, value in zip(hard, (0.8, 0.6), strict=True):
        difficulty[label] = value
    for path in paths:
        history(path / 'class_history.jsonl', [([5] * 5, difficulty)])
    comparison = compare(read_methods(paths, {}, OPTIONS), 'b')
    assert [one['y'] for one in comparison_figures(comparison)['course-difficulty']['data']] == [[0.7], [0.7]]


def test_records_of_other_runs_have_no_course(make_run):
    path = make_run('a', 'a', seed=0)
    history(path / 'class_history.jsonl', [([5] * 5, [0.5] * 5)], source='replay')
    figures = comparison_figures(compare(read_methods([path], {}, OPTIONS)))
    assert set(figures) == {'metrics'}


def test_the_command_writes_what_it_is_asked_for(make_run, tmp_path, capsys):
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    names = ('a', '<b>', 'c')
    runs = [make_run(f'{i}{s}', 'x', scores=10 * s + i, seed=s) for i in range(3) for s in (0, 1)]
    groups = [word for i, name in enumerate(names) for word in ('--group', f'{name}={runs[2 * i]},{runs[2 * i + 1]}')]
    out = tmp_path / 'out'
    assert main([*groups, '--all-pairs', '--holm', '--sort', 'mean1', '--latex', '--out', str(out)]) == 0
    said = capsys.readouterr().out
    assert f'wrote {out}/compare_pairs.csv' in said
    rows = list(csv.DictReader((out / 'compare_pairs.csv').read_text().splitlines()))
    assert {(row['method'], row['against']) for row in rows} >= {('<b>', 'a'), ('c', 'a')}
    assert all(float(row['p_holm']) >= float(row['p_value']) for row in rows if row['p_value'])
    page = (out / 'compare.html').read_text()
    assert 'id="pairs"' in page
    assert "Holm's correction is over all tests that are shown." in page.replace('&#39;', "'")
    assert re.search(r'by Holm [\d.]+', page)
    assert 'id="courses"' in page
    assert '<b>' not in re.sub(r'<script.*', '', page, flags=re.DOTALL)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page)[1])
    assert list(figures) == ['metrics', 'gains', 'course-accuracy', 'course-difficulty']
    assert figures['metrics']['data'][0]['error_y']['array'][0] is not None
    assert set(re.findall(r'data-figure="([^"]+)"', page)) == set(figures)
    assert main([*groups, '--no-html', '--sort', 'speed', '--out', str(out)]) == 2
    assert 'compare: --sort speed: must be one of the metrics that all runs have: top1' in capsys.readouterr().err


def test_files_that_were_asked_for_earlier_are_said_to_be_old(make_run, tmp_path, capsys):
    runs = [str(make_run(name, name)) for name in 'ab']
    options = [*runs, '--out', str(tmp_path / 'out'), '--no-html']
    assert main([*options, '--all-pairs', '--latex']) == 0
    # With two methods the pairs are those with the baseline.
    rows = list(csv.DictReader((tmp_path / 'out/compare_pairs.csv').read_text().splitlines()))
    assert {(row['method'], row['against']) for row in rows} == {('b', 'a')}
    assert 'earlier comparison' not in capsys.readouterr().err
    assert main(options) == 0
    said = capsys.readouterr().err
    assert [name in said for name in ('compare_pairs.csv is of an earlier', 'compare.tex is of an earlier')] == [
        True
    ] * 2


@pytest.mark.parametrize('order', [1, -1])
def test_a_run_that_knows_more_metrics_is_compared_on_those_that_both_know(tmp_path, capsys, order):
    names, labels = [f'{c}.mp4' for c in range(40)], [c % 7 for c in range(40)]
    for folder, seed in (('plain', 0), ('scored', 1)):
        rng, lines = np.random.default_rng(seed), []
        for name, label in zip(names, labels, strict=True):
            scores = rng.random(7)
            shown = [f'{score:.6f}' for score in scores] if folder == 'scored' else []
            lines.append(','.join([name, str(label), str(scores.argmax()), *shown]))
        (tmp_path / folder).mkdir()
        head = ['name', 'label', 'predicted', *([f'score_{c}' for c in range(7)] if folder == 'scored' else [])]
        (tmp_path / folder / 'predictions.csv').write_text('\n'.join([','.join(head), *lines]) + '\n')
    runs = [f'--group={one}={tmp_path / one}' for one in ('plain', 'scored')[::order]]
    assert main([*runs, '--out', str(tmp_path / 'out'), '--no-html']) == 0, capsys.readouterr().err
    rows = list(csv.DictReader((tmp_path / 'out/compare.csv').read_text().splitlines()))
    assert {'mean1', 'top1'} <= {row['metric'] for row in rows}
