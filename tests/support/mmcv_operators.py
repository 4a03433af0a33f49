"""For tests only: mmcv's compiled operators nms and roi_align in plain torch, so that detectors train beside mmcv-lite.

Importing this module puts a stand-in for `mmcv._ext` in place, unless mmcv came with its own: import it before
`mmcv.ops`, in a config as ``custom_imports = dict(imports=['tests.support.mmcv_operators', 'cdb_video'])``. All other
operators can be imported, and refuse when they are called. mmengine's `mmcv_full_available()` looks for a module with a
loader and stays False, as it must: where it is True, mmengine takes other operators for granted.

The conventions are those of mmcv 2.1 on the CPU: a pair of boxes is suppressed where the overlap is above the
threshold, `offset` is added to widths and heights, RoIAlign samples 0 farther than a pixel outside of the image.
"""

import importlib.machinery
import importlib.util
import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

NAME = 'mmcv._ext'


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Greedy non-maximum suppression, the first of equal scores first.

    Args:
        boxes: (N, 4) float, x1, y1, x2, y2.
        scores: (N,) float.
        iou_threshold: A box is dropped whose IoU with a better one that stays is above this.
        offset: 0 or 1, what is added to widths and heights.

    Returns:
        (K,) int64, indices of the boxes that stay, the best first.
    """
    order = scores.argsort(descending=True, stable=True)
    rest = boxes[order].detach().cpu().numpy()  # numpy's small steps cost a fifth of torch's
    size = (rest[:, 2] - rest[:, 0] + offset) * (rest[:, 3] - rest[:, 1] + offset)
    numbers, kept = np.arange(len(rest)), []
    while len(rest):
        best, others = rest[0], rest[1:]
        kept.append(int(numbers[0]))
        sides = np.minimum(best[2:], others[:, 2:]) - np.maximum(best[:2], others[:, :2]) + offset
        common = sides.clip(0).prod(axis=1)
        with np.errstate(invalid='ignore'):  # of two empty boxes, which stay
            stay = ~(common / (size[0] + size[1:] - common) > iou_threshold)
        rest, size, numbers = others[stay], size[1:][stay], numbers[1:][stay]
    return order[torch.as_tensor(kept, dtype=torch.int64, device=order.device)]


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the mean of the features in each cell of each region to `output`, (R, C, height, width).

    Args:
        features: (B, C, H, W) float.
        rois: (R, 5) float, number of the image, x1, y1, x2, y2.
        output: Is written.
        argmax_y: For the maximum; stays as it is.
        argmax_x: Likewise.
        aligned_height: Cells of a region.
        aligned_width: Likewise.
        spatial_scale: From the boxes to the features.
        sampling_ratio: Samples a cell and axis; 0 = one for each pixel begun.
        pool_mode: 1, the mean.
        aligned: Whether a pixel's centre lies at half a pixel.
    """
    rows, columns = _axes(
        features, rois, aligned_height, aligned_width, spatial_scale, sampling_ratio, aligned, pool_mode
    )
    image = rois[:, 0].long()
    for number in torch.unique(image):
        own = image == number
        output[own] = torch.einsum('rph,chw,rqw->rcpq', rows[own], features[number], columns[own])


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient of the features to `grad_input`; the arguments are those of `roi_align_forward`."""
    rows, columns = _axes(
        grad_input, rois, aligned_height, aligned_width, spatial_scale, sampling_ratio, aligned, pool_mode
    )
    image = rois[:, 0].long()
    for number in torch.unique(image):
        own = image == number
        grad_input[number] += torch.einsum('rph,rcpq,rqw->chw', rows[own], grad_output[own], columns[own])


def _axes(
    features: Tensor,
    rois: Tensor,
    height: int,
    width: int,
    scale: float,
    ratio: int,
    aligned: bool,
    pool_mode: int,
) -> tuple[Tensor, Tensor]:
    """What each row, and each column, of the features gives to each cell: (R, height, H) and (R, width, W).

    The mean over a grid of bilinear samples is the product of one mean for each axis.
    """
    if pool_mode != 1:
        raise NotImplementedError(f'pool_mode={pool_mode}: this stand-in of RoIAlign has the mean alone')
    begin, end = (rois[:, at] * scale - (0.5 if aligned else 0.0) for at in (slice(1, 3), slice(3, 5)))
    extent = end - begin
    if not aligned:
        extent = extent.clamp(min=1.0)
    sides = ((1, height, features.shape[2]), (0, width, features.shape[3]))
    rows, columns = (_of_axis(begin[:, at], extent[:, at], cells, ratio, pixels) for at, cells, pixels in sides)
    return rows, columns


def _of_axis(begin: Tensor, extent: Tensor, cells: int, ratio: int, pixels: int) -> Tensor:
    """(R, cells, pixels) of `_shares`, at once where all regions have as many samples."""
    if ratio > 0:
        return _shares(begin, extent, cells, ratio, pixels)
    each = [
        _shares(begin[one : one + 1], extent[one : one + 1], cells, math.ceil(extent[one] / cells), pixels)
        for one in range(len(begin))
    ]
    return torch.cat([begin.new_zeros(0, cells, pixels), *each])


def _shares(begin: Tensor, extent: Tensor, cells: int, samples: int, pixels: int) -> Tensor:
    """(R, cells, pixels): what each pixel of an axis gives to the mean of the samples in each cell of R regions."""
    if samples <= 0:
        return begin.new_zeros(len(begin), cells, pixels)
    steps = torch.arange(cells * samples, dtype=begin.dtype, device=begin.device) + 0.5
    at = begin[:, None] + steps * extent[:, None] / (cells * samples)
    inside = (at >= -1) & (at <= pixels)
    distance = (at.clamp(0, pixels - 1)[..., None] - torch.arange(pixels, dtype=at.dtype, device=at.device)).abs()
    shares = (1 - distance).clamp(min=0) * inside[..., None]
    return shares.view(len(begin), cells, samples, pixels).mean(dim=2)


class _Operators(ModuleType):
    """The stand-in for the compiled module: mmcv asks at import whether it has each of its operators."""

    nms = staticmethod(nms)
    roi_align_forward = staticmethod(roi_align_forward)
    roi_align_backward = staticmethod(roi_align_backward)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('__'):
            raise AttributeError(name)

        def refuse(*args: Any, **kwargs: Any) -> NoReturn:
            raise NotImplementedError(f'{name}: this stand-in for the compiled operators of mmcv has nms and roi_align')

        return refuse


def stand_in() -> bool:
    """Put the stand-in in place where mmcv is and has no compiled operators; whether it is there now."""
    if NAME not in sys.modules and importlib.util.find_spec('mmcv') and importlib.util.find_spec(NAME) is None:
        module = _Operators(NAME)
        module.__spec__ = importlib.machinery.ModuleSpec(NAME, None)  # no loader
        sys.modules[NAME] = module
    return isinstance(sys.modules.get(NAME), _Operators)


stand_in()
