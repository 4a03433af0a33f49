"""Copies of images with boxes, names and scores drawn into them."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from cdb_video.inference.detection.results import Found, FoundObject
from cdb_video_files.atomic import write_atomically
from cdb_video_files.images.faults import UNDECODABLE
from cdb_video_files.noted_paths import below_shared_folder

_WRITTEN = ('.jpg', '.jpeg', '.png')
_GOLDEN = 0.618034
"""Steps of hue by which neighbouring classes differ."""


def places_in(folder: Path, paths: Sequence[str]) -> dict[str, Path]:
    """Where the copy of each image goes: below the folder as it lies below the folder of all of them.

    Args:
        folder: Of the copies.
        paths: Of the images.

    Raises:
        ValueError: If a copy would lie in the place of an image.
    """
    names = below_shared_folder([os.path.abspath(path).replace('\\', '/') for path in paths])
    places = {path: folder / _written(name) for path, name in zip(paths, names, strict=True)}
    originals = {Path(path).resolve() for path in paths}
    lost = next((place for place in places.values() if place.resolve() in originals), None)
    if lost is not None:
        raise ValueError(
            f'--draw {folder}: {lost} is one of the images, which its copy would replace: name another folder'
        )
    return places


def draw_found(found: Found, places: Mapping[str, Path]) -> Path:
    """Write the copy of an image with all that was found in it.

    Raises:
        ValueError: If the image cannot be read any more.
        OSError: If writing fails.
    """
    picture = cv2.imdecode(np.frombuffer(Path(found.path).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f'{found.path} {UNDECODABLE}')
    for one in reversed(found.objects):  # the best on top
        _draw(picture, one)
    place = places[found.path]
    place.parent.mkdir(parents=True, exist_ok=True)
    _, content = cv2.imencode(place.suffix, picture)
    return write_atomically(place, content.tobytes())


def _written(name: str) -> str:
    return name if Path(name).suffix.lower() in _WRITTEN else f'{name}.png'


def _draw(picture: np.ndarray, one: FoundObject) -> None:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(one.label * _GOLDEN % 1, 0.9, 0.9))
    colour = (blue, green, red)
    thick = max(1, round(max(picture.shape[:2]) / 400))
    x1, y1, x2, y2 = (round(value) for value in one.box)
    cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thick)
    text = f'{one.name} {one.score:.2f}'.encode('ascii', 'replace').decode()  # OpenCV has no other letters
    size = max(0.35, max(picture.shape[:2]) / 1600)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    left = min(max(x1, 0), max(picture.shape[1] - width, 0))
    base = max(y1 - below, height)
    cv2.rectangle(picture, (left, base - height), (left + width, base + below), colour, cv2.FILLED)
    cv2.putText(picture, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), thick, cv2.LINE_AA)
