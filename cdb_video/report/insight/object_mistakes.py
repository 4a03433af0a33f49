"""The mistakes of a detector: objects called by another name, the surest first, and the largest missed ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec

import numpy as np

from cdb_video.difficulty.formulas import IntVector
from cdb_video.report.insight.insight import Insight
from cdb_video.report.insight.mistake_choice import LISTED, MAX_BYTES, PICTURED
from cdb_video.report.insight.mistakes import Mistake
from cdb_video.report.insight.object_crops import crop_address
from cdb_video.report.sources.clip_pictures import pictures_of
from cdb_video.report.sources.object_dump import ObjectPredictions

MISSED_SHARE = 0.4
"""Of the mistakes that are shown, at most, where there are others."""


def worst_objects(insight: Insight, number: int = LISTED) -> tuple[list[Mistake], list[str]]:
    """The confused objects with the highest scores, and then the largest of those that were missed.

    The first `PICTURED` are both, and pictured; the others follow in the same order.

    Returns:
        The mistakes, and what the list lacks, in sentences.
    """
    dump = insight.run.objects
    if dump is None:
        return [], []
    pictured = _chosen(dump, min(number, PICTURED)).tolist()
    chosen = [*pictured, *[index for index in _chosen(dump, number).tolist() if index not in set(pictured)]][:number]
    paths = dump.image_paths
    names = dump.clip_names or [
        f'image {image}, object {place + 1}' for image, place in zip(*_where(dump), strict=True)
    ]
    crops, notes = _crops(insight, dump, pictured)
    missed = dump.is_missed
    return [
        Mistake(
            clip=names[index],
            label=int(dump.labels[index]),
            answer=None if missed[index] else int(dump.predicted[index]),
            truth=insight.name_of(int(dump.labels[index])),
            predicted=None if missed[index] else insight.name_of(int(dump.predicted[index])),
            score=None if missed[index] else float(dump.confidence[index]),
            true_score=None,
            strip=crops.get(index),
            path=None if paths is None else paths[dump.images[index]],
        )
        for index in chosen
    ], notes


def _chosen(dump: ObjectPredictions, number: int) -> IntVector:
    """Which objects are shown, in their order."""
    missed = np.flatnonzero(dump.is_missed)
    confused = np.flatnonzero((dump.predicted != dump.labels) & ~dump.is_missed)
    confused = confused[np.argsort(-dump.confidence[confused], kind='stable')]
    areas = (dump.boxes[missed, 2:] - dump.boxes[missed, :2]).clip(min=0).prod(axis=1)
    missed = missed[np.argsort(-areas, kind='stable')]
    most_missed = max(round(MISSED_SHARE * number), number - len(confused))
    missed = missed[:most_missed]
    return np.concatenate([confused[: number - len(missed)], missed])


def _where(dump: ObjectPredictions) -> tuple[list[int], list[int]]:
    return dump.images.tolist(), dump.places.tolist()


def _crops(insight: Insight, dump: ObjectPredictions, indices: list[int]) -> tuple[dict[int, str], list[str]]:
    """Crops by object, and why there are not more of them."""
    paths = dump.image_paths
    if not indices or paths is None or not insight.options.thumbnails:
        return {}, []
    if find_spec('cv2') is None:
        return {}, ['Pictures of the misclassified objects need OpenCV: pip install opencv-python-headless.']
    read = lru_cache(maxsize=4)(lambda path: pictures_of(insight.run.folder, path))
    crops: dict[int, str] = {}
    size, lacking = 0, _Lacking(len(indices))
    for index in indices:
        path = paths[dump.images[index]]
        pictures = read(path)
        if not pictures.frames:
            lacking.add(path, pictures.fault)
            continue
        found = None if dump.is_missed[index] else dump.found_boxes[index]
        try:
            crop = crop_address(pictures.frames[0], dump.boxes[index], found)
        except ValueError as error:
            lacking.add(path, f'{path}: {error}')
            continue
        size += len(crop)
        if size > MAX_BYTES:
            break
        crops[index] = crop
    return crops, lacking.sentences()


@dataclass
class _Lacking:
    """The objects without a picture, by what is wrong."""

    number: int
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def add(self, path: str, fault: str | None) -> None:
        if fault is None:
            self.missing.append(path)
        else:
            self.unreadable.append(fault)

    def sentences(self) -> list[str]:
        notes = []
        if self.missing:
            notes.append(
                f'No picture is at hand of {len(self.missing)} of the {self.number} objects looked at, whose '
                f'image is missing (the first is {self.missing[0]}): there is no such file, seen from the current '
                'folder, the work directory, or up to four folders above it.'
            )
        if self.unreadable:
            notes.append(
                f'No picture is at hand of {len(self.unreadable)} of the {self.number} objects looked at, whose '
                f'image cannot be shown (the first: {self.unreadable[0]}).'
            )
        return notes
