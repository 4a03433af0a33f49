"""The runs of the methods: what is run, what is kept, what is chosen; and the statistics of its page."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, init_default_scope
from scipy import stats

from benchmarks.methods import page, paired_tests, studies, tuning
from benchmarks.methods import run as runs_of_methods
from benchmarks.methods.catalogue import BUDGET, LOSS, METHODS
from benchmarks.methods.data import Place, keep_frames
from benchmarks.methods.results import end_last_line, metric, read_results
from benchmarks.methods.run_config import CONFIGS, Run, build_config

pytestmark = pytest.mark.training

DIGITS = Place('digits', 3, '/nowhere', 'abc', 60, 20)
MINI = Place('mini', 0, '/nowhere', 'abc')


@pytest.fixture(autouse=True)
def _environment():
    """Configs are told their data by variables, which are to reach no other test."""
    with mock.patch.dict(os.environ):
        yield


@pytest.mark.parametrize('name', METHODS)
def test_every_method_has_a_config_and_at_most_the_budget_of_settings(name):
    method = METHODS[name]
    assert (CONFIGS / 'egtea/mini' / f'{method.leaf}.py').is_file()
    assert 1 <= len(method.choices) <= BUDGET
    configs = [build_config(Run(name, 0, MINI, dict(setting)), Path('work')) for setting in method.choices]
    assert len({repr(config._cfg_dict) for config in configs}) == len(configs)  # each choice changes something


@pytest.mark.parametrize('name', METHODS)
def test_digits_take_the_place_of_mini_and_leave_the_method(name):
    setting = dict(METHODS[name].choices[-1])
    mini, digits = (build_config(Run(name, 5, place, setting), Path('work')) for place in (MINI, DIGITS))
    assert digits.train_dataloader.sampler == mini.train_dataloader.sampler
    assert digits.custom_hooks == mini.custom_hooks
    assert digits.model.cls_head.get('loss_cls') == mini.model.cls_head.get('loss_cls')
    assert digits.model.cls_head.num_classes == 10
    joined = '_and_val_20' if METHODS[name].joins else ''
    assert digits.train_dataloader.dataset.ann_file == f'/nowhere/lists/train_imb60{joined}.txt'
    assert digits.model.backbone.type == 'ResNet3d'
    assert 'I3DHead' in (digits.model.cls_head.type, digits.model.cls_head.get('head'))
    assert digits.test_dataloader.dataset.ann_file == '/nowhere/lists/test.txt'
    assert digits.randomness.seed == 5
    blending = digits.model.data_preprocessor.get('blending')
    assert blending is None or blending.num_classes == 10


@pytest.mark.parametrize('name', METHODS)
def test_only_what_nothing_depends_on_is_left_out_of_validation(name):
    config = build_config(Run(name, 0, DIGITS, dict(METHODS[name].choices[-1])), Path('work'))
    hook = config.custom_hooks[0]
    driven = not hook.get('observe_only', False) and hook.get('source') != 'train' and not METHODS[name].joins
    assert config.train_cfg.val_interval == (1 if driven else config.train_cfg.max_epochs)
    loss = config.model.cls_head.get('loss_cls') or {}
    uses = config.train_dataloader.sampler.type == 'CDBSampler' or loss.get('tau', 0) != 0
    assert driven or METHODS[name].joins or hook.get('source') == 'train' or not uses


def test_runs_are_told_apart_by_what_matters():
    run = Run('cdbw', 0, DIGITS, {'a': 1})
    assert run.key == Run('cdbw', 0, Place('digits', 3, '/elsewhere', 'abc', 60, 20), {'a': 1}).key
    others = [
        Run('cdbs', 0, DIGITS, {'a': 1}),
        Run('cdbw', 1, DIGITS, {'a': 1}),
        Run('cdbw', 0, DIGITS, {'a': 2}),
        Run('cdbw', 0, Place('digits', 3, '/nowhere', 'abc', 10, 20), {'a': 1}),
        Run('cdbw', 0, Place('digits', 4, '/nowhere', 'abc', 60, 20), {'a': 1}),
    ]
    assert len({one.key for one in [run, *others]}) == 6


def tuning_results(best):
    """A result of each setting on two seeds; the setting that `best` names by its place is the best."""
    return [
        {
            'data': 'digits',
            'method': name,
            'seed': seed,
            'setting': json.loads(json.dumps(setting)),
            'metrics': {'mean1': 0.5 + 0.01 * seed % 1 + (0.2 if place == best.get(name, 0) else 0.0)},
        }
        for name, method in METHODS.items()
        if method.is_tuned
        for place, setting in enumerate(method.choices)
        for seed in (1000, 1001)
    ]


def test_tuning_chooses_the_best_mean_and_the_best_of_a_family():
    results = tuning_results({'cdbw': 2, 'cdbs': 1})
    for entry in results:
        entry['metrics']['mean1'] += 0.1 * (entry['method'] in ('ldam_drw', 'progressive'))
    chosen = tuning.choose(results, 'digits')
    assert chosen['settings']['cdbw'] == METHODS['cdbw'].choices[2]
    assert chosen['settings']['cdbs'] == METHODS['cdbs'].choices[1]
    assert chosen['settings']['focal'] == METHODS['focal'].choices[0]
    assert chosen['best']['frequency weighting'] == 'ldam_drw'
    assert chosen['best']['frequency sampling'] == 'progressive'
    assert chosen['seeds'] == [1000, 1001]


def test_tuning_on_unequal_seeds_is_refused():
    results = tuning_results({})
    results.remove(next(entry for entry in results if entry['method'] == 'cdbw'))
    with pytest.raises(ValueError, match=r'cdbw .* has run on the seeds \[1001\], and tuning on \[1000, 1001\]'):
        tuning.choose(results, 'digits')


def test_a_family_that_is_compared_must_be_tuned_and_others_need_not():
    results = [entry for entry in tuning_results({}) if entry['method'] not in ('mixup', 'cdbws')]
    chosen = tuning.choose(results, 'digits')
    assert 'mixup' not in chosen['settings']
    with pytest.raises(ValueError, match='repeat has not been tuned on digits'):
        tuning.choose([entry for entry in results if entry['method'] != 'repeat'], 'digits')
    with pytest.raises(ValueError, match='has not been tuned on mini'):
        tuning.choose(results, 'mini')


def test_results_of_comparisons_do_not_tune():
    results = tuning_results({'cdbw': 1})
    others = [{**entry, 'seed': entry['seed'] - 1000, 'metrics': {'mean1': 9.0}} for entry in tuning_results({})]
    assert tuning.choose(results + others, 'digits') == tuning.choose(results, 'digits')


def write_tuned(folder, monkeypatch, *names):
    monkeypatch.setattr(tuning, 'TUNED', folder / 'tuned.json')
    tuning.TUNED.write_text(json.dumps(dict.fromkeys(names, tuning.choose(tuning_results({}), 'digits'))))


def exploratory_results(best):
    tuned = tuning.tuned_setting
    return [
        {'data': 'digits', 'method': name, 'seed': seed, 'setting': json.loads(json.dumps(tuned(name, 'digits')))}
        | {'metrics': {'mean1': 0.5 + 0.1 * (name == best)}, 'imbalance': 60, 'val_clips': 20}
        for name, method in METHODS.items()
        if method.family in ('combination', 'frequency margin')
        for seed in range(3)
    ]


def test_the_best_combination_is_that_of_the_exploratory_runs(tmp_path, monkeypatch):
    write_tuned(tmp_path, monkeypatch, 'digits')
    monkeypatch.setitem(tuning.EXPLORATORY_SEEDS, 'digits', range(3))
    results = exploratory_results('cdbw_focal')
    for entry in exploratory_results('cdbws'):  # of other validation clips and of fresh seeds: they do not count
        results += [{**entry, 'val_clips': 5}, {**entry, 'seed': entry['seed'] + tuning.FRESH_SEEDS[0]}]
    assert tuning.best_combination(results, 'digits') == 'cdbw_focal'
    for lacking in (
        [entry for entry in results if entry['method'] != 'cdbw_online'],
        [entry for entry in results if entry['seed'] != 2],
    ):
        with pytest.raises(ValueError, match='not all combinations have run on all seeds'):
            tuning.best_combination(lacking, 'digits')


def test_seeds_beyond_the_plan_do_not_choose_the_best_combination(tmp_path, monkeypatch):
    write_tuned(tmp_path, monkeypatch, 'digits', 'mini')
    results = [{**entry, 'data': 'mini'} for entry in exploratory_results('cdbws')]
    more = {**next(entry for entry in results if entry['method'] == 'cdbw_focal'), 'metrics': {'mean1': 9.0}}
    results += [{**more, 'seed': seed} for seed in range(3, 10)]
    assert tuning.best_combination(results, 'mini') == 'cdbws'
    cases = tuning.confirm_cases(results, 'mini')
    assert cases == [
        ('cdbws', 'balsoftmax', 'mean1'),
        ('cdbws', 'ldam_drw', 'mean1'),
        ('cdbw_balsoftmax', 'balsoftmax', 'mean1'),
        ('cdbw_balsoftmax', 'ldam_drw', 'mean1'),
        ('cdbw', 'ce', 'mean1'),
        ('cdbs', 'ce', 'mean1'),
        ('cdbs', 'balanced', 'worst'),
        ('cdbw_balsoftmax', 'balsoftmax', 'worst'),
    ]


@pytest.mark.parametrize(('data', 'drawn'), [('digits', {0: 0, 2: 2, 20: 20}), ('mini', {0: 0, 2: 0, 20: 20})])
def test_fresh_seeds_have_data_of_their_own(tmp_path, monkeypatch, data, drawn):
    monkeypatch.setattr(studies, 'make_place', lambda data, seed, folder, **limits: Place(data, seed, '/none', 'abc'))
    args = argparse.Namespace(data=data, seeds=list(drawn), methods=['ce'], folder=tmp_path, out=tmp_path)
    runs = studies.Studies(args).exploratory()
    assert {run.seed: run.place.data_seed for run in runs} == drawn


def test_factors_are_tried_with_and_without_cdbw(tmp_path, monkeypatch):
    write_tuned(tmp_path, monkeypatch, 'mini')
    monkeypatch.setattr(studies, 'make_place', lambda data, seed, folder, **limits: Place(data, seed, '/none', 'abc'))
    args = argparse.Namespace(data='mini', seeds=[21], methods=None, folder=tmp_path, out=tmp_path)
    tuned, factor = tuning.tuned_setting('cdbw_balsoftmax', 'mini'), f'{LOSS}.logit_adjustment'
    assert [(run.method, run.setting, run.place.data_seed) for run in studies.Studies(args).factors()] == [
        ('balsoftmax', {factor: 1.0}, 21),
        ('balsoftmax', {factor: 1.5}, 21),
        ('cdbw_balsoftmax', tuned, 21),
        ('cdbw_balsoftmax', {**tuned, factor: 1.5}, 21),
    ]
    leaf = Config.fromfile(CONFIGS / 'egtea/mini/slowfast_cdbw_balsoftmax.py')
    assert leaf.model.cls_head.loss_cls.logit_adjustment == 1  # so the tuned one needs no other name


@pytest.mark.parametrize('study', ['confirm', 'factors'])
def test_only_the_seeds_of_the_plan_confirm(study, tmp_path):
    args = argparse.Namespace(data='mini', seeds=[29, 30], methods=None, folder=tmp_path, out=tmp_path)
    with pytest.raises(ValueError, match=r'the fresh ones are 20-29, got \[30\]'):
        list(getattr(studies.Studies(args), study)())


def test_digits_on_all_clips_have_the_factor_of_those_that_they_are_compared_with():
    assert METHODS['balsoftmax_all'].choices == ({},)
    leaf = Config.fromfile(CONFIGS / 'egtea/mini/slowfast_balsoftmax.py')
    factor = leaf.model.cls_head.loss_cls.logit_adjustment
    assert tuning.tuned_setting('balsoftmax', 'digits') == {f'{LOSS}.logit_adjustment': factor}


def test_result_after_a_torn_line_is_kept(tmp_path):
    path = tmp_path / 'methods.jsonl'
    path.write_text('{"key": "a"}\n{"ke')
    end_last_line(path)
    with path.open('a') as file:
        file.write('{"key": "b"}\n{"key": "c"}\n')
    assert list(read_results(path)) == ['a', 'b', 'c']
    end_last_line(path)
    end_last_line(tmp_path / 'none.jsonl')
    assert len(read_results(path)) == 3


def test_result_that_lacks_only_its_line_end_is_kept(tmp_path):
    path = tmp_path / 'methods.jsonl'
    path.write_text('{"key": "a"}\n{"key": "b"}')
    end_last_line(path)
    assert path.read_text() == '{"key": "a"}\n{"key": "b"}\n'


def test_torn_last_line_is_left_out_and_a_torn_earlier_one_is_an_error(tmp_path):
    path = tmp_path / 'methods.jsonl'
    path.write_text('{"key": "a"}\n{"key": "b"}\n{"ke')
    assert list(read_results(path)) == ['a', 'b']
    path.write_text('{"key": "a"}\n{"ke\n{"key": "b"}\n')
    with pytest.raises(ValueError, match='Unterminated'):
        read_results(path)


def made_up(method, seed, gain, data='digits', **changes):
    """A run of three classes; `gain` is what its method has above cross-entropy, in [0, 1]."""
    correct = np.rint(50 * (np.array([0.6, 0.5, 0.2]) + gain))
    correct[0] += np.random.default_rng([seed, len(method)]).integers(0, 5)
    return {
        'key': f'{data} {method} {seed} {changes}',
        'data': data,
        'method': method,
        'seed': seed,
        'data_seed': tuning.data_seed_of(data, seed),
        'setting': json.loads(json.dumps(tuning.tuned_setting(method, data))),
        'imbalance': 60,
        'val_clips': 20,
        'metrics': {'mean1': float(correct.mean() / 50), 'top1': 0.6, 'few_shot': 0.2},
        'num_clips': [50] * 3,
        'num_correct': correct.tolist(),
        'train_counts': [100, 10, 2],
        'difficulty': [0.2, 0.5, 0.7],
        'seconds': 7.0,
        'commit': 'abc',
        'machine': {'cores': 2, 'processor': 'CPU', 'torch': '2'},
    } | changes


def test_harmonic_mean_and_worst_class_of_a_run_come_from_its_counts():
    entry = made_up('ce', 0, 0.0, num_correct=[30, 25, 10])
    assert metric(entry, 'hmean') == pytest.approx(3 / (51 / 30.5 + 51 / 25.5 + 51 / 10.5))
    assert metric(entry, 'worst') == 0.2
    assert metric(entry, 'mean1') == entry['metrics']['mean1']


def test_the_page_says_what_the_runs_say(tmp_path, monkeypatch):
    monkeypatch.setitem(tuning.EXPLORATORY_SEEDS, 'digits', range(4))
    monkeypatch.setattr(tuning, 'TUNED', tmp_path / 'tuned.json')
    results = tuning_results({})
    for entry in results:
        entry['metrics']['mean1'] += 0.1 * (entry['method'] in ('ldam_drw', 'repeat'))
    (tmp_path / 'tuned.json').write_text(json.dumps({'digits': tuning.choose(results, 'digits')}))
    combinations = [name for name, method in METHODS.items() if method.family == 'combination']
    gains = {name: 0.02 for name in combinations} | {'cdbw_balsoftmax': 0.12, 'ce': 0.0, 'cdbw': 0.04, 'cdbs': 0.06}
    gains |= {'ldam_drw': 0.1, 'repeat': 0.1, 'balsoftmax': 0.1, 'ce_all': 0.02, 'cdbw_replayed': 0.08}
    entries = [made_up(name, seed, gain) for name, gain in gains.items() for seed in range(4)]
    entries += [made_up(name, 20 + k, gains[name]) for name in ('cdbw_balsoftmax', 'balsoftmax') for k in range(3)]
    for entry in entries:
        if entry['method'] in ('ce_all', 'cdbw_replayed'):  # no class has few clips there
            entry['metrics']['few_shot'] = float('nan')
    factor = {f'{LOSS}.logit_adjustment': 1.0}
    entries += [made_up('balsoftmax', 20 + k, 0.08, setting=factor) for k in range(3)]
    entries.append(made_up('ce', 1000, 0.5))  # of the tuning
    entries.append(made_up('cdbw_balsoftmax', 23, 0.9, data_seed=0))  # on another data set
    run = Run('cdbs', 4, Place('digits', 4, '/nowhere', 'abc', 60, 20), tuning.tuned_setting('cdbs', 'digits'))
    entries.append({**made_up('cdbs', 4, 0.0), **runs_of_methods.diverged_entry(run)})
    (tmp_path / 'methods.jsonl').write_text('\n'.join(map(json.dumps, entries)) + '\n')
    arguments = ['--results', str(tmp_path / 'methods.jsonl'), '--out', str(tmp_path / 'page.md')]
    assert page.main(arguments) == 0
    primary, rest = (tmp_path / 'page.md').read_text().split('## All methods')
    for first, second in (('cdbw', 'ce'), ('cdbs', 'repeat')):
        values = [
            [entry['metrics']['mean1'] for entry in entries if entry['method'] == name and entry['seed'] < 20]
            for name in (first, second)
        ]
        expected = stats.ttest_rel(*(value[:4] for value in values))
        low, high = (100 * end for end in expected.confidence_interval())
        difference = 100 * (np.mean(values[0][:4]) - np.mean(values[1][:4]))
        row = f'`{first}` - `{second}` | 4 | {difference:+.1f} ({low:+.1f} to {high:+.1f}) | {expected.pvalue:.2g} |'
        assert row in primary
    assert '4 of 8 comparisons have not run yet' in primary
    assert 'Best of the combinations of the exploratory runs: `cdbw_balsoftmax`' in rest
    assert '`cdbw_balsoftmax` - `balsoftmax` | mean class accuracy | 3 | +' in rest
    assert '1 of 2 comparisons have not run yet' in rest
    confirmation = rest.split('## Confirmation on fresh seeds')[1]
    assert '| `cdbw_balsoftmax` | combination | 3 |' in confirmation
    assert '| `balsoftmax` | frequency margin | 3 |' in confirmation
    for row in ('`balsoftmax`, 1', '`cdbw_balsoftmax`, 1', 'difference at 1'):
        assert f'| {row} | 3 | ' in confirmation
    assert '`cdbw_replayed` - `ce_all` | 4 | +' in rest
    assert f'{len(entries) - 1} runs' in rest
    assert '1 diverged twice, and count as chance' in rest
    assert '| `cdbs` (1 diverged) | difficulty | 5 |' in rest
    assert 'nan' not in rest
    assert (tmp_path / 'images/methods_digits.png').is_file()


def test_a_run_that_diverges_twice_counts_as_chance_and_another_failure_as_nothing(tmp_path, monkeypatch):
    def play(run, folder):
        with (folder / run.method).open('a') as file:
            file.write('x')
        if run.method == 'cdbw' or (run.method == 'cdbs' and (folder / 'cdbs').read_text() == 'x'):
            raise FloatingPointError('nan')
        if run.method == 'cb':
            raise ModuleNotFoundError('no such module')
        return {'method': run.method, 'metrics': {'mean1': 0.9}}

    monkeypatch.setattr(runs_of_methods, 'play', play)
    kept = []
    runs = [Run(name, 0, DIGITS) for name in ('ce', 'cdbw', 'cdbs', 'cb')]
    assert runs_of_methods.work_off(runs, argparse.Namespace(jobs=1, folder=tmp_path), kept.append) == 1
    assert {entry['method']: entry['metrics']['mean1'] for entry in kept} == {'ce': 0.9, 'cdbw': 0.1, 'cdbs': 0.9}
    tries = {run.method: len((tmp_path / run.method).read_text()) for run in runs}
    assert tries == {'ce': 1, 'cdbw': 2, 'cdbs': 2, 'cb': 2}
    (lost,) = (entry for entry in kept if entry['method'] == 'cdbw')
    assert lost['diverged']
    assert np.mean(np.divide(lost['num_correct'], lost['num_clips'])) == pytest.approx(0.1)


def test_paired_comparison_is_that_of_scipy():
    rng = np.random.default_rng(0)
    first, second = (dict(enumerate(rng.normal(0.7, 0.05, 10))) for _ in range(2))
    second[99] = 0.1  # has no partner
    found = paired_tests.compare_paired(first, second)
    expected = stats.ttest_rel([first[k] for k in range(10)], [second[k] for k in range(10)])
    assert found.number == 10
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    with pytest.raises(ValueError, match='1 seeds in common'):
        paired_tests.compare_paired({0: 0.5}, {0: 0.4, 1: 0.3})


def check_that_frames_are_those_of_the_decoder(root):
    """A run reads from memory what the config of the digits decodes."""
    init_default_scope('mmaction')
    config = build_config(Run('ce', 0, Place('digits', 0, str(root), 'abc', 60, 20)), Path('work'))
    plain = Config.fromfile(CONFIGS / 'digits/i3d_ce.py')
    remembered, decoded = (Compose(one.test_dataloader.dataset.pipeline) for one in (config, plain))
    for path in sorted((root / 'videos').rglob('*.mp4'))[::200]:
        clip = {'filename': str(path), 'label': 3, 'start_index': 0, 'modality': 'RGB'}
        found, expected = remembered(dict(clip))['inputs'], decoded(dict(clip))['inputs']
        assert found.shape == (1, 3, 8, 32, 32)
        assert torch.equal(found, expected)


@pytest.mark.long
def test_frames_in_memory_are_those_that_mini_decodes(tiny_mini, tmp_path):
    root = tmp_path / 'mini'
    shutil.copytree(tiny_mini, root)
    keep_frames('mini', root)
    place = Place('mini', 0, str(root), 'abc')
    init_default_scope('mmaction')
    config = build_config(Run('ce', 0, place), Path('work'))
    plain = Config.fromfile(CONFIGS / 'egtea/mini/slowfast_ce.py')  # with the same variables
    for part in ('train', 'test'):
        found, expected = (DATASETS.build(one[f'{part}_dataloader'].dataset) for one in (config, plain))
        for index in range(0, len(found), 5):
            clips = []
            for dataset in (found, expected):
                np.random.seed(index)
                random.seed(index)
                clips.append(dataset[index]['inputs'])
            assert torch.equal(*clips)


@pytest.mark.long
@pytest.mark.slow
def test_runs_are_kept_resumed_and_rendered(tmp_path, repository):
    """A first stage, a run on it, and the same command again."""
    options = ['--seeds', '0-0', '--epochs', '2', '--folder', str(tmp_path / 'data'), '--out', str(tmp_path)]

    def run(*arguments):
        command = [sys.executable, '-m', 'benchmarks.methods.run', *arguments, *options]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    methods_run = ['exploratory', '--methods', 'ce', 'tau_norm']
    assert '2 runs, 2 to do' in run(*methods_run)
    lines = (tmp_path / 'methods.jsonl').read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry['method'] for entry in entries] == ['ce', 'tau_norm']
    for entry in entries:
        assert entry['num_clips'] == [50] * 10
        assert entry['metrics']['mean1'] == pytest.approx(np.mean(np.divide(entry['num_correct'], 50)))
        assert max(entry['train_counts']) == 100
    assert entries[1]['chosen'] is not None
    check_that_frames_are_those_of_the_decoder(tmp_path / 'data/digits_0')
    (tmp_path / 'methods.jsonl').write_text(f'{lines[0]}\n')
    assert '2 runs, 1 to do' in run(*methods_run)
    again = json.loads((tmp_path / 'methods.jsonl').read_text().splitlines()[1])
    assert (again['method'], again['num_correct']) == ('tau_norm', entries[1]['num_correct'])
