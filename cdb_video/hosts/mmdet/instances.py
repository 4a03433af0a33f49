"""The objects of an image and what a detector found in it, out of a sample of mmdet: plain arrays, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import IntVector
from cdb_video.hosts.mmdet.masks import RunLengths, mask_ious, run_lengths
from cdb_video.metrics.object_answers import FloatMatrix, box_ious

_LOADING = "dict(type='LoadAnnotations', with_bbox=True{})"


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in an image.

    Attributes:
        labels: (N,) int64 in 0..C-1.
        scores: (N,) float.
        places: (N, 4) float, boxes x1, y1, x2, y2; or N masks.
        kept: (N,) int64, which of those in the sample these are.
    """

    labels: IntVector
    scores: NDArray[np.floating]
    places: FloatMatrix | Sequence[RunLengths]
    kept: IntVector

    @classmethod
    def of(cls, sample: dict[str, Any], by: str, num_classes: int, score_thr: float) -> Detections:
        """Take them out of a sample, without those whose score is below `score_thr`.

        Raises:
            ValueError: If there are no masks where `by` is 'segm', or a label is outside 0..C-1.
        """
        found = sample['pred_instances']
        labels, scores = _plain(found['labels']).astype(np.int64, copy=False), _plain(found['scores'])
        if by == 'segm' and 'mask_scores' in found:
            scores = _plain(found['mask_scores'])
        outside = labels[(labels < 0) | (labels >= num_classes)]
        if outside.size:
            raise ValueError(
                f'{name_image(sample)}: a detection has class {outside[0]}, and there are {num_classes} classes, 0..'
                f'{num_classes - 1}: num_classes of the heads must be the number of classes of the dataset'
            )
        kept = np.flatnonzero(~(scores < score_thr))  # not >=, so that a NaN is met
        if by == 'bbox':
            return cls(labels[kept], scores[kept], boxes_of(found)[kept], kept)
        if 'masks' not in found:
            raise ValueError(
                f"by='segm' needs masks, and those that the detector finds have {', '.join(sorted(found))}: evaluate "
                "a model with a mask head, or set by='bbox'"
            )
        return cls(labels[kept], scores[kept], run_lengths(found['masks'], kept), kept)


@dataclass(frozen=True, eq=False)
class Objects:
    """The labelled objects of an image, without those that are ignored.

    Attributes:
        labels: (M,) int64 in 0..C-1.
        places: (M, 4) float, boxes x1, y1, x2, y2; or M masks.
    """

    labels: IntVector
    places: FloatMatrix | Sequence[RunLengths]

    @classmethod
    def of(cls, sample: dict[str, Any], by: str, num_classes: int) -> Objects:
        """Take them out of a sample; mmdet keeps those that are ignored, as crowds, in another place of it.

        Raises:
            ValueError: If they were not loaded, or a label is outside 0..C-1.
        """
        objects = sample.get('gt_instances') or {}
        needed = ('labels', 'bboxes') if by == 'bbox' else ('labels', 'masks')
        if any(key not in objects for key in needed):
            loading = _LOADING.format('' if by == 'bbox' else ', with_mask=True')
            raise ValueError(
                f'{name_image(sample)}: gt_instances has no {" and ".join(key for key in needed if key not in objects)}'
                f', so the objects were not loaded: put {loading} behind Resize, before PackDetInputs, in the pipeline '
                'of the evaluated set'
            )
        labels = _plain(objects['labels']).astype(np.int64, copy=False)
        outside = labels[(labels < 0) | (labels >= num_classes)]
        if outside.size:
            raise ValueError(
                f'{name_image(sample)}: an object has label {outside[0]}, and there are {num_classes} classes, so '
                f'labels must be 0..{num_classes - 1}: check ann_file and metainfo of the dataset, and num_classes of '
                'ObjectAccuracy'
            )
        places = boxes_of(objects) if by == 'bbox' else run_lengths(objects['masks'])
        return cls(labels, places)

    def ious(self, found: Detections) -> FloatMatrix:
        """(M, N) float64, the overlap of every object with every detection.

        Raises:
            ValueError: If boxes are not finite, or masks have another size than their image.
        """
        if isinstance(self.places, np.ndarray):
            return box_ious(self.places, np.asarray(found.places))
        return mask_ious(self.places, list(found.places))


def name_image(sample: dict[str, Any]) -> str:
    """An image by its file, or else by its number in the annotations, for messages."""
    name = sample.get('img_path') or sample.get('img_id')
    return 'an image' if name is None else f'image {name}'


def boxes_of(instances: dict[str, Any]) -> FloatMatrix:
    """(M, 4) float, the boxes of objects or of detections."""
    return _plain(instances['bboxes']).reshape(-1, 4)


def _plain(values: Any) -> NDArray[Any]:
    """An array of a tensor, of boxes that wrap one, or of an array."""
    tensor = getattr(values, 'tensor', values)
    return tensor.detach().cpu().numpy() if hasattr(tensor, 'detach') else np.asarray(tensor)
