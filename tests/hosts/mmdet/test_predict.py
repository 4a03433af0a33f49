"""predict with a detector: what mmdet itself finds, as a table, as JSON and drawn; and what is refused."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from cdb_video.commands import predict
from cdb_video.inference.detection.detector import load_detector
from tests.support.shapes import CLASSES, CONFIG, make_shapes


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """A work directory with a Mask R-CNN whose box head has large random weights, so that it finds something."""
    monkeypatch.chdir(tmp_path)
    make_shapes(tmp_path / 'data', train=1, val=3)
    Path('data/extra').mkdir()
    Path('data/val_2.png').rename('data/extra/val_2.png')
    Path('data/train_0.png').unlink()
    folder = tmp_path / 'work'
    folder.mkdir()
    Path('base.py').write_text(CONFIG.replace('ROOT', str(tmp_path / 'data')))
    config = Config.fromfile('base.py')
    config.dump(folder / 'own.py')
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    torch.nn.init.normal_(model.roi_head.bbox_head.fc_cls.weight, std=5.0)
    torch.nn.init.normal_(model.rpn_head.rpn_cls.weight, std=1.0)
    save(model.state_dict(), Config.fromfile('base.py'))  # building changes a config
    return folder


def save(weights, config, classes=CLASSES, name='epoch_1.pth'):
    meta = {'cfg': config.pretty_text, 'dataset_meta': {'classes': classes}, 'epoch': 1}
    torch.save({'state_dict': weights, 'meta': meta}, Path('work', name))


def run(*words):
    return predict.main(['work', *words])


def theirs(path):
    """What mmdet's own inference finds."""
    from mmdet.apis import inference_detector, init_detector

    config = Config.fromfile('work/own.py')
    config.test_dataloader = config.val_dataloader
    config.test_dataloader.dataset.metainfo.palette = [(0, 0, 0)] * 3
    return inference_detector(init_detector(config, 'work/epoch_1.pth', device='cpu'), path).pred_instances


def test_what_mmdet_finds_is_found_and_the_best_come_first(capsys):
    assert run('data', '--score-threshold', '0', '--out', 'found.json') == 0
    document = json.loads(Path('found.json').read_text())
    assert document['classes'] == list(CLASSES)
    images = {one['path']: one for one in document['images']}
    assert list(images) == ['data/extra/val_2.png', 'data/val_0.png', 'data/val_1.png']
    assert sum(len(one['objects']) for one in images.values()) > 5
    for path, found in images.items():
        expected = theirs(path)
        order = np.argsort(-expected.scores.numpy(), kind='stable')
        assert [one['label'] for one in found['objects']] == expected.labels[order].tolist()
        assert [one['score'] for one in found['objects']] == expected.scores[order].tolist()
        np.testing.assert_allclose(
            [one['box'] for one in found['objects']], expected.bboxes[order].numpy(), rtol=0, atol=0.006
        )
        assert (found['width'], found['height']) == (64, 64)
        assert all(one['class'] == CLASSES[one['label']] for one in found['objects'])
    assert 'epoch_1.pth (the newest; the run kept no best_*.pth), config: the one in it' in capsys.readouterr().out


def test_scores_below_the_threshold_are_left_out_and_a_line_stays_for_every_image(capsys):
    detector = load_detector('work', device='cpu')
    scores = [one.score for one in detector.detect('data/val_0.png', score_threshold=0).objects]
    threshold = (scores[1] + scores[2]) / 2
    assert scores[1] > threshold > scores[2]
    assert [one.score for one in detector.detect('data/val_0.png', score_threshold=threshold).objects] == scores[:2]
    assert [one.score for one in detector.detect('data/val_0.png', score_threshold=0, topk=1).objects] == scores[:1]
    Path('data/torn.png').write_bytes(Path('data/val_0.png').read_bytes()[:40])
    assert run('data', '--score-threshold', '1', '--out', 'found.csv') == 1
    rows = {row['path']: row for row in csv.DictReader(Path('found.csv').read_text().splitlines())}
    assert len(rows) == 4
    assert rows['data/val_0.png']['class'] == ''
    assert rows['data/val_0.png']['error'] == ''
    assert rows['data/torn.png']['error']
    said = capsys.readouterr()
    assert 'data/val_0.png: nothing with a score of 1 or more' in said.out
    assert 'predict: data/torn.png: ' in said.err
    assert '1 of 4 could not be predicted whole' in said.err


def test_copies_are_drawn_as_the_images_lie_and_these_are_never_replaced(capsys):
    before = Path('data/val_0.png').read_bytes()
    assert run('data', '--score-threshold', '0', '--topk', '2', '--draw', 'drawn') == 0
    assert sorted(str(path) for path in Path('drawn').rglob('*.png')) == [
        'drawn/extra/val_2.png',
        'drawn/val_0.png',
        'drawn/val_1.png',
    ]
    picture, original = cv2.imread('drawn/val_0.png'), cv2.imread('data/val_0.png')
    assert picture.shape == original.shape
    assert (picture != original).any()
    assert 'drawn: 3 in drawn' in capsys.readouterr().out
    assert run('data', '--draw', 'data') == 2
    assert 'is one of the images, which its copy would replace' in capsys.readouterr().err
    assert Path('data/val_0.png').read_bytes() == before


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--window', '2'], '--window is of videos, and work is of a detector'),
        (['--batch', '2'], '--batch is not of detectors, which look at images one by one'),
        (['--views', 'single'], '--views is of models that name one class'),
        (['--score-threshold', '1.5'], '--score-threshold 1.5: must be from 0 to 1'),
        (['--topk', '0'], '--topk 0: must be a whole number >= 1'),
        (['--checkpoint', 'gone.pth'], 'checkpoint gone.pth does not exist'),
    ],
)
def test_what_cannot_be_followed_is_refused(capsys, words, message):
    assert run('data', *words) == 2
    assert message in capsys.readouterr().err


def test_weights_and_classes_must_fit(capsys):
    config = Config.fromfile('work/own.py')
    kept = torch.load('work/epoch_1.pth', weights_only=False)['state_dict']
    save({name: value for name, value in kept.items() if 'fc_cls' not in name}, config)
    assert run('data') == 2
    assert 'roi_head.bbox_head.fc_cls.weight is missing in the checkpoint' in capsys.readouterr().err
    save(kept, config, classes=('red', 'green', 'black'))
    assert run('data') == 2
    assert 'The class list has changed since training' in capsys.readouterr().err
    config.val_dataloader.dataset.metainfo = config.train_dataloader.dataset.metainfo = {'classes': ('red', 'green')}
    save(kept, config, classes=('red', 'green'))
    assert run('data') == 2
    assert 'has 3 classes, its class list 2' in capsys.readouterr().err
