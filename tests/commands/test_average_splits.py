import json
import statistics
from pathlib import Path

import pytest
from mmengine.config import Config

from cdb_video.commands.average_splits import main


@pytest.fixture
def work_dir(tmp_path):
    """Write a class report into a folder of its own."""

    def write(name, accuracies, split='test', test_list=None, **metrics):
        folder = tmp_path / name
        folder.mkdir()
        counts = {n: (0, 0) if a is None else (10, round(10 * a)) for n, a in accuracies.items()}
        rows = [
            {'label': i, 'name': n, 'num_clips': clips, 'num_correct': right}
            for i, (n, (clips, right)) in enumerate(counts.items())
        ]
        report = {'split': split, 'epoch': 1, 'metrics': metrics, 'classes': rows}
        (folder / 'class_report.json').write_text(json.dumps(report))
        if test_list is not None:
            config = Config(
                {part: {'dataset': {'ann_file': test_list}} for part in ('val_dataloader', 'test_dataloader')}
            )
            (folder / '20260101_000000/vis_data').mkdir(parents=True)
            config.dump(str(folder / '20260101_000000/vis_data/config.py'))
        return str(folder)

    return write


def test_mean_and_deviation_of_three_splits(work_dir, tmp_path, capsys):
    dirs = [
        work_dir('a', {'cut': 0.5, 'wash': None}, **{'acc/top1': 0.6, 'acc/few_shot': 0.1}),
        work_dir('b', {'cut': 0.7, 'wash': 0.2}, **{'acc/top1': 0.7, 'words': 'x'}),
        work_dir('c', {'cut': 0.9, 'wash': 0.4}, **{'acc/top1': 0.9}),
    ]
    assert main([*dirs, '--out', str(tmp_path / 'out.json')]) == 0
    printed = capsys.readouterr().out
    assert '| acc/top1 | 60.0 | 70.0 | 90.0 | 73.3 | 15.3 |' in printed
    assert printed.index('| wash | - | 20.0 | 40.0 | 30.0 |') < printed.index('| cut | 50.0 | 70.0 | 90.0 | 70.0 |')
    written = json.loads((tmp_path / 'out.json').read_text())
    assert list(written['metrics']) == ['acc/top1']  # few_shot is not in all, words are no number
    assert written['metrics']['acc/top1']['sd'] == pytest.approx(statistics.stdev([0.6, 0.7, 0.9]))


def test_reports_of_before_get_harmonic_mean_and_worst_class_from_their_counts(work_dir, capsys):
    old = work_dir('a', {'cut': 0.5, 'wash': 0.1}, **{'acc/top1': 0.3, 'acc/mean1': 0.3, 'acc/macro_f1': 0.2})
    own = {'mine/mean1': 0.3, 'mine/hmean': 0.25, 'mine/worst': 0.1}
    assert main([old, work_dir('b', {'cut': 0.5, 'wash': 0.3}, **{'acc/mean1': 0.4, 'acc/macro_f1': 0.2})]) == 0
    rows = [line.split(' | ') for line in capsys.readouterr().out.splitlines() if line.startswith('| acc/')]
    assert [row[0] for row in rows] == ['| acc/mean1', '| acc/hmean', '| acc/worst', '| acc/macro_f1']
    by_hand = [2 / (11 / 5.5 + 11 / 1.5), 2 / (11 / 5.5 + 11 / 3.5)]
    assert rows[1][1:3] == [f'{100 * value:.1f}' for value in by_hand]
    assert rows[2][1:3] == ['10.0', '30.0']
    assert main([work_dir(name, {'cut': 0.5, 'wash': 0.1}, **own) for name in 'cd']) == 0
    assert '| mine/hmean | 25.0 | 25.0 | 25.0 | 0.0 |' in capsys.readouterr().out  # as it was recorded


def test_metrics_that_are_no_shares_are_not_shown_as_percent(work_dir, capsys):
    assert main([work_dir(name, {'cut': 0.5}, loss=value) for name, value in (('a', 1.5), ('b', 2.5))]) == 0
    assert '| loss | 1.5 | 2.5 | 2 | 0.7071 |' in capsys.readouterr().out


def test_name_with_a_bar_stays_in_its_cell(work_dir, capsys):
    assert main([work_dir(name, {'cut|slice': 0.5}) for name in 'ab']) == 0
    assert '| cut\\|slice | 50.0 | 50.0 | 50.0 |' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('second', 'message'),
    [
        ({'accuracies': {'wash': 0.1, 'cut': 0.2}}, 'has other classes than'),
        ({'accuracies': {'cut': 0.1}, 'split': 'val'}, 'is of the val set: run mim test'),
    ],
)
def test_reports_that_do_not_go_together_are_refused(work_dir, capsys, second, message):
    assert main([work_dir('a', {'cut': 0.1}), work_dir('b', **second)]) == 2
    assert message in capsys.readouterr().err


def test_missing_doubled_single_and_damaged_reports_are_refused(work_dir, tmp_path, capsys):
    one = work_dir('a', {'cut': 0.1})
    for others, message in [
        ([str(tmp_path / 'none')], 'does not exist: run mim test'),
        ([one + '/'], 'given twice'),
        ([], 'at least two'),
    ]:
        assert main([one, *others]) == 2
        assert message in capsys.readouterr().err
    other = work_dir('b', {'cut': 0.1})
    (tmp_path / 'b/class_report.json').write_text('{"split": "test"}')
    assert main([one, other]) == 2
    assert 'cannot be read: epoch is missing' in capsys.readouterr().err


def test_rows_are_named_by_the_split_that_the_config_tested(work_dir, tmp_path, capsys):
    lists = 'data/split9/lists/verb_split{}_subjects-P20-P26/test.txt'
    dirs = [work_dir(name, {'cut': 0.5}, test_list=lists.format(k), x=k) for name, k in (('a', 3), ('b', 1))]
    assert main([*dirs, '--out', str(tmp_path / 'out.json')]) == 0
    printed = capsys.readouterr().out
    assert '| metric | split 3 | split 1 | mean | sd |' in printed
    assert f'split 3: {dirs[0]}\n' in printed
    assert 'not known' not in printed
    assert json.loads((tmp_path / 'out.json').read_text())['splits'] == [3, 1]


def test_a_split_that_is_given_twice_is_refused_with_both_runs(work_dir, capsys):
    splits = (('a', 1), ('b', 2), ('c', 1))
    dirs = [work_dir(name, {'cut': 0.5}, test_list=f'lists/action_split{k}/test.txt') for name, k in splits]
    assert main(dirs) == 2
    error = capsys.readouterr().err
    assert f'{dirs[0]} and {dirs[2]} are both of split 1' in error


def test_a_split_that_cannot_be_known_is_said_to_be_unknown(work_dir, capsys):
    dirs = [
        work_dir('a', {'cut': 0.5}),
        work_dir('b', {'cut': 0.5}, test_list='lists/test.txt', x=1),
        work_dir('c', {'cut': 0.5}, test_list='lists/test_split_2.txt'),
    ]
    Path(dirs[0], 'config.py').write_text('test_dataloader = broken(')
    assert main(dirs) == 0
    printed = capsys.readouterr().out
    assert '| metric | run 1 (split not known) | run 2 (split not known) | split 2 | mean | sd |' in printed
    assert 'see that the runs are of different splits' in printed
