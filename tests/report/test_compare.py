"""Comparisons: numbers against scipy, and what cannot be compared."""

import csv
import json
import re
import statistics
from functools import partial
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from cdb_video.commands import compare as compare_command
from cdb_video.commands.compare import main
from cdb_video.report.compare.files import format_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.paired_tests import mcnemar
from cdb_video.report.compare.runs import group_of, read_methods
from cdb_video.report.insight.insight import Options
from tests.report.dumps import NAMES, clip_name, make_samples, rescored, write_history, write_report, write_run

OPTIONS = Options(repeats=0, head_threshold=100)


@pytest.fixture
def make_run(tmp_path):
    return partial(write_run, tmp_path)


def test_seeds_are_paired_and_tested_as_scipy_does(make_run):
    paths = [make_run(f'{c}_{s}', c, scores=10 * s + (c == 'b'), seed=s) for c in 'ab' for s in (2, 0, 1)]
    comparison = compare(read_methods(paths, {}, OPTIONS))
    values = {m.name: [run.insight.metrics['mean1'] for run in m.runs] for m in comparison.methods}
    assert [run.seed for run in comparison.methods[1].runs] == [0, 1, 2]
    assert comparison.means['b', 'mean1'] == statistics.fmean(values['b'])
    assert comparison.deviations['b', 'mean1'] == statistics.stdev(values['b'])
    expected = stats.ttest_rel(values['b'], values['a'])
    test = comparison.tests['b', 'mean1']
    np.testing.assert_allclose(test.p_value, expected.pvalue, rtol=1e-9)
    np.testing.assert_allclose(test.interval, expected.confidence_interval(0.95), rtol=1e-9)
    assert test.how == 'paired t-test over 3 seeds'


def test_one_seed_is_tested_over_clips_and_says_so(make_run):
    paths = [make_run('a', 'a', scores=1, seed=0), make_run('b', 'b', scores=2, seed=0)]
    comparison = compare(read_methods(paths, {}, OPTIONS))
    runs = [method.runs[0] for method in comparison.methods]
    assert sorted(runs[0].clip_names) == sorted(runs[1].clip_names)
    right = [
        dict(zip(r.clip_names, r.insight.outcomes.labels == r.insight.outcomes.predicted, strict=True)) for r in runs
    ]
    better = sum(right[1][clip] and not right[0][clip] for clip in right[0])
    worse = sum(right[0][clip] and not right[1][clip] for clip in right[0])
    top1 = comparison.tests['b', 'top1']
    assert top1.p_value == pytest.approx(stats.binomtest(better, better + worse).pvalue)
    assert top1.difference == pytest.approx((better - worse) / 80)
    assert top1.how == "one seed: McNemar's exact test over the clips; says nothing of other seeds"
    mean1 = comparison.tests['b', 'mean1']
    assert mean1.how == 'one seed: paired bootstrap over sessions; says nothing of other seeds'
    assert mean1.interval[0] <= mean1.difference <= mean1.interval[1]
    assert 0 < mean1.p_value <= 1


def test_harmonic_mean_and_worst_class_stand_beside_the_mean_with_tests_of_their_own(make_run):
    seeds = [make_run(f'{c}{s}', c, scores=10 * s + (c == 'b'), seed=s) for c in 'ab' for s in (0, 1, 2)]
    for paths, how in ((seeds, 'paired t-test over 3 seeds'), (seeds[::3], 'one seed: paired bootstrap over sessions')):
        comparison = compare(read_methods(paths, {}, OPTIONS))
        assert comparison.metrics[1:4] == ('mean1', 'hmean', 'worst')
        assert '| Mean class accuracy | Harmonic mean | Worst class |' in format_comparison(comparison)
        for name in ('hmean', 'worst'):
            test = comparison.tests['b', name]
            assert test.how.startswith(how)
            assert test.difference == pytest.approx(comparison.means['b', name] - comparison.means['a', name])
            assert test.interval[0] <= test.difference <= test.interval[1]
            assert 0 < test.p_value <= 1
    run = comparison.methods[0].runs[0]
    assert run.insight.metrics['worst'] == np.nanmin(run.accuracy)


