"""mmpretrain: classification of images; its datasets, and what class difficulty cannot work with there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import IMAGES
from cdb_video.hosts.host import Host

_PACKAGE = 'hosts.mmpretrain'


class MMPretrain(Host):
    """mmpretrain; where it cannot be imported, stand-ins are registered in place of the classes."""

    name = 'mmpretrain'
    package = 'mmpretrain'
    remedy = 'Install mmpretrain 1.2.0 with mmcv >= 2.0, < 2.4, and the torchvision that fits your torch'
    words = IMAGES
    classes: Mapping[str, tuple[str, str]] = {
        'CIFARResNet': (f'{_PACKAGE}.backbones', 'MODELS'),
        'ResNet10': (f'{_PACKAGE}.backbones', 'MODELS'),
    }

    def mends(self) -> list[str]:
        """Let images, lists and class lists that cannot be read be named, before the first step where that can be."""
        from cdb_video.hosts.mmpretrain import mends

        all_mends = (
            mends.name_unreadable_images,
            mends.check_image_lists,
            mends.name_damaged_archives,
            mends.name_missing_class_lists,
        )
        return [mend.__name__ for mend in all_mends if mend()]

    def refuse(self, model: Any, train_set: Any, val_set: Any) -> None:
        """Refuse models with another task than one label an image."""
        if 'mmpretrain.models' not in sys.modules:  # then it is none of them
            return
        from cdb_video.hosts.mmpretrain import refusals

        refusals.refuse_other_tasks(model)
        for dataset in (train_set, val_set):
            refusals.refuse_other_labels(dataset)
        refusals.warn_of_other_reading(train_set, val_set)

    def results_of(self, metric: Any, *, has_one_score: bool) -> Mapping[str, Any] | None:
        """The results of Accuracy, SingleLabelMetric and ConfusionMatrix."""
        if 'mmpretrain.evaluation' not in sys.modules:
            return None
        from cdb_video.hosts.mmpretrain.evaluation import results_of

        return results_of(metric)

    def labels(self, dataset: Any) -> IntVector | None:
        """The labels through KFoldDataset; mmengine knows the others, which derive from its BaseDataset."""
        theirs = sys.modules.get('mmpretrain.datasets')
        if theirs is None or type(dataset) is not theirs.KFoldDataset:
            return None
        from cdb_video.data.labels import read_labels

        len(dataset)  # initialises a lazy one, which puts the subset in the place of the whole
        return read_labels(dataset.dataset)

    def sample_path(self, info: Mapping[str, Any]) -> str | None:
        """The file of the image; sets that lie in one archive have none."""
        return info.get('img_path')


HOST = MMPretrain()
