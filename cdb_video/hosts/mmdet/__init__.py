"""mmdet: detection and instance segmentation; the metric that counts objects, and a mend for what LVIS is read with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from cdb_video.host_words import DETECTION
from cdb_video.hosts.host import Host

_PACKAGE = 'hosts.mmdet'


class MMDet(Host):
    """mmdet; where it cannot be imported, stand-ins are registered in place of the classes."""

    name = 'mmdet'
    package = 'mmdet'
    remedy = 'Install mmdet 3.3.0 with mmcv >= 2.0, < 2.2 and its compiled operators, which mmcv-lite lacks'
    words = DETECTION
    classes: Mapping[str, tuple[str, str]] = {
        'DumpObjects': (f'{_PACKAGE}.dump_objects', 'METRICS'),
        'ObjectAccuracy': (f'{_PACKAGE}.object_accuracy', 'METRICS'),
    }

    def mends(self) -> list[str]:
        """Let LVISMetric evaluate with numpy >= 1.24."""
        from cdb_video.hosts.mmdet.mends import give_lvis_its_float

        return [mend.__name__ for mend in (give_lvis_its_float,) if mend()]

    def refuse(self, model: Any, train_set: Any, val_set: Any) -> None:
        """Refuse losses in heads that they are not made for, and objects to evaluate that were resized."""
        if 'mmdet.models' in sys.modules:  # else it is none of them
            from cdb_video.hosts.mmdet.heads import refuse_other_heads

            refuse_other_heads(model)
        if 'mmdet.datasets' in sys.modules:
            from cdb_video.hosts.mmdet.refusals import refuse_resized_objects

            refuse_resized_objects(val_set)

    def evaluate_on(self, metric: Any, dataset: Any) -> None:
        """Let CocoMetric, LVISMetric and their like evaluate the images of a part of the set, not all of their file."""
        if 'mmdet.evaluation' not in sys.modules:
            return
        from cdb_video.hosts.mmdet.evaluation import evaluate_on

        evaluate_on(metric, dataset)


HOST = MMDet()
