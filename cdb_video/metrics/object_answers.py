"""What a detector calls the objects of an image: of the detections on an object, the best-scored one names it.

Pure numpy; `ObjectAccuracy` is the metric around it. That this is the accuracy of a class in detection is our reading:
the papers' formula for LVIS could not be read. Average precision would not do, since it ranks within one class: it is
high for a class whose objects are all found, and all called by another name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.formulas import IntVector

FloatMatrix = NDArray[np.float64]


def object_answers(
    ious: NDArray[np.floating], scores: NDArray[np.floating], names: IntVector, *, missed: int, iou_thr: float = 0.5
) -> IntVector:
    """The class by which each object of an image is called, see `answering`.

    Example: two detections overlap the object by 0.9 and 0.6, called 4 and 7 with the scores 0.3 and 0.8: 7.

    Args:
        ious: (M, N) float in [0, 1], overlap of every object with every detection, see `box_ious`.
        scores: (N,) float, of the detections.
        names: (N,) int64 in 0..C-1, the classes of the detections.
        missed: The answer for a missed object, C.
        iou_thr: In (0, 1].

    Returns:
        (M,) int64 in 0..C.

    Raises:
        ValueError: If the shapes do not fit, or a score is NaN.
    """
    ious, scores, names = np.asarray(ious), np.asarray(scores), np.asarray(names)
    if ious.ndim != 2 or not ious.shape[1:] == scores.shape == names.shape:
        raise ValueError(
            f'ious {ious.shape}, scores {scores.shape}, names {names.shape}: must be (M, N), (N,), (N,), for M objects '
            'and N detections'
        )
    chosen = answering(ious, scores, iou_thr=iou_thr)
    answers = np.full(len(chosen), missed, np.int64)
    found = chosen >= 0
    answers[found] = names[chosen[found]]
    return answers


def answering(ious: NDArray[np.floating], scores: NDArray[np.floating], *, iou_thr: float = 0.5) -> IntVector:
    """The detection by which each object of an image is called.

    Of the detections whose overlap with the object is at least `iou_thr`, the one with the highest score answers; of
    those that tie in score, the first in the order of the detector. A detection may answer for several objects. An
    object that no detection overlaps so far is missed.

    Args:
        ious: (M, N) float in [0, 1], overlap of every object with every detection, see `box_ious`.
        scores: (N,) float, of the detections.
        iou_thr: In (0, 1].

    Returns:
        (M,) int64 in 0..N-1; -1 where it is missed.

    Raises:
        ValueError: If the shapes do not fit, or a score is NaN.
    """
    ious, scores = np.asarray(ious), np.asarray(scores)
    if ious.ndim != 2 or ious.shape[1:] != scores.shape:
        raise ValueError(
            f'ious {ious.shape}, scores {scores.shape}: must be (M, N), (N,), for M objects and N detections'
        )
    if np.isnan(scores).any():
        raise ValueError(f'the scores of {np.isnan(scores).sum()} of {len(scores)} detections are NaN')
    if not scores.size:
        return np.full(len(ious), -1, np.int64)
    covers = ious >= iou_thr
    best = np.where(covers, scores, -np.inf).argmax(axis=1)  # the first of those that tie
    return np.where(covers[np.arange(len(best)), best], best, -1).astype(np.int64)


def box_ious(boxes: ArrayLike, others: ArrayLike) -> FloatMatrix:
    """Intersection over union of every box with every other, as LVIS and COCO have it: a box has no extra pixel.

    Args:
        boxes: (M, 4) float, x1, y1, x2, y2; a box with x2 < x1 or y2 < y1 is empty.
        others: (N, 4) float, likewise.

    Returns:
        (M, N) float64 in [0, 1]; 0 of two empty boxes.

    Raises:
        ValueError: If the shapes do not fit, or a coordinate is NaN or infinite.
    """
    first, second = _checked(boxes, 'boxes'), _checked(others, 'others')
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = (high - low).clip(min=0).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def _checked(boxes: ArrayLike, what: str) -> FloatMatrix:
    array = np.asarray(boxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f'{what} have the shape {array.shape}: must be (M, 4), x1, y1, x2, y2 of each')
    if not np.isfinite(array).all():
        row = array[~np.isfinite(array).all(axis=1)][0]
        raise ValueError(f'{what} hold {row.tolist()}: must be finite numbers')
    return array


def _areas(boxes: FloatMatrix) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1), np.float64)