@pytest.mark.parametrize('grouped', [False, True])
def test_a_comparison_speaks_the_words_of_the_host_of_its_first_run(make_run, capsys, tmp_path, grouped):
    paths = [make_run(name, name, scores=place, seed=0) for place, name in enumerate('ab')]
    for path in paths:
        (path / f'{path.name}.py').write_text("default_scope = 'mmpretrain'\n")
    words = [word for path in paths for word in ('--group', f'{path.name}={path}')] if grouped else [*map(str, paths)]
    assert compare_command.main([*words, '--no-html', '--out', str(tmp_path / 'out')]) == 0
    said = capsys.readouterr().out
    assert 'over the images' in said
    assert 'clips' not in said


def test_a_run_against_itself_has_no_difference(make_run):
    samples = rescored(3)
    paths = [make_run('a', 'a', samples=samples), make_run('b', 'b', samples=samples)]
    comparison = compare(read_methods(paths, {}, OPTIONS))
    assert {(t.difference, t.p_value, t.interval) for t in comparison.tests.values()} == {(0.0, 1.0, (0.0, 0.0))}
    assert any('share no known seed' in note for note in comparison.notes)


def test_mcnemar_of_no_disagreement_is_one():
    right = np.array([True, False])
    assert mcnemar(right, right) == 1.0


def test_equal_differences_of_all_seeds_get_no_test(make_run):
    a, b = rescored(1), rescored(2)
    paths = [make_run(f'{c}{s}', c, samples=x, seed=s) for c, x in (('a', a), ('b', b)) for s in (0, 1)]
    test = compare(read_methods(paths, {}, OPTIONS)).tests['b', 'top1']
    assert test.p_value is None
    assert 'all differences are equal' in test.how


def test_without_clip_names_there_is_no_test(make_run):
    def nameless(seed):
        return [{k: v for k, v in sample.items() if k != 'frame_dir'} for sample in rescored(seed)]

    paths = [make_run('a', 'a', samples=nameless(1)), make_run('b', 'b', samples=nameless(2))]
    test = compare(read_methods(paths, {}, OPTIONS)).tests['b', 'top1']
    assert test.p_value is None
    assert 'no test' in test.how


def test_runs_are_grouped_by_config_else_by_folder(make_run, tmp_path):
    assert group_of(make_run('any', 'slowfast_cdbs')) == 'slowfast_cdbs'
    for name in ('plain_s1', 'plain_seed2', 'plain-3', 'plain_4'):
        (tmp_path / name).mkdir()
        assert group_of(tmp_path / name) == 'plain'


def test_what_cannot_be_compared_is_an_error(make_run, tmp_path):
    a = make_run('a', 'a')
    other_names = ('lift', 'x', 'wash', 'pour', 'never')
    with pytest.raises(ValueError, match=r"class 1 is 'x'"):
        read_methods([a, make_run('names', 'b', names=other_names)], {}, OPTIONS)
    with pytest.raises(ValueError, match='4 classes'):
        read_methods([a, make_run('four', 'b', samples=make_samples(num_classes=4), names=NAMES[:4])], {}, OPTIONS)
    moved = rescored(0)
    moved[0] = moved[0] | {'frame_dir': clip_name(999, 9)}
    with pytest.raises(ValueError, match='evaluated on other clips'):
        read_methods([a, make_run('moved', 'b', samples=moved)], {}, OPTIONS)
    with pytest.raises(ValueError, match='a run is given twice'):
        read_methods([a, a], {}, OPTIONS)
    with pytest.raises(ValueError, match=r's1 and .*s2 both have seed 1. If they differ by --cfg-options'):
        read_methods([make_run('s1', 'c', seed=1), make_run('s2', 'c', seed=1)], {}, OPTIONS)
    with pytest.raises(FileNotFoundError):
        read_methods([tmp_path / 'nowhere'], {}, OPTIONS)
    with pytest.raises(ValueError, match="baseline 'z' is none of the methods a"):
        compare(read_methods([a], {}, OPTIONS), 'z')


def test_runs_of_one_config_that_differ_by_options_are_told_apart_or_noted(make_run, tmp_path):
    def with_hooks(name, seed, momentum):
        folder = make_run(name, 'c', seed=seed, scores=seed)
        with (folder / '20260101_000000/vis_data/config.py').open('a') as file:
            file.write(f"custom_hooks = [dict(type='ClassDifficultyHook', momentum={momentum})]\nwork_dir = '{name}'\n")
        return folder

    a, b, c = with_hooks('a', 0, 0), with_hooks('b', 1, 0.8), with_hooks('c', 1, 0)
    assert any('runs of c differ in custom_hooks' in note for note in compare(read_methods([a, b], {}, OPTIONS)).notes)
    for others in ([a, c], {'x': [a, b]}):
        given = (others, {}) if isinstance(others, list) else ([], others)
        assert not any('differ' in note for note in compare(read_methods(*given, OPTIONS)).notes)
    with pytest.raises(ValueError, match=r'both have seed 1\. They differ in custom_hooks, as --cfg-options makes it'):
        read_methods([a, b, c], {}, OPTIONS)


