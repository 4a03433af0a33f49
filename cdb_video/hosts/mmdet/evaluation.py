"""Metrics of mmdet that compare with a file of annotations, and a validation on a part of its images."""

from __future__ import annotations

import copy
from typing import Any

from mmdet.evaluation import CocoMetric


def evaluate_on(metric: Any, dataset: Any) -> None:
    """Let CocoMetric, or one that derives from it as LVISMetric does, evaluate the images of a dataset alone.

    They compare with all images of their `ann_file`, so that those which were not evaluated would count as missed.

    Args:
        metric: Of an evaluation; others than these are left alone.
        dataset: That is evaluated, of mmdet's kind.
    """
    if not isinstance(metric, CocoMetric):
        return
    metric.img_ids = [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))]
    # LVISMetric hands these on by the name that COCO has for them; lvis evaluates what its annotations list.
    whole = getattr(metric, '_lvis_api', None)
    if whole is not None:
        part = copy.copy(whole)
        part.imgs = {number: whole.imgs[number] for number in metric.img_ids}
        metric._lvis_api = part
