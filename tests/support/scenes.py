"""Made-up images with several objects, in the form of mmdet's datasets; nothing of mmdet is needed."""

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS


@DATASETS.register_module(force=True)
class Scenes(BaseDataset):
    """Images with the given classes; `ignored` are pairs (image, which object).

    So that the toy model can train on it, every image has a label, its first class or 0, and a feature of it.
    """

    def __init__(self, images, classes=None, ignored=(), seed=0, **kwargs):
        self.images = [list(own) for own in images]
        self.ignored = {tuple(pair) for pair in ignored}
        self.rng = np.random.default_rng(seed)
        super().__init__(metainfo={} if classes is None else {'classes': classes}, **kwargs)

    def load_data_list(self):
        return [self.entry(index, own) for index, own in enumerate(self.images)]

    def entry(self, index, own):
        instances = [
            {'bbox': [0, 0, 8, 8], 'bbox_label': int(label), 'ignore_flag': int((index, place) in self.ignored)}
            for place, label in enumerate(own)
        ]
        label = int(own[0]) if len(own) else 0
        feature = np.array([np.cos(1.5 * label), np.sin(1.5 * label)]) + self.rng.normal(size=2)
        return {'instances': instances, 'label': label, 'feature': feature.astype(np.float32)}

    def get_cat_ids(self, idx):
        return [one['bbox_label'] for one in self.get_data_info(idx)['instances']]

    def prepare_data(self, index):
        info = self.get_data_info(index)
        return {'inputs': torch.from_numpy(info['feature']), 'label': torch.tensor([info['label']])}


@DATASETS.register_module(force=True)
class DetectionScenes(Scenes):
    """Scenes whose entries have objects alone, as in mmdet; `name` is the folder of their files."""

    def __init__(self, images, name='images', **kwargs):
        self.name = name
        super().__init__(images, **kwargs)

    def entry(self, index, own):
        made = super().entry(index, own)
        return {'img_id': index, 'img_path': f'{self.name}/{index}.jpg', 'instances': made['instances']} | {
            'feature': made['feature']
        }

    def prepare_data(self, index):
        info = self.get_data_info(index)
        label = info['instances'][0]['bbox_label'] if info['instances'] else 0
        return {'inputs': torch.from_numpy(info['feature']), 'label': torch.tensor([label])}


def scenes_of(labels, **kwargs):
    """Images with one object each."""
    return Scenes([[label] for label in labels], **kwargs)


def long_tailed_scenes(num_images=400, num_classes=30, empty=0.1, seed=0):
    """Classes of images: frequent ones on most, rare ones on few, several objects of one class, and some images empty.

    Every class is on at least one image.
    """
    rng = np.random.default_rng(seed)
    share = np.exp(-np.arange(num_classes) / 6)
    images = [
        rng.choice(num_classes, rng.integers(1, 7), p=share / share.sum()).tolist() if rng.random() > empty else []
        for _ in range(num_images)
    ]
    for label in range(num_classes):
        images[rng.integers(num_images)].append(label)
    return images
