"""The benchmarks of training at a tiny size: that they measure all that they promise."""

import pytest
from mmengine.config import Config

from benchmarks.training import hook_cost, model_cost, report_cost, step_cost
from tests.support.benchmark_pages import rows_of

pytestmark = pytest.mark.training


@pytest.mark.long
def test_cost_measures_losses_steps_and_validations(run, tiny_mini, monkeypatch):
    monkeypatch.setenv('EGTEA_ROOT', '')
    monkeypatch.setattr(step_cost, 'CALLS', 2)
    status, page, content = run(step_cost, 'cost', '--data-root', tiny_mini, '--rounds', 2, '--steps', 4)
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
    monkeypatch.setattr('sys.argv', ['step_cost.py', '--data-root', str(tmp_path)])
    assert step_cost.main() == 2
    assert (
        f'benchmarks.training.step_cost: {tmp_path}/lists/verb_split1_subjects-P20-P26/val.txt is missing'
        in capsys.readouterr().err
    )


@pytest.mark.long
def test_hooks_are_measured_for_samples_and_for_validations(run):
    status, page, results = run(hook_cost, 'hook_cost', '--classes', 3, '--validations', 6, '--samples', 64)
    assert status == 0
    seeding, hook = rows_of(page)[:5], rows_of(page)[5:]
    assert [cells[0] for cells in hook] == ['3 classes, without live report', '3 classes, with live report']
    measured = results['numbers']['seeding']
    assert [cells[0] for cells in seeding] == list(measured)
    assert measured['sample, seeded in a worker']['median'] > measured['sample, not seeded']['median']
    assert all(len(values['ms']) == 6 for values in results['numbers']['hook'].values())


def test_reports_are_timed_at_every_size(run):
    options = ['--classes', 3, 5, '--epochs', 2, 4]
    status, page, content = run(report_cost, 'report_cost', *options)
    assert status == 0
    assert [row[0] for row in rows_of(page)] == ['3 classes, 2 epochs', '5 classes, 4 epochs'] == [*content['numbers']]
    for cost in content['numbers'].values():
        assert all(value > 0 for value in cost.values())


@pytest.mark.parametrize(('config', 'frames'), [('slowfast_ce', 32), ('i3d_ce', 32), ('reference_ce', 10)])
@pytest.mark.parametrize('reader', ['pack', 'frames'])
def test_the_clips_of_networks_are_those_of_their_configs(config, frames, reader, repository, monkeypatch):
    monkeypatch.setenv('EGTEA_READER', reader)  # packs are resized by their decoder
    assert config in model_cost.CONFIGS
    assert model_cost.clip_shape(Config.fromfile(repository / f'configs/egtea/{config}.py')) == (frames, 224)
