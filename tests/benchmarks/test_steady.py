"""The plan of steady difficulty: its runs, tests, further draws, tables and page, from results that are made up."""

import argparse
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from benchmarks.harness.results import REPOSITORY, RESULTS
from benchmarks.methods import data, page, studies, variants
from benchmarks.methods.cross_fitting import cross_fit_lines
from benchmarks.methods.data import NATURAL, Place, freeze, named_place
from benchmarks.methods.lists import join_lists, labels_of, natural_hold_out, natural_lists, read_lines
from benchmarks.methods.planned_tests import arms_with_more_draws, needs_more_draws, run_tests
from benchmarks.methods.plans import GATE, WIDEST
from benchmarks.methods.results import Runs, metric
from benchmarks.methods.run_config import Run, build_config
from benchmarks.methods.steady.explored import ITEMS
from benchmarks.methods.steady.plan import ARMS, EXPLORED_SECONDS, STEADY
from benchmarks.methods.steady.tables import count_alike, readme_table
from benchmarks.methods.tuning import tuned_setting
from cdb_video.difficulty.accumulated import accumulated_weights
from cdb_video.difficulty.schedule import read_schedule

TESTS, DRAWS, MORE_DRAWS = STEADY.tests, STEADY.draws, STEADY.more_draws
CLASSES = {'mini': 19, 'digits': 10}
MACHINE = {'cores': 2, 'processor': 'CPU', 'torch': '2'}


def made_up(name, data_set, seed, right, **changes):
    """A run of an arm of the plan that tells `right` of 50 clips of every class rightly."""
    arm = changes.pop('arm', None) or ARMS[name]
    place = named_place(data_set, seed, variant=arm.variant)
    run = Run(arm.method, seed, place, arm.setting_on(data_set))
    correct = np.broadcast_to(right, CLASSES[data_set])
    return {
        'key': run.key,
        'study': 'steady',
        'method': run.method,
        'seed': seed,
        'setting': json.loads(json.dumps(run.setting)),
        **place.named,
        'metrics': {'mean1': float(np.mean(correct) / 50)},
        'num_clips': [50] * CLASSES[data_set],
        'num_correct': [int(number) for number in correct],
        'train_counts': [*range(2, 2 + CLASSES[data_set])],
        'difficulty': None,
        'restlessness': {'change': 0.2, 'noise': 0.1},
        'seconds': 3600.0,
        'cpu_seconds': 3600.0,
        'commit': 'abc',
        'machine': MACHINE,
    } | changes


def pairs(test, gains, first_draw=None):
    """Runs of a planned test: the first arm has `gains` more right answers of 50 in every class, draw by draw."""
    begin = DRAWS[test.data][0] if first_draw is None else first_draw
    for place, gain in enumerate(gains):
        yield made_up(test.second, test.data, begin + place, 20 + place % 3)
        yield made_up(test.first, test.data, begin + place, 20 + place % 3 + gain)


def whole(test, mean, spread=1):
    """Gains of all draws of a test, with a given mean and about that spread."""
    number = len(DRAWS[test.data])
    return [mean + spread * (-1) ** place for place in range(number)]


def plan_of(test):
    return replace(STEADY, tests=(test,))


