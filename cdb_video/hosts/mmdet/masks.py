"""Masks in all forms that mmdet has them in, and how much they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from pycocotools import mask as coco

from cdb_video.difficulty.formulas import IntVector
from cdb_video.metrics.object_answers import FloatMatrix

RunLengths = dict[str, Any]
"""A mask as pycocotools takes it: 'size' (H, W), and 'counts'."""


def run_lengths(masks: Any, chosen: IntVector | None = None) -> list[RunLengths]:
    """Masks as run lengths.

    Args:
        masks: N of them: (N, H, W) bool or numbers, nonzero = inside, as a tensor or an array; BitmapMasks or
            PolygonMasks; or run lengths, compressed or not.
        chosen: (K,) int64, which of them; None = all.
    """
    numbers = list(range(len(masks))) if chosen is None else chosen.tolist()
    if not numbers:
        return []
    if isinstance(masks, PolygonMasks):
        return [_of_polygons(masks.masks[i], masks.height, masks.width) for i in numbers]
    if isinstance(masks, Sequence):
        return [_compressed(masks[i]) for i in numbers]
    pixels = (masks.masks if isinstance(masks, BitmapMasks) else masks)[numbers]
    if isinstance(pixels, torch.Tensor):
        pixels = pixels.detach().cpu().numpy()
    encoded: list[RunLengths] = coco.encode(np.asfortranarray((pixels != 0).transpose(1, 2, 0), np.uint8))
    return encoded


def mask_ious(masks: Sequence[RunLengths], others: Sequence[RunLengths]) -> FloatMatrix:
    """Intersection over union of every mask with every other; 0 of two empty ones.

    Args:
        masks: M of one size.
        others: N likewise.

    Returns:
        (M, N) float64 in [0, 1].

    Raises:
        ValueError: If the two have different sizes.
    """
    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    first, second = tuple(masks[0]['size']), tuple(others[0]['size'])
    if first != second:
        raise ValueError(
            f'the masks of the objects are {first[0]} x {first[1]}, those of the detections {second[0]} x {second[1]}: '
            'objects must have the size of the original image, so put LoadAnnotations behind Resize in the pipeline'
        )
    ious = np.asarray(coco.iou(list(others), list(masks), [0] * len(masks)), np.float64).T
    return np.nan_to_num(ious, nan=0.0)  # of two empty masks


def _of_polygons(polygons: Sequence[Any], height: int, width: int) -> RunLengths:
    parts = coco.frPyObjects([np.asarray(polygon).ravel().tolist() for polygon in polygons], height, width)
    merged: RunLengths = coco.merge(parts)
    return merged


def _compressed(mask: RunLengths) -> RunLengths:
    if isinstance(mask['counts'], list):
        compressed: RunLengths = coco.frPyObjects(mask, *mask['size'])
        return compressed
    return mask
