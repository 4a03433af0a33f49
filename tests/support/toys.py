"""Small stand-ins for data and models, shared by the tests."""

import zlib
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS
from torch import nn
from torch.utils.data import BatchSampler

CLASS_NAMES = ('lift', 'cut', 'wash', 'spread')


DATA_SAMPLERS.register_module(module=BatchSampler, force=True)


@DATASETS.register_module(force=True)
class ToyDataset(BaseDataset):
    """Samples with a 2-dimensional feature that depends on the label; `counts` clips per class."""

    def __init__(self, counts, classes=CLASS_NAMES, noise=1.0, seed=0, **kwargs):
        self.labels = np.repeat(np.arange(len(counts)), counts)
        rng = np.random.default_rng(seed)
        angle = 2 * np.pi * self.labels / max(len(counts), 1)
        features = np.stack([np.cos(angle), np.sin(angle)], 1) + noise * rng.normal(size=(len(self.labels), 2))
        self.features = features.astype(np.float32)
        super().__init__(metainfo={} if classes is None else {'classes': classes}, **kwargs)

    def load_data_list(self):
        return [
            {'label': int(label), 'feature': feature} for label, feature in zip(self.labels, self.features, strict=True)
        ]

    def prepare_data(self, index):
        info = self.get_data_info(index)
        return {'inputs': torch.from_numpy(info['feature']), 'label': torch.tensor([info['label']])}


@DATASETS.register_module(force=True)
class ListedToys(BaseDataset):
    """ToyDataset from a list of lines `<name> <label>`; the feature of a sample depends on its name and label."""

    def __init__(self, ann_file, classes=CLASS_NAMES, noise=1.0, **kwargs):
        self.noise = noise
        super().__init__(ann_file, metainfo={'classes': classes}, **kwargs)

    def load_data_list(self):
        entries = []
        for line in Path(self.ann_file).read_text().splitlines():
            name, label = line.rsplit(maxsplit=1)
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            angle = 2 * np.pi * int(label) / len(self.metainfo['classes'])
            feature = np.array([np.cos(angle), np.sin(angle)]) + self.noise * rng.normal(size=2)
            entries.append({'filename': f'toys/{name}', 'label': int(label), 'feature': feature.astype(np.float32)})
        return entries

    def prepare_data(self, index):
        info = self.get_data_info(index)
        noise = 0.01 * np.random.normal(size=2).astype(np.float32)  # an augmentation
        feature = torch.from_numpy(info['feature'] + (0 if self.test_mode else noise))
        return {'inputs': feature, 'label': torch.tensor([info['label']])}


@MODELS.register_module(force=True)
class ToyHead(nn.Module):
    """One linear layer with a configured loss."""

    def __init__(self, num_classes, loss_cls):
        super().__init__()
        self.num_classes = num_classes
        self.fc = nn.Linear(2, num_classes)
        self.loss_cls = MODELS.build(loss_cls)


@MODELS.register_module(force=True)
class PlainLoss(nn.Module):
    """Cross-entropy that knows nothing of difficulty."""

    def forward(self, scores, labels):
        return nn.functional.cross_entropy(scores, labels)


@MODELS.register_module(force=True)
class ToyModel(BaseModel):
    """A head as a model; `nan` makes its scores NaN in evaluation."""

    def __init__(self, num_classes=4, loss_cls=None, nan=False):
        super().__init__()
        self.cls_head = ToyHead(num_classes, loss_cls or {'type': 'CDBLoss'})
        self.nan = nan
        self.batches = []

    def forward(self, inputs, label, mode='tensor'):
        inputs = torch.stack(list(inputs))
        labels = torch.cat(list(label))
        scores = self.cls_head.fc(inputs)
        if mode == 'loss':
            self.batches.append(labels.tolist())
            return {'loss_cls': self.cls_head.loss_cls(scores, labels)}
        scores = scores.softmax(1) * (float('nan') if self.nan else 1)
        return [{'pred_score': score, 'gt_label': one[None]} for score, one in zip(scores, labels, strict=True)]


@MODELS.register_module(force=True)
class NormedModel(ToyModel):
    """ToyModel with a batch normalisation before the layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.cls_head.fc = nn.Sequential(nn.BatchNorm1d(2), self.cls_head.fc)


@METRICS.register_module(force=True)
class ToyMetric(BaseMetric):
    """A metric that is not ClassAccuracy."""

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return {'acc/mean1': 0.5}


@HOOKS.register_module(force=True)
class OwnHook(Hook):
    """A hook of a user's own, which may hand on a difficulty, and here does not."""


class LabelsOnly:
    """The least that a sampler needs of a dataset."""

    def __init__(self, labels, classes=None):
        self.labels = list(labels)
        self.metainfo = {} if classes is None else {'classes': classes}

    def __len__(self):
        return len(self.labels)

    def get_data_info(self, index):
        return {'label': self.labels[index]}
