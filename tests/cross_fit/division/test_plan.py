"""The plan of a cross-fit and its file."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from cdb_video.cross_fit.clips import ListedClips
from cdb_video.cross_fit.division.plan import PLAN_NAME, make_plan, read_plan, training_settings, write_plan
from cdb_video.host_words import IMAGES, speaking

NAMES = ('a é', 'b', 'c/d.mp4', 'e', 'f', 'g')
GROUPS = ('x', 'y', 'x', 'z', 'z', 'y')


def plan_of(groups=GROUPS, labels=(0, 0, 1, 1, 1, 0), frames=100, blank=' ', **changes):
    lines = tuple(f'{name}{blank}{frames} {label}' for name, label in zip(NAMES, labels, strict=True))
    clips = ListedClips(Path('train.txt'), lines, NAMES, NAMES, np.array(labels), None, None, None)
    options = {'num_folds': 2, 'group': 'session', 'groups': groups, 'seed': 3, 'processes': 1, **changes}
    return make_plan(clips, {'model': '00ff', 'train_cfg': '11aa'}, **options)


@pytest.mark.parametrize('groups', [GROUPS, None])
def test_a_plan_is_read_as_it_was_written(tmp_path, groups):
    plan = plan_of(groups, group=None if groups is None else 'session')
    path = write_plan(plan, tmp_path / 'new')
    assert path.name == PLAN_NAME
    again = read_plan(path)
    assert plan.differences(again) == again.differences(plan) == []
    assert again.folds.tolist() == plan.folds.tolist()
    document = json.loads(path.read_text())
    assert [clip['clip'] for clip in document['clips']] == list(NAMES)
    assert [clip['fold'] for clip in document['clips']] == [fold + 1 for fold in plan.folds.tolist()]
    assert sum('"clip": ' in line for line in path.read_text().splitlines()) == len(NAMES)  # one a line


def test_the_plan_of_a_run_on_images_has_the_same_fields(tmp_path):
    with speaking(IMAGES):
        path = write_plan(plan_of(), tmp_path / 'new')
    assert plan_of().differences(read_plan(path)) == []
    assert path.read_bytes() == write_plan(plan_of(), tmp_path / 'video').read_bytes()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'num_folds': 3}, '--folds (2 there, 3 now)'),
        ({'seed': 4}, '--seed (3 there, 4 now)'),
        ({'group': 'subject'}, "--group ('session' there, 'subject' now)"),
        ({'processes': 2}, '--processes (1 there, 2 now)'),
        ({'labels': (1, 0, 1, 1, 1, 0)}, 'the training list (6 clips there, 6 now)'),
        ({'groups': ('x', 'y', 'x', 'z', 'z', 'x')}, 'the groups of the clips'),
        ({'frames': 30}, 'the training list, in what its lines say beside clip and label, as numbers of frames'),
    ],
)
def test_what_a_plan_does_otherwise_is_named(changes, words):
    assert plan_of(**changes).differences(plan_of())[0] == words


def test_blanks_between_the_words_of_a_line_are_no_change():
    assert plan_of(blank='\t  ').differences(plan_of()) == []


def test_plans_of_before_are_read_on_without_what_they_do_not_say(tmp_path):
    path = write_plan(plan_of(), tmp_path)
    document = json.loads(path.read_text())
    assert document.pop('lines')
    path.write_text(json.dumps(document))
    now = dataclasses.replace(plan_of(frames=30), settings={**plan_of().settings, 'strategy': '22'})
    assert now.differences(read_plan(path)) == []
    assert now.differences(plan_of()) != []
    assert dataclasses.replace(now, settings={'model': '22'}).differences(read_plan(path)) == [
        'model, train_cfg of the config'
    ]


def test_settings_that_are_changed_added_or_gone_are_named():
    other = dataclasses.replace(plan_of(), settings={'model': '0000', 'load_from': '22'})
    assert other.differences(plan_of()) == ['model, train_cfg, load_from of the config']


def test_folds_that_another_version_divided_are_no_reason_to_train_on_others():
    plan = plan_of()
    assert dataclasses.replace(plan, folds=1 - plan.folds).differences(plan) == [
        'the folds, which another version of cdb_video may have divided'
    ]


def test_settings_of_a_training_leave_out_what_changes_nothing_in_it():
    base = {
        'model': {'type': 'A', 'depth': 3},
        'train_dataloader': {'batch_size': 4, 'num_workers': 1, 'persistent_workers': True},
        'default_hooks': {'checkpoint': {'interval': 1}, 'logger': {'interval': 5}},
        'visualizer': {'type': 'B'},
        'pipeline': [1],
    }
    found = training_settings(Config(base))
    assert sorted(found) == ['default_hooks', 'model', 'train_dataloader']
    quiet = {**base, 'visualizer': None, 'pipeline': [2], 'log_level': 'ERROR'}
    quiet['train_dataloader'] = {'batch_size': 4, 'num_workers': 0}
    quiet['default_hooks'] = {'checkpoint': {'interval': 1}}
    assert training_settings(Config(quiet)) == found
    for part, change in (('model', {'type': 'A', 'depth': 4}), ('train_dataloader', {'batch_size': 8})):
        changed = training_settings(Config({**base, part: change}))
        assert {name for name in found if changed[name] != found[name]} == {part}


@pytest.mark.parametrize('name', ['strategy', 'runner_type', 'compile', 'efficient_conv_bn_eval'])
def test_how_a_model_is_run_is_a_setting_of_its_training(name):
    assert training_settings(Config({name: 'one'})) != training_settings(Config({name: 'other'}))


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (lambda document: document.update(version=2), 'version is 2; it must be 1; update cdb_video'),
        (lambda document: document.pop('seed'), 'seed is missing'),
        (lambda document: document.update(clips=[]), 'clips is'),
        (lambda document: document['clips'][1].update(fold=3), r'clips\[1\]: fold is 3; it must be from 1 to 2'),
        (lambda document: document['clips'][1].update(label=-1), r'clips\[1\]: label is -1'),
        (lambda document: document['clips'][1].update(group=7), r'clips\[1\]: group is 7'),
        (lambda document: document['settings'].update(model=1), 'settings is'),
        (lambda document: document.update(lines=7), 'lines is 7'),
    ],
)
def test_a_file_that_was_edited_is_refused_with_the_remedy(tmp_path, edit, message):
    path = write_plan(plan_of(), tmp_path)
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=rf'cross_fit\.json cannot be read: {message}.*Remove the folder, or name'):
        read_plan(path)


@pytest.mark.parametrize('text', ['', '{"version": 1,', '[1]'])
def test_a_file_that_is_torn_is_refused(tmp_path, text):
    path = tmp_path / PLAN_NAME
    path.write_text(text)
    with pytest.raises(ValueError, match=r'cross_fit\.json cannot be read'):
        read_plan(path)
