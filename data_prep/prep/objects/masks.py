"""Whether the mask of an object is one, and where it ends. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdb_video_files.json_checks import is_number
from cdb_video_files.objects.run_lengths import RunLengthError, bounds_of_runs, read_runs

Bounds = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

_FEWEST = 6
"""Numbers of a polygon: three corners."""


class MaskError(ValueError):
    """A mask is none; the message says why, without its place."""


def bounds_of_mask(segmentation: Any, width: int, height: int) -> Bounds:
    """Where a mask ends.

    Args:
        segmentation: Polygons, or run lengths, as JSON gave them.
        width: Of the image.
        height: Likewise.

    Raises:
        MaskError: If it is no mask, or an empty one.
    """
    if isinstance(segmentation, list):
        return _bounds_of_polygons(segmentation)
    try:
        runs, *size = read_runs(segmentation)
    except RunLengthError as error:
        raise MaskError(str(error)) from None
    if size != [height, width]:
        raise MaskError(f'run lengths are of {size[1]}x{size[0]} pixels, the image has {width}x{height}')
    bounds = bounds_of_runs(runs, height)
    if bounds is None:
        raise MaskError('run lengths have no pixel of the object')
    return bounds


def _bounds_of_polygons(polygons: Sequence[Any]) -> Bounds:
    if not polygons:
        raise MaskError('no polygon in it')
    for polygon in polygons:
        if not isinstance(polygon, list) or not all(map(is_number, polygon)):
            raise MaskError('a polygon has something else than numbers: x, y, x, y, ...')
        if len(polygon) < _FEWEST or len(polygon) % 2:
            raise MaskError(f'a polygon has {len(polygon)} numbers, an even number of {_FEWEST} or more is needed')
    across = [x for polygon in polygons for x in polygon[0::2]]
    down = [y for polygon in polygons for y in polygon[1::2]]
    bounds = min(across), min(down), max(across), max(down)
    if bounds[0] == bounds[2] or bounds[1] == bounds[3]:
        raise MaskError('the polygons have no width or no height')
    return bounds