def planned(number, data_set='mini'):
    return next(test for test in TESTS if (test.number, test.data) == (number, data_set))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Runs of a study without data: `made` gets the names of the data sets that were drawn, `frozen` of the frozen."""
    made, frozen = [], []

    def make_place(data_set, seed, folder, **limits):
        made.append((data_set, seed, limits['variant']))
        return replace(named_place(data_set, seed, **limits), root='/none', sha256='abc')

    monkeypatch.setattr(studies, 'make_place', make_place)
    monkeypatch.setattr(studies, 'freeze', lambda places: frozen.extend(place.data_seed for place in places))

    def runs_of(name, data_set, seeds, *entries, methods=None, out=tmp_path):
        (tmp_path / 'methods.jsonl').write_text(''.join(f'{json.dumps(entry)}\n' for entry in entries))
        args = argparse.Namespace(data=data_set, seeds=list(seeds), methods=methods, folder=tmp_path, out=out)
        return getattr(studies.Studies(args), name)()

    return runs_of, made, frozen


@pytest.mark.parametrize('data_set', ['mini', 'digits'])
def test_a_draw_runs_every_method_of_the_plan_on_data_of_its_own(study, data_set):
    runs_of, _, frozen = study
    runs = list(runs_of('steady', data_set, [41, 40]))
    assert [run.seed for run in runs] == [41] * 11 + [40] * 11
    assert {run.place.data_seed for run in runs} == {40, 41} == set(frozen)
    assert [run.method for run in runs[:11]] == [arm.method for arm in ARMS.values()]
    methods = [run.method for run in runs[:11]]
    assert methods.index('balsoftmax') < methods.index('bs_bias')
    for name in ('cdbs', 'ldam_drw', 'ce', 'balanced'):
        assert runs[methods.index(name)].setting == tuned_setting(name, data_set)
    tau = {'mini': 1, 'digits': 0.5}[data_set]
    assert runs[methods.index('cdbs')].setting == {'train_dataloader.sampler.tau': tau}
    assert runs[methods.index('cdbw')].setting == {'model.cls_head.loss_cls.tau': 0.5}
    assert len({run.key for run in runs}) == 22


def test_what_is_done_is_neither_run_nor_drawn_again(study):
    runs_of, made, _ = study
    done = [made_up(name, 'digits', 40, 20) for name in ARMS]
    assert list(runs_of('steady', 'digits', [40], *done)) == []
    assert made == []
    assert [run.method for run in runs_of('steady', 'digits', [40], *done[1:])] == ['balsoftmax']


@pytest.mark.parametrize(
    ('name', 'data_set', 'seed', 'message'),
    [
        ('steady', 'mini', 39, r'40-59 on mini, got \[39\]'),
        ('steady', 'digits', 80, r'40-79 on digits, got \[80\]'),
        ('steady', 'digits', 1000, r'\[1000\] are for trying'),
        ('steady', 'mini', 60, 'is decided when all of 40-59 have run'),
        ('steady_exploratory', 'mini', 45, r'40-44 on mini, got \[45\]'),
        ('steady_exploratory', 'digits', 40, 'give --data mini'),
    ],
)
def test_only_the_draws_of_the_plan_run(study, name, data_set, seed, message):
    with pytest.raises(ValueError, match=message):
        list(study[0](name, data_set, [seed], out=RESULTS if seed == 1000 else Path('/nowhere')))


def test_further_draws_are_of_the_comparisons_that_are_wide(study):
    runs_of, _, _ = study
    wide, narrow = planned(3), [planned(2), planned(4)]
    entries = [*pairs(wide, whole(wide, 0, spread=5))]
    for test in narrow:
        entries += pairs(test, whole(test, 5, spread=1))
    runs = list(runs_of('steady', 'mini', [60, 61], *entries))
    assert Counter(run.method for run in runs) == {'balsoftmax_all': 2, 'bs_all_cross_fit': 2}
    with pytest.raises(ValueError, match='bs_bias against bs gets more draws'):
        list(runs_of('steady', 'mini', [60], *(entry for entry in entries if entry['method'] != 'bs_bias')))


def test_the_width_alone_decides_on_further_draws():
    test = planned(2)
    for mean in (-10, 0, 10):
        for spread, expected in ((1, False), (6, True)):
            runs = Runs(pairs(test, whole(test, mean, spread)))
            assert needs_more_draws(runs, STEADY, test) is expected
            assert run_tests(runs, plan_of(test))[0].draws == (40 if expected else 20)
    assert needs_more_draws(Runs(pairs(test, [6, -6] * 9)), STEADY, test) is None  # 18 draws
    for other in (planned(1), planned(2, 'digits')):
        assert needs_more_draws(Runs(pairs(other, whole(other, 0, 6))), STEADY, other) is None
    assert arms_with_more_draws(
        Runs(entry for number in (2, 3, 4) for entry in pairs(planned(number), whole(planned(number), 0, 6))),
        STEADY,
    ) == {'bs', 'bs_cdba', 'bs_all', 'bs_all_cross_fit', 'bs_bias'}


def test_a_wide_test_is_over_all_its_draws():
    test = planned(3)
    gains = whole(test, 1, spread=6)
    entries = [*pairs(test, gains)]
    assert run_tests(Runs(entries), plan_of(test))[0].verdict == 'not whole'
    more = [one + 3 for one in gains]
    entries += pairs(test, more, MORE_DRAWS[0])
    found = run_tests(Runs(entries), plan_of(test))[0]
    assert (found.result.number, found.draws, found.is_whole) == (40, 40, True)
    assert found.mean.difference == pytest.approx(np.mean([*gains, *more]) / 50)


def test_planned_tests_are_paired_and_corrected_over_seven():
    rng = np.random.default_rng(0)
    entries, expected = [], []
    for number, test in enumerate(TESTS):
        gains = rng.integers(-2, 4, len(DRAWS[test.data])) + number % 2
        for place, draw in enumerate(DRAWS[test.data]):
            entries += [
                made_up(test.first, test.data, draw, 20 + gains[place]),
                made_up(test.second, test.data, draw, 20),
            ]
        expected.append(gains)
    # bs is the second arm of two tests: it has 20 in both, so the pairs of one are those of the other.
    found = run_tests(Runs({entry['key']: entry for entry in entries}.values()), STEADY)
    assert [one.test for one in found] == list(TESTS)
    p_values = []
    for one, gains in zip(found, expected, strict=True):
        number = CLASSES[one.test.data]
        shares = {
            'mean1': (20 + gains) / 50 - 20 / 50,
            'hmean': (20.5 + gains) / 51 - 20.5 / 51,  # all classes alike, so their mean of any kind is theirs
        }[one.test.measure]
        assert number in (10, 19)
        assert one.result.difference == pytest.approx(shares.mean())
        p_values.append(stats.ttest_1samp(shares, 0).pvalue)
        assert one.result.p_value == pytest.approx(p_values[-1])
    order = np.argsort(p_values)
    adjusted = np.maximum.accumulate(np.array(p_values)[order] * np.arange(7, 0, -1)).clip(max=1)
    assert [found[index].p_holm for index in order] == pytest.approx(list(adjusted))


def test_a_test_that_is_not_whole_has_no_p_and_counts_as_a_larger_one():
    first, second = planned(1), planned(2)
    entries = [*pairs(first, whole(first, 1, 2)), *[*pairs(second, whole(second, 1, 2))][:-1]]
    found = run_tests(Runs(entries), STEADY)
    assert found[0].p_holm == pytest.approx(7 * found[0].result.p_value)
    assert (found[1].p_holm, found[1].verdict, found[1].result.number) == (None, 'not whole', 19)
    assert {one.verdict for one in found[2:]} == {'not whole'}


@pytest.mark.parametrize(
    ('first', 'second', 'verdict'),
    [
        ([30] * 19, [20] * 19, 'found'),
        ([20] * 19, [30] * 19, 'lost'),
        ([20] * 19, [20] * 19, 'not shown'),
        ([25] * 19, [50] * 10 + [1] * 9, 'gate missed'),  # hmean higher, mean lower
    ],
)
def test_a_gain_counts_only_with_the_mean_not_lower(first, second, verdict):
    test = planned(2)
    entries = []
    for place, draw in enumerate(DRAWS['mini']):
        jitter = (np.arange(19) < place % 5).astype(int)
        entries += [
            made_up(test.first, 'mini', draw, np.minimum(np.array(first) + jitter, 50)),
            made_up(test.second, 'mini', draw, np.array(second)),
        ]
    if verdict == 'not shown':  # on both sides
        entries = [{**entry, 'num_correct': [20] * 19, 'metrics': {'mean1': 0.4}} for entry in entries]
    (found,) = run_tests(Runs(entries), plan_of(test))
    assert found.verdict == verdict


def test_hmean_is_that_of_the_counts_also_of_old_results():
    entry = made_up('bs', 'mini', 40, [0] + [50] * 18)
    expected = 19 / (51 / 0.5 + 18 * 51 / 50.5)
    assert metric(entry, 'hmean') == pytest.approx(expected)
    assert metric(entry, 'worst') == 0
    old = json.loads((RESULTS / 'methods.jsonl').read_text().split('\n', 1)[0])
    assert 'hmean' not in old['metrics']
    assert 0 < metric(old, 'hmean') <= old['metrics']['mean1']


def all_rows():
    return [
        made_up(name, data_set, draw, 10 + 2 * number)
        for data_set in DRAWS
        for draw in DRAWS[data_set]
        for number, name in enumerate(ARMS)
    ]


def test_the_table_of_the_readme_is_of_whole_rows():
    entries = all_rows()
    table = readme_table(Runs(entries)).splitlines()
    assert len(table) == 2 + 9
    row = next(line for line in table if line.startswith('| balanced softmax with cross-fitted'))
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    mean, hmean = f'{100 * 20 / 50:.1f}', f'{100 * 20.5 / 51:.1f}'
    assert cells[1:] == ['yes', *[mean, hmean, mean, mean] * 2]
    assert [line.split('|')[2].strip() for line in table[2:]] == ['no'] * 7 + ['yes'] * 2
    with pytest.raises(ValueError, match='ce has 19 of 20 draws on mini'):
        readme_table(Runs(e for e in entries if (e['method'], e['data'], e['seed']) != ('ce', 'mini', 45)))


def test_the_page_shows_what_has_run_and_leaves_the_earlier_one_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(page, 'draw', lambda runs, folder: ['methods_digits.png', 'methods_mini.png'])
    lines = (RESULTS / 'methods.jsonl').read_text().splitlines()
    earlier = ''.join(f'{line}\n' for line in lines if json.loads(line).get('study') not in STEADY.studies)
    item = ITEMS[2]
    entries = all_rows()
    entries += [
        made_up(name, 'mini', draw, 20 + place, arm=arm, study='steady_exploratory')
        for place, (name, arm) in enumerate(item.arms.items())
        for draw in range(40, 45)
    ]
    path = tmp_path / 'methods.jsonl'
    path.write_text(earlier + ''.join(f'{json.dumps(entry)}\n' for entry in entries))
    assert page.main(['--results', str(path), '--out', str(tmp_path / 'all_results.md')]) == 0
    assert (tmp_path / 'all_results.md').read_text() == (REPOSITORY / 'docs/methods/all_results.md').read_text()
    text = (tmp_path / 'steady_results.md').read_text()
    assert '- EGTEA-mini: 220 of 220 planned runs, 20 of 20 draws are whole.' in text
    assert '| 1 | EGTEA-mini | `cdba` - `cdbw` | 20 of 20 | **+4.0 (+4.0 to +4.0)** |' in text
    assert '| 2 | Moving digits | `bs_cdba` - `bs` | 40 of 40 | +4.0 (+4.0 to +4.0) | **+3.9' in text
    assert 'found, interval of the mean above -1' in text
    natural = text.split(f'### {item.title}')[1].split('### ')[0]
    assert f'`cdba, {NATURAL}` - `cdbw, {NATURAL}` | 5 | +2.0' in natural
    assert 'In 3 of 3 sets and settings' in text
    assert f'{len(entries)} runs, {float(len(entries))} hours on one core each' in text
    assert 'nan' not in text


def test_in_how_many_settings_cdba_is_not_worse_is_counted():
    def both(data_set, right):
        values = zip(('cdba', 'cdbw'), right, strict=True)
        return [made_up(name, data_set, draw, n) for name, n in values for draw in DRAWS[data_set]]

    assert count_alike(Runs([])) == 'Not run yet.'
    runs = Runs([*both('mini', (20, 20)), *both('digits', (19, 20))])
    assert count_alike(runs).startswith('In 1 of 2 sets and settings')


def test_explored_runs_end_with_their_time(study):
    runs_of, _, _ = study
    names = [name for item in ITEMS for name in item.arms]
    assert len(names) == len(set(names))
    runs = list(runs_of('steady_exploratory', 'mini', [40, 41]))
    assert len(runs) == len({run.key for run in runs}) == 2 * len(names)
    assert not {run.key for run in runs} & {entry['key'] for entry in all_rows()}
    spent = [made_up('bs', 'mini', 40, 20, key=str(hour), study='steady_exploratory') for hour in range(5)]
    assert len(list(runs_of('steady_exploratory', 'mini', [40], *spent[1:]))) == len(names)
    assert list(runs_of('steady_exploratory', 'mini', [40], *spent)) == []


def test_every_explored_arm_has_a_config_of_its_own_and_every_pair_its_arms(tmp_path):
    arms = {
        name: arm
        for item in ITEMS
        for name, arm in item.arms.items()
        if 'kappa' not in name and arm.method != 'bs_bias'
    }
    configs = set()
    with mock.patch.dict(os.environ):
        for arm in [*arms.values(), ARMS['cdbw'], ARMS['cdba']]:
            place = Place('mini', 40, f'/nowhere/{arm.variant}', 'abc', variant=arm.variant)
            configs.add(repr(build_config(Run(arm.method, 40, place, arm.setting_on('mini')), tmp_path)._cfg_dict))
    assert len(configs) == len(arms) + 2
    for item in ITEMS:
        assert {name for pair in (*item.pairs, *item.alike) for name in pair} <= ARMS.keys() | item.arms.keys()


def test_the_plan_names_all_that_is_run_and_tested():
    plan = (REPOSITORY / 'docs/methods/plan.md').read_text().split('## Steady difficulty')[1]
    for name in ARMS:
        assert f'| `{name}` |' in plan
    for test in TESTS:
        row = f'| {test.number} | `{test.first}` | `{test.second}` | '
        assert row in plan
        assert {'mini': 'EGTEA-mini', 'digits': 'digits'}[test.data] in plan.split(row)[1].split(' |')[0]
        assert {'hmean': 'hmean', 'mean1': 'mean'}[test.measure] == plan.split(row)[1].split(' | ')[1]
    assert 'over all seven' in plan
    assert len(TESTS) == 7
    assert (WIDEST, GATE, EXPLORED_SECONDS) == (0.02, -0.01, 5 * 3600)


def test_a_natural_hold_out_takes_a_fifth_of_every_class_and_at_least_one(tmp_path):
    labels = np.repeat([0, 1, 2], [100, 8, 1])
    held_out = natural_hold_out(labels, seed=40)
    assert np.bincount(labels[held_out]).tolist() == [20, 2, 1]
    assert (natural_hold_out(labels, 40) == held_out).all()
    assert (natural_hold_out(labels, 41) != held_out).any()
    train = tmp_path / 'train.txt'
    train.write_text(''.join(f'clip_{place} 20 {label}\n' for place, label in enumerate(labels)))
    made = [read_lines(path) for path in natural_lists(train, 40)]
    assert sorted(made[0] + made[1]) == sorted(read_lines(train))
    assert labels_of(made[1]).tolist() == labels[held_out].tolist()
    joined = join_lists(train, natural_lists(train, 40)[1])
    assert read_lines(joined) == read_lines(train) + made[1]


def test_a_cross_fit_is_handed_on_as_one_constant_difficulty(tmp_path):
    found = [{'num_clips': [6, 2], 'num_correct': [5, 0]}, {'num_clips': [6, 0], 'num_correct': [4, 0]}]
    (tmp_path / 'history.jsonl').write_text(cross_fit_lines(found, [12, 2]))
    schedule = read_schedule(tmp_path / 'history.jsonl')
    assert schedule.is_constant
    assert schedule.settings == {'momentum': 'mean'}
    mean = (3 / 12 + 2 / 2) / 2
    assert schedule.steps[0].difficulty == pytest.approx([(3 + 5 * mean) / 17, (2 + 5 * mean) / 7])


def test_freezing_adds_to_what_is_frozen(tmp_path, monkeypatch):
    monkeypatch.setattr(data, 'FROZEN', tmp_path / 'frozen.json')
    freeze([Place('mini', 40, '/a', 'one')])
    freeze(iter([Place('digits', 40, '/b', 'two'), Place('mini', 40, '/c', 'three', variant='few sessions')]))
    freeze([Place('mini', 40, '/a', 'one', variant=NATURAL)])
    known = {'mini 40': 'one', 'digits 40': 'two', 'mini few sessions 40': 'three'}
    assert json.loads((tmp_path / 'frozen.json').read_text()) == known


def test_what_is_explored_of_the_law_is_what_its_name_says(tmp_path):
    loss = variants.FullStrengthLoss(num_classes=3, law='accumulated', strength=9)
    difficulty = np.array([0.2, 0.5, 0.9])
    loss.set_validations(1, 18)
    loss.set_class_difficulty(difficulty)
    np.testing.assert_allclose(loss.class_weight, accumulated_weights(difficulty, 9))

    class Labels(list):
        def get_data_info(self, index):
            return {'label': self[index]}

    sampler = variants.AccumulatedSampler(Labels([0, 0, 1, 2]), strength=9)
    np.testing.assert_allclose(sampler.class_probability, 1 / 3)
    sampler.set_validations(9, 18)
    sampler.set_class_difficulty(difficulty)
    np.testing.assert_allclose(sampler.class_probability, accumulated_weights(difficulty, 4.5) / 3)
