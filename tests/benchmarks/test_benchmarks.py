"""The benchmarks at a tiny size: that they measure all that they promise; how fast things are is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
on_linux = pytest.mark.skipif(sys.platform != 'linux', reason='peak memory is read as Linux gives it')


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a benchmark in this process; its status, the page that it prints, and its numbers."""
    monkeypatch.syspath_prepend(REPOSITORY / 'benchmarks')

    def call(name, *arguments):
        module = __import__(name)
        if hasattr(module, 'in_fresh_process'):
            monkeypatch.setattr(module, 'in_fresh_process', lambda part, *values: part(*values))
        monkeypatch.setattr('sys.argv', [f'benchmarks/{name}.py', *arguments, '--out', str(tmp_path / 'results')])
        status = module.main()
        page = (tmp_path / 'results' / f'{name}.md').read_text()
        assert capsys.readouterr().out.endswith(page + '\n')
        return status, page, json.loads((tmp_path / 'results' / f'{name}.json').read_text())

    return call


def rows_of(page):
    """The cells of all tables of a page, without headings."""
    lines = [line.strip('| ').split(' | ') for line in page.splitlines() if line.startswith('|')]
    return [cells for cells, below in zip(lines, [*lines[1:], ['']], strict=True) if '---' not in cells + below]


def check_origin(page, content, name):
    assert content['command'].startswith(f'python benchmarks/{name}.py')
    assert content['seed'] == 3
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=REPOSITORY, capture_output=True, text=True)
    assert content['commit'].removesuffix('+changes') == commit.stdout.strip()
    assert {'processor', 'cores', 'torch threads', 'Python', 'numpy', 'torch'} <= set(content['machine'])
    assert f'- commit: `{content["commit"]}`' in page


@on_linux
def test_sampler_scale_measures_both_samplers_and_every_way_to_the_labels(run):
    options = ['--clips', '3000', '--classes', '30', '--rounds', '2', '--kept-clips', '100', '--huge', '4000']
    status, page, content = run('sampler_scale', *options, '--seed', '3')
    check_origin(page, content, 'sampler_scale')
    numbers = content['numbers']
    assert status == (0 if numbers['times_as_fast']['cpu']['median'] >= 4 else 1)
    phases = ['set-up', 'draw', 'iteration', 'draw and iteration']
    rows = rows_of(page)
    assert [row[:2] for row in rows[:8]] == [
        [kind, phase] for kind in ('WeightedRandomSampler', 'CDBSampler') for phase in phases
    ]
    assert all(len(numbers['times'][kind]['draw']) == 2 for kind in numbers['times'])
    assert all(set(entry['peak_bytes']) == set(phases[:3]) for entry in numbers['memory'].values())
    assert [row[1] for row in rows[8:12]] == ['3,000', '3,000', '100', '100']
    assert [row[0] for row in rows[12:]] == phases[:3]
    assert 'WeightedRandomSampler there: nothing, it draws.' in page


def test_both_samplers_of_the_benchmark_follow_the_same_law(run):
    sampler_scale = __import__('sampler_scale')
    labels = sampler_scale.make_labels(20_000, 20, 0)
    assert np.bincount(labels).max() >= 300 * np.bincount(labels).min() > 0
    shares = [
        np.bincount(labels[list(sampler_scale.build(kind, labels, 0))], minlength=20) / 20_000
        for kind in ('CDBSampler', 'WeightedRandomSampler')
    ]
    # 5 standard deviations of independent draws with the largest share, about 0.1.
    np.testing.assert_allclose(*shares, atol=5 * np.sqrt(0.1 / 20_000))


@on_linux
def test_what_weighted_random_sampler_refuses_is_told_in_its_words(run, monkeypatch):
    sampler_scale = __import__('sampler_scale')
    # An expanded tensor: as many categories, without the memory.
    monkeypatch.setattr(
        sampler_scale.torch, 'ones', lambda number, dtype: sampler_scale.torch.tensor(1.0).expand(number)
    )
    monkeypatch.setattr(sampler_scale.torch, 'as_tensor', lambda weights, dtype: weights)
    assert sampler_scale.refusal(2**24 + 1) == '"number of categories cannot exceed 2^24"'


MEASURE_PEAK = """
import numpy as np
from measuring import peak_memory, resident_memory
np.ones(40_000_000)
before = resident_memory()
peak, total = peak_memory(lambda: np.ones(5_000_000).sum(), before)
print(peak, int(total))
"""


