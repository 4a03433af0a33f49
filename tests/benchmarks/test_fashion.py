"""The plan of real pictures: its draws, configs, studies and page, from images and results that are made up."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.harness.results import REPOSITORY
from benchmarks.methods import run as run_command
from benchmarks.methods import studies
from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.data import Place, frozen_name, make_place, named_place
from benchmarks.methods.fashion import draws
from benchmarks.methods.fashion.draws import HARD_FIRST, HARD_FREQUENT, MILD, VARIANTS
from benchmarks.methods.fashion.page import render_fashion
from benchmarks.methods.fashion.plan import EXPLORED_DRAWS, FASHION, FASHION_ITEMS
from benchmarks.methods.results import Runs
from benchmarks.methods.run_config import Run, build_config
from benchmarks.methods.steady.plan import ARMS
from tests.support.image_files import write_idx_folder

PLAN = (REPOSITORY / 'docs/methods/fashion_plan.md').read_text()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """40 training and 2 test images of every class in the place of Fashion-MNIST, cut to 20 of the largest class."""
    write_idx_folder(tmp_path / 'source', train=40, test=2)
    monkeypatch.setattr(draws, 'SOURCE', tmp_path / 'source')
    monkeypatch.setattr(draws, 'LARGEST', 20)


def config_of(name, tmp_path, variant=''):
    arm = FASHION.arms[name]
    place = Place('fashion', 80, '/nowhere', 'abc', variant=variant)
    return build_config(Run(arm.method, 80, place, arm.setting_on('fashion')), tmp_path)


def test_a_draw_has_an_order_of_frequencies_of_its_own(source, tmp_path):
    orders = set()
    for seed in (80, 81):
        place = make_place('fashion', seed, tmp_path)
        made = json.loads((tmp_path / f'fashion_{seed}/manifest.json').read_text())
        orders.add(tuple(made['classes_largest_first']))
        assert made['images_per_class']['val'] == [15] * 10
        assert max(made['images_per_class']['train_imb100']) == max(made['images_per_class']['train_imb10']) == 20
        assert frozen_name(place) == f'fashion {seed}'
    assert len(orders) == 2
    assert len({make_place('fashion', seed, tmp_path).sha256 for seed in (80, 81)}) == 2
    assert make_place('fashion', 80, tmp_path, variant=MILD).sha256 == make_place('fashion', 80, tmp_path).sha256


def test_the_hard_classes_can_be_the_frequent_ones(source, tmp_path):
    place = make_place('fashion', 80, tmp_path, variant=HARD_FREQUENT)
    made = json.loads((tmp_path / 'fashion_hard_classes_frequent_80/manifest.json').read_text())
    assert made['classes_largest_first'] == list(HARD_FIRST)
    assert ','.join(map(str, HARD_FIRST)) in PLAN
    assert frozen_name(place) == f'fashion {HARD_FREQUENT} 80'


def test_without_the_source_a_draw_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(draws, 'SOURCE', tmp_path / 'none')
    with pytest.raises(FileNotFoundError, match='dataset-fashion-mnist'):
        make_place('fashion', 80, tmp_path)


def test_every_arm_has_the_config_that_its_name_says(tmp_path):
    configs = {name: config_of(name, tmp_path) for name in FASHION.arms if name != 'bs_bias'}
    assert len({repr(config._cfg_dict) for config in configs.values()}) == len(configs)
    for name, config in configs.items():
        assert config.default_scope == 'mmpretrain'
        assert config.model.type == 'ImageClassifier'
        assert config.train_cfg.max_epochs == 20
        assert 'cls_head' not in config.model
        assert config.test_dataloader.dataset.ann_file == '/nowhere/lists/test.txt'
        joined = '/nowhere/lists/train_imb100_and_val.txt'
        expected = joined if METHODS[FASHION.arms[name].method].joins else '/nowhere/lists/train_imb100.txt'
        assert config.train_dataloader.dataset.ann_file == expected
    losses = {name: config.model.head.loss for name, config in configs.items()}
    assert losses['ce'].type == losses['cdbs'].type == losses['balanced'].type == 'CrossEntropyLoss'
    assert losses['cdbw'] == {'type': 'CDBLoss', 'tau': 0.5}
    assert losses['cdba'] == {'type': 'CDBLoss', 'law': 'accumulated', 'strength': 9}
    assert losses['bs_cdba'] == {**losses['cdba'], 'strength': 3, 'logit_adjustment': 1.0} == losses['bs_all_cross_fit']
    assert losses['bs'].logit_adjustment == losses['bs_all'].logit_adjustment == 1.0
    assert (losses['cb'].type, losses['cb'].beta) == ('ClassBalancedLoss', 0.99)
    assert (losses['ldam_drw'].type, losses['ldam_drw'].scale, losses['ldam_drw'].drw_begin) == ('LDAMLoss', 10, 0.8)
    head = configs['ldam_drw'].model.head
    assert (head.type, head['head'], head.classifier) == ('ClassifierHead', 'LinearClsHead', 'normalized')
    assert configs['cdbs'].train_dataloader.sampler == {'type': 'CDBSampler', 'tau': 1, 'shuffle': True}
    balanced = configs['balanced'].train_dataloader.sampler
    assert (balanced.type, balanced.frequency_power) == ('ClassSampler', 0)
    hooks = {name: config.custom_hooks[0] for name, config in configs.items()}
    assert hooks['cdba'].momentum == hooks['bs_cdba'].momentum == 'mean'
    assert 'momentum' not in hooks['cdbw']
    assert hooks['ce'].observe_only


def test_a_mild_imbalance_is_another_list_of_the_same_draw(tmp_path):
    assert config_of('bs', tmp_path, MILD).train_dataloader.dataset.ann_file == '/nowhere/lists/train_imb10.txt'
    assert config_of('bs', tmp_path, HARD_FREQUENT).train_dataloader.dataset.ann_file.endswith('train_imb100.txt')


def test_settings_are_those_of_egtea_mini():
    shared = FASHION.arms.keys() & ARMS.keys()
    assert shared == ARMS.keys()
    for name in shared:
        assert FASHION.arms[name].setting_on('fashion') == ARMS[name].setting_on('mini')


def study(name, seeds, tmp_path, monkeypatch):
    def place(data, seed, folder, **limits):
        return replace(named_place(data, seed, **limits), root='/none', sha256='abc')

    monkeypatch.setattr(studies, 'make_place', place)
    monkeypatch.setattr(studies, 'freeze', lambda places: None)
    args = argparse.Namespace(data='fashion', seeds=seeds, methods=None, folder=tmp_path, out=tmp_path)
    return list(getattr(studies.Studies(args), name)())


def test_the_studies_are_those_of_the_plan(tmp_path, monkeypatch):
    runs = study('fashion', [80], tmp_path, monkeypatch)
    assert [run.method for run in runs] == [arm.method for arm in FASHION.arms.values()]
    explored = study('fashion_exploratory', [80, 84], tmp_path, monkeypatch)
    assert len(explored) == len({run.key for run in [*runs, *explored]}) - len(runs) == 18
    assert {run.place.variant for run in explored} == set(VARIANTS)
    for name, seed in (('fashion', 90), ('fashion_exploratory', 85)):
        with pytest.raises(ValueError, match='the plan has 80-8'):
            study(name, [seed], tmp_path, monkeypatch)


@pytest.mark.parametrize('words', [['steady', '--data', 'fashion'], ['fashion', '--data', 'mini']])
def test_a_study_of_other_data_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        run_command.main(words)
    assert 'fashion and fashion_exploratory are on fashion, the others not' in capsys.readouterr().err


def made_up(name, arm, seed, right, study_name):
    run = Run(arm.method, seed, named_place('fashion', seed, variant=arm.variant), arm.setting_on('fashion'))
    return {
        'key': run.key,
        'study': study_name,
        'method': run.method,
        'seed': seed,
        'setting': json.loads(json.dumps(run.setting)),
        **run.place.named,
        'metrics': {'mean1': right / 1000},
        'num_clips': [1000] * 10,
        'num_correct': [right] * 10,
        'train_counts': [*range(20, 30)],
        'restlessness': None,
        'seconds': 360.0,
        'cpu_seconds': 360.0,
        'commit': 'abc',
        'machine': {'cores': 2, 'processor': 'CPU', 'torch': '2'},
    }


def test_the_page_has_the_tests_of_its_own_plan_alone():
    assert '0 of 120 planned runs' in render_fashion(Runs([]))
    entries = [
        made_up(name, arm, seed, 700 + 10 * place + seed % 3 * place, 'fashion')
        for place, (name, arm) in enumerate(FASHION.arms.items())
        for seed in FASHION.draws['fashion']
    ]
    entries += [
        made_up(name, arm, seed, 500 + 10 * place, 'fashion_exploratory')
        for item in FASHION_ITEMS
        for place, (name, arm) in enumerate(item.arms.items())
        for seed in EXPLORED_DRAWS
    ]
    page = render_fashion(Runs(entries))
    assert '- Fashion-MNIST: 120 of 120 planned runs, 10 of 10 draws are whole.' in page
    rows = [line for line in page.splitlines() if line.startswith(('| 1 |', '| 2 |', '| 3 |', '| 4 |'))]
    assert [row.split('|')[3].strip() for row in rows] == [
        f'`{test.first}` - `{test.second}`' for test in FASHION.tests
    ]
    gains = np.array([10 + seed % 3 for seed in FASHION.draws['fashion']]) / 10
    assert f'**+{gains.mean():.1f} (' in rows[1]
    assert '`bs_cdba, imbalance 10` - `bs, imbalance 10` | 5 | +20.0' not in page
    assert '`bs_cdba, imbalance 10` - `bs, imbalance 10` | 5 | +2.0' in page
    assert '`cdbw, hard classes frequent` - `ce, hard classes frequent` | 5 | +2.0' in page
    assert 'nan' not in page


def test_the_plan_names_all_that_is_run_and_tested():
    for name in FASHION.arms:
        assert f'| `{name}` |' in PLAN
    for test in FASHION.tests:
        measure = {'hmean': 'hmean', 'mean1': 'mean'}[test.measure]
        assert f'| {test.number} | `{test.first}` | `{test.second}` | {measure} |' in PLAN
    assert 'correction over these four' in PLAN
    assert len(FASHION.tests) == 4
