"""The config of a method on long-tailed Fashion-MNIST: the shipped one, with what the method changes on video."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config

from benchmarks.harness.results import REPOSITORY
from benchmarks.methods.catalogue import LOSS, Setting
from benchmarks.methods.fashion.draws import training_list

PLAIN = REPOSITORY / 'configs' / 'images' / 'fashion_lt' / 'resnet18_ce.py'
LOSS_OF_IMAGES = 'model.head.loss'
LAYER = 'head.fc'
"""Name of the classifier in the model."""


def fashion_config(method: Config, root: str, variant: str) -> Config:
    """Put Fashion-MNIST in the place of EGTEA-mini; what the method changes stays.

    Args:
        method: The config of the method on EGTEA-mini.
        root: Of the draw.
        variant: Of it.
    """
    config = Config.fromfile(PLAIN)
    head, theirs = config.model.head, method.model.cls_head
    if 'loss_cls' in theirs:  # mmaction2's own is cross-entropy too
        head.loss = theirs.loss_cls
    if 'classifier' in theirs:
        head.update(type='ClassifierHead', head=head.type, classifier=theirs.classifier)
    config.train_dataloader.sampler = method.train_dataloader.sampler
    config.custom_hooks = method.custom_hooks
    for part in ('train', 'val', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        dataset.update(data_root=root, data_prefix=f'{root}/images', classes=f'{root}/classes.txt')
        dataset.ann_file = training_list(root, variant) if part == 'train' else f'{root}/lists/{part}.txt'
    return config


def named_as_there(setting: Setting) -> dict[str, Any]:
    """A setting with the key that the loss has in a model of mmpretrain."""
    return {key.replace(LOSS, LOSS_OF_IMAGES, 1): value for key, value in setting.items()}
