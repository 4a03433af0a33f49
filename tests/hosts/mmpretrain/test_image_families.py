"""The count over the families of mmpretrain, on a small one with Mixup and on what cannot be tried."""

import json
import os
import signal

import pytest
from mmengine.config import Config

from benchmarks.training import family_trial, image_families
from benchmarks.training.image_families import STAGES

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where outcomes are kept."""
    return tmp_path_factory.mktemp('families')


@pytest.fixture(scope='module')
def families(folder):
    """What was written of some families, by name."""
    assert image_families.main(['--families', 'mobilevit', 'deit', 'blip', '--folder', str(folder), *out(folder)]) == 0
    return written(folder)


def out(folder):
    return ['--out', str(folder / 'out')]


def written(folder):
    rows = json.loads((folder / 'out/image_families.json').read_text())['numbers']['families']
    return {family.pop('name'): family for family in rows}


@pytest.mark.parametrize('name', ['mobilevit', 'deit'])
def test_the_recipe_takes_a_step_and_equals_cross_entropy_with_mixed_labels_too(families, name):
    assert families[name]['config'].startswith(f'{name}-')
    assert {families[name][stage] for stage in STAGES} == {'yes'}
    assert (families[name]['side'], families[name]['without']) == (64, '')
    assert 0 < families[name]['gigabytes'] < 8


def test_a_family_without_a_classifier_is_counted_as_such_with_the_reason(families, folder):
    assert (families['blip']['config'], families['blip']['without']) == ('', 'multimodal')
    page = (folder / 'out/image_families.md').read_text()
    assert '3 folders of configs; 2 have a classifier that needs no download' in page
    assert '- multimodal: blip' in page


def test_a_command_that_is_given_again_takes_what_was_kept(families, folder, monkeypatch):
    monkeypatch.setattr(image_families, 'try_family', lambda *_: pytest.fail('it was kept'))
    arguments = ['--families', 'deit', '--folder', str(folder), *out(folder)]
    assert image_families.main(arguments) == 0
    assert written(folder)['deit'] == families['deit']
    with pytest.raises(pytest.fail.Exception, match='it was kept'):
        image_families.main([*arguments, '--seed', '1'])


def try_deit(memory=8.0, minutes=10.0):
    configs = family_trial.configs_folder()
    family_trial.prepare()
    return image_families.try_family(configs / 'deit', configs, 0, memory, minutes)


def test_what_needs_more_memory_is_counted_as_such():
    family = try_deit(memory=0.03)
    assert (family.own, family.is_sound, family.is_bounded, family.fails) == ('too large here', False, True, False)
    page = image_families.page([family], 0.03, 10)
    assert '1 have a classifier that needs no download; 0 of these build' in page
    assert 'Too large or too slow for that:\ndeit.' in page


def spin(folder, configs, seed):
    yield {'config': 'x.py', 'own': 'yes'}
    while True:
        pass


def die(folder, configs, seed):
    yield {'config': 'x.py', 'own': 'yes'}
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ('stages', 'told', 'fails'), [(spin, 'too slow here', False), (die, 'its process ended with -9', True)]
)
def test_what_ends_a_process_is_told_and_what_came_before_is_kept(stages, told, fails, monkeypatch):
    monkeypatch.setattr(image_families, 'stages', stages)
    family = try_deit(minutes=0.01)
    assert (family.config, family.own, family.build, family.equal) == ('x.py', 'yes', told, told)
    assert family.fails is fails


def test_another_loss_than_cross_entropy_does_not_pass_for_it(monkeypatch):
    family_trial.prepare()
    config = Config.fromfile(family_trial.configs_folder() / 'mobilenet_v2/mobilenet-v2_8xb32_in1k.py')
    assert family_trial.compare(config, 32, 0) == 'yes'
    monkeypatch.setattr(family_trial, 'LOSS', family_trial.LOSS | {'loss_weight': 1.001})
    assert family_trial.compare(config, 32, 0).endswith(' away')


def test_a_network_that_makes_encodings_in_single_precision_is_compared_too():
    family_trial.prepare()
    config = Config.fromfile(family_trial.configs_folder() / 'edgenext/edgenext-xxsmall_8xb256_in1k.py')
    assert family_trial.compare(config, 64, 0) == 'yes'


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('barlowtwins/barlowtwins_resnet50_8xb256-coslr-300e_in1k.py', 'self-supervised'),
        ('arcface/resnet50-arcface_8xb32_inshop.py', 'retrieval'),
        ('csra/resnet101-csra_1xb16_voc07-448px.py', 'several labels an image'),
        ('swin_transformer/swin-large_8xb8_cub-384px.py', 'needs a download'),
        ('dinov2/vit-small-p14_dinov2-pre_headless.py', 'no classifier'),
        ('eva02/eva02-tiny-p14_in1k.py', ''),
    ],
)
def test_what_is_no_classifier_to_be_trained_here_is_told_by_its_kind(name, reason):
    family_trial.prepare()
    assert family_trial.obstacle(Config.fromfile(family_trial.configs_folder() / name)) == reason


def test_a_family_that_is_not_there_is_told_with_those_that_are(capsys):
    with pytest.raises(SystemExit):
        image_families.main(['--families', 'no_such'])
    assert '--families no_such: mmpretrain has arcface, ' in capsys.readouterr().err
