"""What is printed of runs: caveats beside the p-values, other lengths of training, no groups that say nothing."""

import csv
import importlib.util
from functools import partial
from pathlib import Path

import pytest

from cdb_video.report.compare.files import format_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.runs import read_methods
from cdb_video.report.insight.insight import Options
from cdb_video.report.insight.statistics import class_groups, mute_groups
from tests.report.dumps import write_history, write_run

OPTIONS = Options(repeats=0, head_threshold=100)


def tool(name):
    path = Path(__file__).resolve().parents[2] / f'tools/{name}.py'
    spec = importlib.util.spec_from_file_location(f'tools_{name}_shown', path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def make_run(tmp_path):
    return partial(write_run, tmp_path)


def rows_with_p(comparison):
    """The last two cells of the printed rows of tests: p-value and test."""
    table = format_comparison(comparison).partition('| p | test |')[2].partition('\n\n')[0]
    return [line.split(' | ')[-2:] for line in table.splitlines()[2:]]


def test_each_p_value_over_clips_is_printed_with_its_caveat_and_those_over_seeds_without(make_run):
    paths = [make_run(f'{c}{s}', c, scores=10 * s + (c == 'b'), seed=s) for c in 'ab' for s in (0, 1)]
    for some, of_clips in ((paths[::2], True), (paths, False)):
        comparison = compare(read_methods(some, {}, OPTIONS))
        rows = rows_with_p(comparison)
        assert len(rows) == len(comparison.metrics) > 5
        assert {'says nothing of other seeds' in how for p, how in rows if p != '-'} == {of_clips}
        assert {test.one_seed for test in comparison.tests.values() if test.p_value is not None} == {of_clips}


def test_runs_of_other_lengths_are_named_with_their_epochs(make_run):
    a, b, c = (make_run(name, name, scores=place, seed=0) for place, name in enumerate('abc'))
    assert not any('equally long' in note for note in compare(read_methods([a, b, c], {}, OPTIONS)).notes)
    (b / 'class_history.jsonl').unlink()
    write_history(b / 'class_history.jsonl', epochs=5)
    # Without a history of its own the plan counts: of a replay the epochs are those of another run.
    (c / 'class_history.jsonl').unlink()
    write_history(c / 'class_history.jsonl', epochs=5, sources=['replay'] * 5)
    with (c / '20260101_000000/vis_data/config.py').open('a') as file:
        file.write("train_cfg = dict(max_epochs=3, type='EpochBasedTrainLoop', val_interval=1)\n")
    (note,) = [note for note in compare(read_methods([a, b, c], {}, OPTIONS)).notes if 'equally long' in note]
    assert note.endswith(f': 3 epochs: {a}, {c}; 5 epochs: {b}. A second stage counts without its first.')
    records = (b / 'class_history.jsonl').read_text().replace('"epoch": ', '"epoch": 0, "was": ')
    (b / 'class_history.jsonl').write_text(records)
    (note,) = [note for note in compare(read_methods([a, b], {}, OPTIONS)).notes if 'equally long' in note]
    assert note.endswith(f': 3 epochs: {a}; 50 iterations: {b}. A second stage counts without its first.')


def test_groups_of_all_classes_or_none_are_not_printed_and_stay_in_the_file(make_run, tmp_path, capsys):
    paths = [str(make_run(name, name, scores=place, seed=0)) for place, name in enumerate('ab')]
    out = tmp_path / 'out'
    for threshold, printed in ((600, False), (100, True)):
        assert tool('compare').main([*paths, '--head-threshold', str(threshold), '--no-html', '--out', str(out)]) == 0
        said = capsys.readouterr().out
        assert [f'| {name} |' in said for name in ('Many-shot', 'Head', 'Tail')] == [True, printed, printed]
        assert ('Tail. --head-threshold divides' in said) != printed
        rows = list(csv.DictReader((out / 'compare.csv').read_text().splitlines()))
        assert 'tail' in {row['metric'] for row in rows}


def test_the_printed_report_and_the_page_leave_out_groups_of_all_classes_or_none(make_run, capsys):
    folder = make_run('a', 'a')
    for threshold, shown in ((600, False), (100, True)):
        assert tool('report').main([str(folder), '--bootstrap', '0', '--head-threshold', str(threshold)]) == 0
        printed = capsys.readouterr().out
        assert ('acc/tail' in printed, 'acc/many_shot' in printed) == (shown, True)
        assert ('note: Not shown' in printed) != shown
        text, page = ((folder / name).read_text() for name in ('class_report.md', 'report.html'))
        assert ('| Tail |' in text) == ('<div class="label">Tail</div>' in page) == shown
        assert ('Head, Tail' in text) == ('Head, Tail' in page) != shown
        assert '"acc/tail"' in (folder / 'class_report.json').read_text()


def test_classes_without_clips_do_not_make_a_group_tell_anything():
    groups = class_groups([400, 150, 90, 12, 3], (5, 100), head_threshold=10)
    assert mute_groups(groups, [10, 10, 10, 10, 0]) == {'few_shot', 'head', 'tail'}
    assert mute_groups(groups, [10, 10, 10, 10, 10]) == set()
    assert mute_groups(groups, [0, 0, 0, 0, 0]) == set()
    assert mute_groups({}, [10, 10]) == set()