@on_linux
def test_peak_memory_is_that_of_the_work_and_not_of_what_was_before():
    # In a process of its own, as the benchmarks do it: here the collector may free memory of other tests meanwhile.
    done = subprocess.run(
        [sys.executable, '-c', MEASURE_PEAK], cwd=REPOSITORY / 'benchmarks', capture_output=True, text=True, check=True
    )
    peak, total = map(int, done.stdout.split())
    assert total == 5_000_000
    assert 38e6 < peak < 60e6


def test_a_fresh_process_has_its_own_memory(run):
    measuring = __import__('measuring')
    import os

    assert measuring.in_fresh_process(os.getpid) != os.getpid()


def test_works_take_turns_and_change_who_is_first(run):
    measuring = __import__('measuring')
    order = []
    times = measuring.take_turns({'a': lambda: order.append('a'), 'b': lambda: order.append('b')}, 3)
    assert ''.join(order) == 'baabbaab'
    assert {name: len(values) for name, values in times.items()} == {'a': 3, 'b': 3}


def test_spread_has_the_median_and_the_quartiles(run):
    spread = __import__('measuring').spread
    assert spread([5, 1, 2, 4, 3]).show(digits=1) == '3.0 (2.0 to 4.0)'
    assert spread([0.5]).show(scale=10) == '5.00'


def test_cost_measures_losses_steps_and_validations(run, tiny_mini, monkeypatch):
    monkeypatch.setenv('EGTEA_ROOT', '')
    monkeypatch.setattr(__import__('cost'), 'CALLS', 2)
    status, page, content = run('cost', '--data-root', str(tiny_mini), '--rounds', '2', '--steps', '4', '--seed', '3')
    check_origin(page, content, 'cost')
    numbers = content['numbers']
    missed = max(numbers['share']['cpu'].values()) >= 0.01 or numbers['ratio']['cpu']['median'] >= 1.05
    assert status == int(missed)
    rows = rows_of(page)
    losses = ['torch CrossEntropyLoss', 'mmaction2 CrossEntropyLoss', 'mmaction2 CrossEntropyLoss, class_weight']
    sizes = ['16 x 19', '8 x 106', '64 x 1000']
    assert [row[:2] for row in rows[:12]] == [[size, name] for size in sizes for name in (*losses, 'CDBLoss')]
    assert [row[0] for row in rows[12:15]] == sizes
    assert [row[0] for row in rows[15:17]] == ['AccMetric alone', 'ClassAccuracy and hook']
    assert [row[0] for row in rows[17:]] == ['AccMetric', 'ClassAccuracy', 'ClassDifficultyHook.after_val_epoch']
    assert len(numbers['steps']) == 4
    assert numbers['val_clips'] == 38


def test_cost_says_what_is_missing_without_the_data(run, tmp_path, monkeypatch, capsys):
    cost = __import__('cost')
    monkeypatch.setattr('sys.argv', ['cost.py', '--data-root', str(tmp_path)])
    assert cost.main() == 2
    assert f'cost: {tmp_path}/lists/verb_split1_subjects-P20-P26/val.txt is missing' in capsys.readouterr().err


def test_hooks_are_measured_for_samples_and_for_validations(run):
    status, page, results = run('hook_cost', '--classes', '3', '--validations', '6', '--samples', '64')
    assert status == 0
    seeding, hook = rows_of(page)[:5], rows_of(page)[5:]
    assert [cells[0] for cells in hook] == ['3 classes, without live report', '3 classes, with live report']
    measured = results['numbers']['seeding']
    assert [cells[0] for cells in seeding] == list(measured)
    assert measured['sample, seeded in a worker']['median'] > measured['sample, not seeded']['median']
    assert all(len(values['ms']) == 6 for values in results['numbers']['hook'].values())


@on_linux
def test_list_scale_measures_reading_and_workers_of_both_datasets(run):
    options = ['--clips', '5000', '--classes', '30', '--rounds', '1', '--contexts', 'fork', '--huge', '3000']
    status, page, content = run('list_scale', *options, '--seed', '3')
    check_origin(page, content, 'list_scale')
    numbers, goals = content['numbers'], __import__('list_scale').GOALS
    assert status == (0 if all(numbers['reached'][name] <= goal for name, goal in goals.items()) else 1)
    kinds = ['RawframeDataset', 'FrameListDataset']
    rows = rows_of(page)
    assert [row[0] for row in rows] == [*kinds, 'fork', 'fork', 'FrameListDataset']
    assert [row[1] for row in rows[2:4]] == kinds
    assert [len(numbers['reading'][kind]) for kind in kinds] == [1, 1]
    measured = numbers['workers']['fork']['FrameListDataset']['list']
    assert 0 < max(measured['worker_uss_bytes']) < measured['pss_bytes']
