"""Detectors in commands made for one class a sample: refused with a remedy, or served where mmdet is installed."""

import importlib.util
from unittest import mock

import cv2
import numpy as np
import pytest
import torch

from cdb_video.commands import cross_fit, edit_classifier, predict

CONFIG = "default_scope = 'mmdet'\nmodel = dict(type='MaskRCNN')\n"
CASES = {
    'edit-classifier': (edit_classifier, ['tau-norm', 'CONFIG', 'none.pth', 'out.pth'], 'background=1.0'),
}


@pytest.fixture
def config(tmp_path):
    (tmp_path / 'own.py').write_text(CONFIG)
    return tmp_path / 'own.py'


@pytest.mark.parametrize('name', CASES)
def test_a_detector_is_refused_with_a_remedy(config, capsys, name):
    module, words, remedy = CASES[name]
    places = {'WORK': str(config.parent), 'CONFIG': str(config)}
    with mock.patch('torch.load', side_effect=AssertionError('something was loaded')):
        assert module.main([places.get(word, word) for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'is of a detector' in line
    assert remedy in line


@pytest.mark.skipif(importlib.util.find_spec('mmdet') is not None, reason='is of an environment without mmdet')
def test_what_serves_detectors_says_what_to_install(config, capsys):
    assert cross_fit.main([str(config)]) == 2
    assert f'{config} needs mmdet, which cannot be imported' in capsys.readouterr().err
    cv2.imwrite(str(config.with_name('x.png')), np.zeros((8, 8, 3), np.uint8))
    torch.save({'state_dict': {}, 'meta': {}}, config.with_name('epoch_1.pth'))
    assert predict.main([str(config.parent), str(config.with_name('x.png'))]) == 2
    assert 'prediction needs mmdet, which cannot be imported' in capsys.readouterr().err


def test_a_config_that_has_its_scope_from_its_base_is_known(config, capsys):
    child = config.with_name('child.py')
    child.write_text("_base_ = 'own.py'\n")
    assert edit_classifier.main(['tau-norm', str(child), 'none.pth', 'out.pth']) == 2
    assert f'{child} is of a detector' in capsys.readouterr().err


def test_a_predictor_is_not_made_of_a_detector(config, tmp_path):
    from cdb_video import load

    torch.save({'state_dict': {}, 'meta': {}}, tmp_path / 'epoch_1.pth')
    with pytest.raises(ValueError, match=r'is of mmdet, a detector .* use mmdet.apis.DetInferencer'):
        load(tmp_path)
