"""A trained detector and its test pipeline: image files -> objects with boxes, names and scores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cdb_video.checks import check_positive
from cdb_video.host_words import DETECTION, speaking
from cdb_video.hosts.mmaction.pipelines import kind_of
from cdb_video.inference.checkpoint import load_weights, read_checkpoint
from cdb_video.inference.detection.results import Found, FoundObject
from cdb_video.inference.image_reading import ImagePipeline
from cdb_video.inference.load import build_parts, check_device, class_names_of, image_steps
from cdb_video.inference.predict import cause_of, is_no_memory
from cdb_video.inference.results import Failure
from cdb_video.inference.settings import find_settings
from cdb_video.inference.work_dir import check_folder, find_checkpoint, find_config

_LOADS_OBJECTS = 'Annotations'  # as in LoadAnnotations: new images have none


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector that is ready to look at images; `load_detector` makes it from a work directory.

    Images are looked at one by one: those of a batch are filled up to one size, and what is found in one would hang on
    the others.

    Attributes:
        model: The network, in evaluation mode, on its device.
        pipeline: Reads images as the test of the training reads them.
        class_names: In the order of the labels.
        config: The file that holds the config: one of its own, or the checkpoint.
        checkpoint: The file of the weights.
        reason: Why it is this checkpoint.
    """

    model: Any
    pipeline: ImagePipeline
    class_names: tuple[str, ...]
    config: Path
    checkpoint: Path
    reason: str

    def detect(self, path: str | os.PathLike[str], *, score_threshold: float = 0.3, topk: int | None = None) -> Found:
        """What is found in an image.

        Args:
            path: The file.
            score_threshold: Objects with a lower score are left out, in [0, 1].
            topk: Most objects, those with the best scores; None = all.

        Raises:
            ImageFileError: If the file is missing, no image or damaged.
            ValueError: If a score or a box is not finite, or there is too little memory.
        """
        name = os.fspath(path)
        check_positive(topk=1 if topk is None else topk)
        sample = self._tested(self.pipeline.read(name).packed)
        found = sample.pred_instances
        scores, labels = (found[key].detach().cpu().numpy() for key in ('scores', 'labels'))
        boxes = getattr(found.bboxes, 'tensor', found.bboxes).detach().cpu().numpy().reshape(-1, 4)
        if not (np.isfinite(scores).all() and np.isfinite(boxes).all()):
            raise ValueError('scores or boxes are NaN or infinite: the model has diverged; take another checkpoint')
        order = np.argsort(-scores, kind='stable')
        kept = order[scores[order] >= score_threshold][:topk]
        height, width = sample.ori_shape[:2]
        objects = tuple(
            FoundObject(
                int(labels[place]),
                self.class_names[int(labels[place])],
                float(scores[place]),
                _box(boxes[place]),
            )
            for place in kept.tolist()
        )
        return Found(name, objects, int(width), int(height))

    def detect_all(
        self, paths: Iterable[str | os.PathLike[str]], *, score_threshold: float = 0.3, topk: int | None = None
    ) -> Iterator[Found | Failure]:
        """What is found in many images, in their order; one that fails costs the others nothing."""
        for path in paths:
            name = os.fspath(path)
            try:
                yield self.detect(name, score_threshold=score_threshold, topk=topk)
            except Exception as error:  # whatever it is, it is said with the image, and the next one is read
                yield Failure(name, cause_of(error, name))

    def _tested(self, packed: Mapping[str, Any]) -> Any:
        try:
            with torch.no_grad():
                return self.model.test_step({key: [value] for key, value in packed.items()})[0]
        except RuntimeError as error:
            if not is_no_memory(error):
                raise
            device = next(self.model.parameters()).device
            raise ValueError(f'{device} has too little memory for it: make it smaller, or take the CPU') from error


def load_detector(
    work_dir: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    device: str | None = None,
) -> Detector:
    """Make the detector of a work directory ready to look at images.

    Args:
        work_dir: Of a training.
        checkpoint: A file, here or in `work_dir`; None = the best one, or the newest where the run kept no best.
        config: Likewise; None = the one that the checkpoint holds, or, where it holds none, the only one in `work_dir`.
        device: As torch names it; None = 'cuda' where there is one, else 'cpu'.

    Raises:
        FileNotFoundError: If there is no such folder, no config or no checkpoint.
        ImportError: If mmdet cannot be imported.
        ValueError: If several files could be meant, the checkpoint cannot be read or is of another model or class list,
            or the config cannot be built.
    """
    place, folder = check_device(device), Path(work_dir)
    check_folder(folder)
    named = None if config is None else find_config(folder, Path(config))
    chosen = find_checkpoint(folder, None if checkpoint is None else Path(checkpoint))
    weights = read_checkpoint(chosen.path)
    source = find_settings(folder, named, weights, of_objects=True)
    settings, called = source.values, source.called
    names = class_names_of(settings, called, weights, folder)
    with speaking(DETECTION):
        steps = [step for step in image_steps(settings, called) if not kind_of(step).endswith(_LOADS_OBJECTS)]
        model, transforms = build_parts(settings, steps, called, DETECTION)
    names = _checked_names(model, names, called)
    load_weights(model, weights, called)
    model.to(place).eval()
    pipeline = ImagePipeline(transforms, packing=DETECTION.packing)
    return Detector(model, pipeline, names, source.path, chosen.path, chosen.reason)


def _checked_names(model: nn.Module, names: tuple[str, ...] | None, called: str) -> tuple[str, ...]:
    """The names of the classes, as many as the heads that score boxes know."""
    heads: Any = getattr(getattr(model, 'roi_head', model), 'bbox_head', None)
    each: list[Any] = list(heads) if isinstance(heads, nn.ModuleList) else [heads]
    numbers = {int(head.num_classes) for head in each if getattr(head, 'num_classes', None) is not None}
    if names is None and len(numbers) == 1:
        return tuple(f'class {label}' for label in range(numbers.pop()))
    if names is None:
        raise ValueError(
            f'{called}: the names of its classes are not known: set metainfo=dict(classes=...) in '
            'test_dataloader.dataset'
        )
    other = next((number for number in numbers if number != len(names)), None)
    if other is not None:
        raise ValueError(
            f'the model of {called} has {other} classes, its class list {len(names)}: name config and checkpoint of '
            'one run, by --config and --checkpoint'
        )
    return names


def _box(values: Any) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(value) for value in values)
    return x1, y1, x2, y2
