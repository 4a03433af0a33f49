"""benchmarks/methods.py: what is run, what is kept, what is chosen; and the statistics of its page."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).resolve().parents[1] / 'benchmarks'
sys.path.insert(0, str(BENCHMARKS))

import method_statistics  # noqa: E402
import methods  # noqa: E402
from method_data import Place  # noqa: E402
from method_list import BUDGET, METHODS  # noqa: E402
from method_runs import CONFIGS, Run, build_config  # noqa: E402

DIGITS = Place('digits', 3, '/nowhere', 'abc', 60, 20)
MINI = Place('mini', 0, '/nowhere', 'abc')


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
    driven = not config.custom_hooks[0].get('observe_only', False) and not METHODS[name].joins
    assert config.train_cfg.val_interval == (1 if driven else config.train_cfg.max_epochs)
    uses = 'CDB' in repr(config.train_dataloader.sampler) + repr(config.model.cls_head.get('loss_cls'))
    assert driven or METHODS[name].joins or not uses


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
    chosen = methods.choose(results, 'digits')
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
        methods.choose(results, 'digits')


def test_a_family_that_is_compared_must_be_tuned_and_others_need_not():
    results = [entry for entry in tuning_results({}) if entry['method'] not in ('mixup', 'cdbws')]
    chosen = methods.choose(results, 'digits')
    assert 'mixup' not in chosen['settings']
    with pytest.raises(ValueError, match='repeat has not been tuned on digits'):
        methods.choose([entry for entry in results if entry['method'] != 'repeat'], 'digits')
    with pytest.raises(ValueError, match='has not been tuned on mini'):
        methods.choose(results, 'mini')


def test_results_of_comparisons_do_not_tune():
    results = tuning_results({'cdbw': 1})
    others = [{**entry, 'seed': entry['seed'] - 1000, 'metrics': {'mean1': 9.0}} for entry in tuning_results({})]
    assert methods.choose(results + others, 'digits') == methods.choose(results, 'digits')


def test_torn_last_line_is_left_out_and_a_torn_earlier_one_is_an_error(tmp_path):
    path = tmp_path / 'methods.jsonl'
    path.write_text('{"key": "a"}\n{"key": "b"}\n{"ke')
    assert list(methods.read_results(path)) == ['a', 'b']
    path.write_text('{"key": "a"}\n{"ke\n{"key": "b"}\n')
    with pytest.raises(ValueError, match='Unterminated'):
        methods.read_results(path)


def test_holm_is_that_of_its_definition():
    assert method_statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert method_statistics.holm([0.6, 0.7]) == [1.0, 1.0]


def test_paired_comparison_is_that_of_scipy():
    rng = np.random.default_rng(0)
    first, second = (dict(enumerate(rng.normal(0.7, 0.05, 10))) for _ in range(2))
    second[99] = 0.1  # has no partner
    found = method_statistics.compare_paired(first, second)
    expected = stats.ttest_rel([first[k] for k in range(10)], [second[k] for k in range(10)])
    assert found.number == 10
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    with pytest.raises(ValueError, match='1 seeds in common'):
        method_statistics.compare_paired({0: 0.5}, {0: 0.4, 1: 0.3})


@pytest.mark.slow
def test_runs_are_kept_resumed_and_rendered(tmp_path):
    """A first stage, a run on it, and the same command again."""
    options = ['--seeds', '0-0', '--epochs', '2', '--folder', str(tmp_path / 'data'), '--out', str(tmp_path)]

    def run(*arguments):
        command = [sys.executable, str(BENCHMARKS / 'methods.py'), *arguments, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    methods_run = ['exploratory', '--methods', 'ce', 'tau_norm', 'balanced']
    assert '3 runs, 3 to do' in run(*methods_run)
    entries = [json.loads(line) for line in (tmp_path / 'methods.jsonl').read_text().splitlines()]
    assert [entry['method'] for entry in entries] == ['ce', 'tau_norm', 'balanced']
    for entry in entries:
        assert entry['num_clips'] == [50] * 10
        assert entry['metrics']['mean1'] == pytest.approx(np.mean(np.divide(entry['num_correct'], 50)))
        assert max(entry['train_counts']) == 100
    assert entries[1]['chosen'] is not None
    first = entries[0]['num_correct']
    assert '3 runs, 0 to do' in run(*methods_run)
    (tmp_path / 'methods.jsonl').write_text('')
    assert '1 to do' in run('exploratory', '--methods', 'ce')
    assert json.loads((tmp_path / 'methods.jsonl').read_text())['num_correct'] == first  # the same again