def test_tool_writes_tables_and_page(make_run, tmp_path, capsys):
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    a, b = make_run('a', 'a', scores=1, seed=0), make_run('b', 'b', scores=2, seed=0)
    out = tmp_path / 'out'
    arguments = ['--group', f'<b>base={a}', '--group', f'new={b}', '--baseline', str(a), '--out', str(out)]
    assert main(arguments) == 0
    assert '| new | 1 |' in capsys.readouterr().out
    page = (out / 'compare.html').read_text()
    assert '<b>base' not in page
    assert '&lt;b&gt;base' in page
    assert '<script>alert' not in page
    p_values = re.findall('<small>p = ([^<]*)<', page)
    assert len(p_values) > 5
    assert all(text.endswith(', one seed') for text in p_values)
    rows = list(csv.DictReader((out / 'compare_classes.csv').read_text().splitlines()))
    assert [row['name'] for row in rows][:2] == list(NAMES[:2])
    gain = float(rows[0]['gain new'])
    assert gain == pytest.approx(float(rows[0]['accuracy new']) - float(rows[0]['accuracy <b>base']))
    (row,) = [r for r in csv.DictReader((out / 'compare.csv').read_text().splitlines()) if r['metric'] == 'top1'][1:]
    assert row['test'].startswith("one seed: McNemar's")


def test_a_group_that_is_given_twice_has_the_runs_of_both(make_run, tmp_path, capsys):
    a, b, c = (str(make_run(name, name, scores=place, seed=place)) for place, name in enumerate('abc'))
    out = ['--no-html', '--out', str(tmp_path / 'out')]
    assert main(['--group', f'CE={a}', '--group', f'new={c}', '--group', f'CE={b}', *out]) == 0
    assert '| CE | 2 |' in capsys.readouterr().out
    assert main(['--group', f'CE={a}', '--group', f'CE={a}', *out]) == 2
    assert 'a run is given twice' in capsys.readouterr().err


