"""How the images of a fold are scored: the metric that calls each object by a class, and that objects are loaded."""

from __future__ import annotations

import copy
from typing import Any

from mmengine.config import Config

from cdb_video.hosts.mmaction.pipelines import kind_of

_KIND = 'ObjectAccuracy'


def object_metric(config: Config) -> dict[str, Any]:
    """The settings of the metric by which objects are right: those of the config's first `ObjectAccuracy`.

    Args:
        config: Of the training. That of its test counts, or else that of its validation; without one the defaults do.
    """
    for role in ('test', 'val'):
        metrics = config.get(f'{role}_evaluator')
        for metric in metrics if isinstance(metrics, list | tuple) else [metrics]:
            if metric and kind_of(metric) == _KIND:
                found = copy.deepcopy(dict(metric))
                found.pop('prefix', None)
                return found
    return {'type': _KIND}


def check_scored_image(dataset: Any, sample: Any, config: Config) -> None:
    """See that the objects of an image are loaded where it is scored, and in the size that detections have.

    Args:
        dataset: That is scored.
        sample: Of an image of it.
        config: Of the fold.

    Raises:
        ValueError: If they are not; or if they were resized with the image.
    """
    from cdb_video.hosts.mmdet.instances import Objects
    from cdb_video.hosts.mmdet.refusals import refuse_resized_objects

    refuse_resized_objects(dataset)
    packed = sample.get('data_samples') if isinstance(sample, dict) else None
    if packed is None:
        raise ValueError(
            'the test pipeline makes no data_samples for the model: it must end with PackDetInputs, in '
            'test_dataloader.dataset.pipeline'
        )
    classes = dataset.metainfo['classes']
    for by in dict.fromkeys(('bbox', object_metric(config).get('by', 'bbox'))):  # a dump has boxes in any case
        Objects.of(packed.to_dict(), by, len(classes))
