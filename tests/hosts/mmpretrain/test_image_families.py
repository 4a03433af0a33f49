"""The count over the families of mmpretrain, on a small one with Mixup and on what cannot be tried."""

import json

import pytest

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def families(tmp_path_factory):
    """What was written of some families, by name."""
    from benchmarks.training.image_families import main

    out = tmp_path_factory.mktemp('families')
    assert main(['--families', 'mobilevit', 'deit', 'blip', '--out', str(out)]) == 0
    written = json.loads((out / 'image_families.json').read_text())['numbers']['families']
    return {family.pop('name'): family for family in written}


@pytest.mark.parametrize('name', ['mobilevit', 'deit'])
def test_the_recipe_takes_a_step_and_equals_cross_entropy_with_mixed_labels_too(families, name):
    config = families[name].pop('config')
    assert config.startswith(f'{name}-')
    assert families[name] == {'own': 'yes', 'step': 'yes', 'equal': 'yes'}


def test_a_family_without_a_classifier_is_counted_as_such(families):
    assert families['blip'] == {'config': '', 'own': '', 'step': '', 'equal': ''}


def test_another_loss_than_cross_entropy_does_not_pass_for_it(monkeypatch):
    from pathlib import Path

    import mmpretrain
    from mmengine.config import Config

    from benchmarks.training import image_families

    configs = Path(mmpretrain.__file__).parent / '.mim/configs'
    config = Config.fromfile(configs / 'mobilenet_v2/mobilenet-v2_8xb32_in1k.py')
    monkeypatch.setattr(image_families, 'LOSS', image_families.LOSS | {'loss_weight': 1.001})
    assert image_families.compare(config, 32, 0).endswith(' away')


def test_a_family_that_is_not_there_is_told_with_those_that_are(capsys):
    from benchmarks.training.image_families import main

    with pytest.raises(SystemExit):
        main(['--families', 'no_such'])
    assert '--families no_such: mmpretrain has arcface, ' in capsys.readouterr().err