def test_a_comparison_that_cannot_be_written_is_printed_all_the_same(make_run, tmp_path, capsys):
    (tmp_path / 'out').write_text('a file')
    assert main([str(make_run('a', 'a')), '--out', str(tmp_path / 'out')]) == 2
    printed = capsys.readouterr()
    assert '| a | 1 |' in printed.out
    assert 'out' in printed.err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'nothing to compare'),
        (['--group', 'x'], 'write NAME=RUN,RUN'),
        (['--group', 'x=a,'], 'write NAME=RUN,RUN'),
        (['nowhere'], 'does not exist'),
    ],
)
def test_tool_says_what_is_wrong(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_clips_of_one_name_in_two_folders_are_told_apart(make_run):
    samples = rescored(1)[:40]
    for index, sample in enumerate(samples):
        sample['frame_dir'] = f'data/{"ab"[index % 2]}/c{index // 2}'
    moved = [sample | {'frame_dir': '/mnt/' + sample['frame_dir']} for sample in reversed(samples)]
    paths = [make_run('x', 'x', samples=samples), make_run('y', 'y', samples=moved)]
    one, other = (method.runs[0] for method in read_methods(paths, {}, OPTIONS))
    assert sorted(one.clip_names) == sorted(other.clip_names)
    np.testing.assert_array_equal(one.outcomes.predicted, other.outcomes.predicted)
    np.testing.assert_array_equal(one.outcomes.labels, other.outcomes.labels)


def test_clips_with_other_labels_are_refused(make_run):
    samples, other = rescored(1), rescored(1)
    first = other[0]
    second = next(sample for sample in other if int(sample['gt_label']) != int(first['gt_label']))
    first['gt_label'], second['gt_label'] = second['gt_label'], first['gt_label']
    paths = [make_run('x', 'x', samples=samples), make_run('y', 'y', samples=other)]
    with pytest.raises(ValueError, match=r'2 of 80 clips have another label in .*y than in .*x, as P0.*same list'):
        read_methods(paths, {}, OPTIONS)


def test_clips_that_share_a_path_are_not_paired_and_the_reason_is_said(make_run):
    def repeated(seed):
        samples = rescored(seed)
        return [*samples, samples[0] | {'pred_score': samples[1]['pred_score']}]

    one, other = repeated(1), repeated(2)
    twice = one[-1]['frame_dir']
    other[-1] = next(sample for sample in other if sample['frame_dir'] == twice) | {}
    paths = [make_run('x', 'x', samples=one), make_run('y', 'y', samples=other)]
    test = compare(read_methods(paths, {}, OPTIONS)).tests['y', 'top1']
    assert test.p_value is None
    assert test.how == 'one seed, and clips that share a path, so that they cannot be paired: no test'


def test_clips_that_come_twice_in_one_run_only_are_refused(make_run):
    samples = rescored(1)
    first = int(samples[0]['gt_label'])
    place = next(i for i, sample in enumerate(samples) if i and int(sample['gt_label']) == first)
    twice = [samples[0] if i == place else sample for i, sample in enumerate(samples)]
    paths = [make_run('x', 'x', samples=samples), make_run('y', 'y', samples=twice)]
    with pytest.raises(ValueError, match='evaluated on other clips'):
        read_methods(paths, {}, OPTIONS)


def test_full_disk_is_said_with_the_file_and_the_remedy(make_run, tmp_path, capsys):
    run = make_run('a', 'a')
    with mock.patch('os.fsync', side_effect=OSError(28, 'No space left on device')):
        assert main([str(run), '--out', str(tmp_path / 'out'), '--no-html']) == 2
    error = capsys.readouterr().err
    assert f'{tmp_path}/out/compare.csv could not be written (No space left on device): free disk space' in error


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04', b'some text\n'])
def test_files_that_are_no_dump_are_named_by_the_tool(tmp_path, capsys, content):
    (tmp_path / 'predictions.pkl').write_bytes(content)
    assert main([str(tmp_path), '--out', str(tmp_path / 'out')]) == 2
    assert f'{tmp_path}/predictions.pkl' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_groups_of_other_classes_are_not_compared(make_run):
    a, b = make_run('a', 'a', scores=1), make_run('b', 'b', scores=2)
    document = json.loads((b / 'class_report.json').read_text())
    (b / 'class_report.json').write_text(json.dumps(document | {'shot_thresholds': [2, 13]}))
    comparison = compare(read_methods([a, b], {}, OPTIONS))
    assert [name for name in ('many_shot', 'medium_shot', 'head', 'tail') if name in comparison.metrics] == [
        'head',
        'tail',
    ]
    assert any('Many-shot, Medium-shot cannot be compared' in note for note in comparison.notes)
    (b / 'class_history.jsonl').unlink()
    write_history(b / 'class_history.jsonl', counts=(40, 150, 90, 12, 3))
    comparison = compare(read_methods([a, b], {}, OPTIONS))
    assert not {'head', 'tail'} & set(comparison.metrics)


def test_runs_without_a_partner_are_named(make_run):
    seeds = {'a': (0, 1, 2), 'b': (1, 3)}
    paths = [make_run(f'{c}{s}', c, scores=s, seed=s) for c, some in seeds.items() for s in some]
    comparison = compare(read_methods(paths, {}, OPTIONS))
    (note,) = [note for note in comparison.notes if 'without a partner' in note]
    assert [name in note for name in ('/a0', '/a1', '/a2', '/b1', '/b3')] == [True, False, True, False, True]
    assert comparison.tests['b', 'top1'].how.startswith('one seed')


def test_a_baseline_is_known_by_any_way_to_its_folder(make_run, tmp_path, monkeypatch):
    methods = read_methods([make_run('a', 'a', seed=0), make_run('b', 'b', seed=0)], {}, OPTIONS)
    monkeypatch.chdir(tmp_path)
    assert compare(methods, 'b/').baseline == 'b'
    assert compare(methods, str(tmp_path / 'x/../b')).baseline == 'b'


def test_validation_and_test_set_with_as_many_clips_are_told_apart(make_run):
    paths = [make_run('a', 'a'), make_run('b', 'b')]
    for path, split in zip(paths, ('test', 'val'), strict=True):
        (path / 'predictions.pkl').unlink()
        (path / 'class_history.jsonl').unlink()
        write_report(path / 'class_report.json', rescored(0), split=split)
    with pytest.raises(ValueError, match=r'b \(val set\) was evaluated on other clips than .*a \(test set\)'):
        read_methods(paths, {}, OPTIONS)
