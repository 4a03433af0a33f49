"""Plans of sweeps: seeds, the order of runs, and which settings of a config count."""

from pathlib import Path

import pytest

from cdb_video.sweep.plan import SweptConfig, finished_runs, make_plan, parse_seeds
from cdb_video.sweep.record import RunRecord

CONFIG = """
model = dict(type='ToyModel')
train_dataloader = dict(batch_size=8, num_workers=0)
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(type='LoggerHook', interval=5), checkpoint=dict(type='CheckpointHook', interval=1))
"""


@pytest.fixture(autouse=True)
def _desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in 'ab':
        Path(f'{name}.py').write_text(CONFIG)


@pytest.mark.parametrize(
    ('text', 'seeds'),
    [
        ('0', [0]),
        ('0-4', [0, 1, 2, 3, 4]),
        ('3,0,7', [0, 3, 7]),
        ('0-2, 10,1', [0, 1, 2, 10]),
        ('4294967295', [2**32 - 1]),
    ],
)
def test_seeds_are_numbers_and_ranges_each_once(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize('text', ['', '-1', '4-0', 'a', '0-', '1.5', '4294967296', '0,,1'])
def test_what_is_no_seed_is_refused(text):
    with pytest.raises(ValueError, match=r'must be a whole number, or a range as 0-4, from 0 to 4294967295'):
        parse_seeds(text)


def test_a_range_that_nobody_means_is_refused_before_it_is_counted_out():
    with pytest.raises(ValueError, match='--seeds 0-4294967295: 4294967296 seeds; at most 10000'):
        parse_seeds('0-4294967295')


def test_all_configs_are_run_with_a_seed_before_the_next_seed():
    runs = make_plan(['b.py', 'a.py'], [2, 5], Path('out'), {})
    assert [(run.config.name, run.seed, str(run.folder)) for run in runs] == [
        ('b', 2, 'out/b/seed_2'), ('a', 2, 'out/a/seed_2'), ('b', 5, 'out/b/seed_5'), ('a', 5, 'out/a/seed_5'),
    ]  # fmt: skip
    assert not Path('out').exists()


@pytest.mark.parametrize(
    ('options', 'changed'),
    [
        ({'train_cfg.max_epochs': 3}, {'train_cfg'}),
        ({'train_dataloader.batch_size': 4}, {'train_dataloader'}),
        ({'default_hooks.checkpoint.interval': 2}, {'default_hooks'}),
        ({'load_from': 'a.pth'}, {'load_from'}),
        ({'val_evaluator.type': 'ClassAccuracy'}, {'val_evaluator'}),
        ({'train_dataloader.num_workers': 4}, set()),
        ({'default_hooks.logger.interval': 50}, set()),
        ({'log_level': 'ERROR', 'work_dir': 'elsewhere'}, set()),
    ],
)
def test_settings_that_change_what_comes_out_count(options, changed):
    before, after = (SweptConfig.read('a.py', some).settings for some in ({}, options))
    assert {name for name in {**before, **after} if before.get(name) != after.get(name)} == changed


def test_a_record_is_read_as_it_was_written_and_only_finished_runs_are_compared():
    for name, seed, is_finished in (('b', 10, True), ('b', 9, True), ('a', 0, True), ('a', 1, False), ('c', 0, False)):
        record = RunRecord(f'{name}.py', seed, {'model': '0a'}, is_finished)
        record.write(Path('out', name, f'seed_{seed}'))
        assert RunRecord.read(Path('out', name, f'seed_{seed}')) == record
    assert RunRecord.read(Path('out/d')) is None
    runs = {'b': [Path('out/b/seed_9'), Path('out/b/seed_10')], 'a': [Path('out/a/seed_0')]}
    assert list(finished_runs(Path('out'), ['b', 'c']).items()) == list(runs.items())
    assert list(finished_runs(Path('out'))) == ['a', 'b']


def test_a_begun_run_without_a_checkpoint_may_change_and_one_with_a_checkpoint_not():
    (run,) = make_plan(['a.py'], [0], Path('out'), {})
    run.record(is_finished=False).write(run.folder)
    assert make_plan(['a.py'], [0], Path('out'), {'train_cfg.max_epochs': 3})
    (run.folder / 'epoch_1.pth').touch()
    assert not make_plan(['a.py'], [0], Path('out'), {})[0].is_finished
    with pytest.raises(
        ValueError, match=r'a.py is not what it was for 1 run \(out/a/seed_0\): it differs in train_cfg'
    ):
        make_plan(['a.py'], [1], Path('out'), {'train_cfg.max_epochs': 3})
