"""mmdet's AspectRatioBatchSampler over CDBImageSampler: batches of one orientation, the same ones after a resume."""

import json
import uuid

import cv2
import numpy as np
import pytest
from mmengine.hooks import Hook

from tests.support.shapes import CONFIG, make_shapes

pytest.importorskip('mmdet', reason='needs mmdet, mmcv-lite and lvis: docs/use/hosts.md says which')
from cdb_video.hosts.mmdet.object_accuracy import ObjectAccuracy

pytestmark = pytest.mark.training
NUM_IMAGES, BATCH = 14, 4


def make_images(folder):
    """Shapes of which every second image to train on is taller than wide."""
    make_shapes(folder, train=NUM_IMAGES, val=3)
    document = json.loads((folder / 'train.json').read_text())
    for image in document['images'][::2]:
        path = str(folder / image['coco_url'])
        cv2.imwrite(path, cv2.imread(path)[:, :44])
        image['width'] = 44
    (folder / 'train.json').write_text(json.dumps(document))


class NoteBatches(Hook):
    """Keeps of every batch its epoch, and of its images the names, orientations and first pixels."""

    priority = 'VERY_LOW'

    def __init__(self):
        self.batches = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        images = [
            (sample.img_path.rpartition('/')[2], sample.ori_shape[0] > sample.ori_shape[1], inputs.sum().item())
            for sample, inputs in zip(data_batch['data_samples'], data_batch['inputs'], strict=True)
        ]
        self.batches.append((runner.epoch, images))


def batches_of(folder, name, law, epochs, *, resume=False):
    """The batches of a training, and its hook of difficulty."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    (folder / 'base.py').write_text(CONFIG.replace('ROOT', str(folder)))
    settings = Config.fromfile(folder / 'base.py')
    settings.merge_from_dict({'train_dataloader.batch_size': BATCH, 'train_cfg.max_epochs': epochs, 'resume': resume})
    settings.train_dataloader.sampler = {'type': 'CDBImageSampler', 'law': law, 'tau': 1.0}
    settings.train_dataloader.batch_sampler = {'type': 'AspectRatioBatchSampler'}
    settings.val_evaluator = {'type': 'ObjectAccuracy'}
    settings.custom_hooks = [
        {'type': 'ClassDifficultyHook', 'min_difficulty': 0.1, 'report': False, 'live_report': False},
        {'type': 'SampleSeedHook'},
    ]
    settings.default_hooks.checkpoint = {'type': 'CheckpointHook', 'interval': 1}
    settings.work_dir, settings.experiment_name = str(folder / name), uuid.uuid4().hex
    settings.visualizer.name = settings.experiment_name
    runner, note = Runner.from_cfg(settings), NoteBatches()
    runner.register_hook(note)
    runner.train()
    hook = next(one for one in runner.hooks if type(one).__name__ == 'ClassDifficultyHook')
    return note.batches, hook.state_.difficulty


def answered(self, sample, num_classes):
    """In the place of what so short a training finds: of the first class all objects, of the others none."""
    labels = np.asarray(sample['gt_instances']['labels'])
    return np.stack([labels, np.where(labels == 0, 0, num_classes)], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize('law', ['class', pytest.param('repeat', marks=pytest.mark.long)])
def test_a_resumed_run_has_the_batches_that_it_would_have_had(tmp_path, law, monkeypatch):
    monkeypatch.setattr(ObjectAccuracy, '_answered', answered)
    make_images(tmp_path)
    whole, difficulty = batches_of(tmp_path, 'whole', law, 3)
    batches_of(tmp_path, 'cut', law, 1)
    resumed, again = batches_of(tmp_path, 'cut', law, 3, resume=True)
    assert resumed == [batch for batch in whole if batch[0] > 0]
    assert again.tolist() == difficulty.tolist()
    assert difficulty.tolist() == pytest.approx([0.1, 1, 1])  # so that the sampler has something to draw by
    for epoch in range(3):
        own = [images for number, images in whole if number == epoch]
        assert sum(map(len, own)) == NUM_IMAGES
        assert len(own) == -(-NUM_IMAGES // BATCH)
        # All but what is left of both orientations, at the end of an epoch.
        mixed = np.flatnonzero([len({is_tall for _, is_tall, _ in images}) == 2 for images in own])
        assert set(mixed.tolist()) <= {len(own) - 2, len(own) - 1}
    assert {is_tall for _, images in whole for _, is_tall, _ in images} == {True, False}
    assert (
        len({json.dumps([name for batch in whole if batch[0] == e for name, _, _ in batch[1]]) for e in range(3)}) == 3
    )
