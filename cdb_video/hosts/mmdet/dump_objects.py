"""A dump of what a detector called each object of the images that it was tested on, for reports and their pictures."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import DumpResults
from mmengine.fileio import dump

from cdb_video.hosts.mmdet.instances import Detections, Objects, boxes_of, name_image
from cdb_video.hosts.mmdet.object_accuracy import ObjectAccuracy
from cdb_video.metrics.object_answers import answering
from cdb_video.processes import from_all, from_main, get_world_size

_LOG = logging.getLogger('cdb_video')


class DumpObjects(DumpResults):
    """Writes a dict an image, as a pickle of arrays and text, which `cdb-video report` and `compare` read.

    `cdb-video test --dump FILE` adds it to the metrics of a detector, with the settings of `ObjectAccuracy` there, so
    that an object has the same answer in both. In a config::

        test_evaluator = [dict(type='ObjectAccuracy'), dict(type='DumpObjects', out_file_path='predictions.pkl')]

    In each dict of an image with M objects: ``img_path`` where it is known, ``num_classes``; ``gt_labels`` and
    ``answers``, (M,) int64, the answer C being missed; ``scores``, (M,) float32, and ``bboxes``, (M, 4) float32, of the
    detection that answered, NaN where it is missed; ``gt_bboxes``, (M, 4) float32, of the objects.

    mmdet's own DumpDetResults keeps all detections, and not the objects, so no report can be made of its file.

    Args:
        out_file_path: Ends in .pkl or .pickle.
        by: As of `ObjectAccuracy`, as are the next three.
        iou_thr: Intersection over union at which a detection is on an object.
        score_thr: Detections with a lower score are not looked at.
        num_classes: Number of classes C; None = that of the class list of the dataset.
        collect_device: As in every metric of mmengine, and without effect: the dicts go through the process group.

    Raises:
        ValueError: If an argument is out of range.
    """

    of_objects = True

    def __init__(
        self,
        out_file_path: str,
        by: str = 'bbox',
        iou_thr: float = 0.5,
        score_thr: float = 0.0,
        num_classes: int | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        if not str(out_file_path).endswith(('.pkl', '.pickle')):
            raise ValueError(f'out_file_path={out_file_path!r}: must end in .pkl or .pickle')
        super().__init__(out_file_path=str(out_file_path), collect_device=collect_device)
        self._settings = ObjectAccuracy(by, iou_thr, score_thr, num_classes)
        self._error: Exception | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep of each image what the file is to have.

        Raises:
            ValueError: If the objects were not loaded, or labels, boxes or masks do not fit. With several processes it
                waits for `evaluate`: raised here, it would leave the others waiting.
        """
        if self._error is not None:
            return
        try:
            self._settings.dataset_meta = self.dataset_meta
            self.results.extend([self._entry(sample) for sample in data_samples])
        except Exception as error:  # whatever it is: the other processes wait for this one
            if get_world_size() == 1:
                raise
            self._error = error

    def evaluate(self, size: int) -> dict[str, Any]:
        """Write the file, in the main process, with the images in the order of the set.

        Args:
            size: Images in the dataset; what the processes were padded with is dropped.

        Returns:
            No metric.

        Raises:
            OSError: In every process, if it cannot be written.
            Exception: In every process, what `process` met in one of them.
        """
        parts = from_all(self._hand_over)
        from_main(lambda: self._write(parts, size))
        return {}

    def _hand_over(self) -> list[dict[str, Any]]:
        kept, error = list(self.results), self._error
        self.results.clear()
        self._error = None
        if error is not None:
            raise error
        return kept

    def _write(self, parts: Sequence[list[dict[str, Any]]], size: int) -> None:
        ordered = [entry for row in itertools.zip_longest(*parts) for entry in row if entry is not None][:size]
        dump(ordered, self.out_file_path)
        _LOG.info(f'objects of {len(ordered)} images: {self.out_file_path}')

    def _entry(self, sample: dict[str, Any]) -> dict[str, Any]:
        settings = self._settings
        num_classes = settings.known_classes()
        objects = Objects.of(sample, settings.by, num_classes)
        number = len(objects.labels)
        answers = np.full(number, num_classes, np.int64)
        scores = np.full(number, np.nan, np.float32)
        boxes = np.full((number, 4), np.nan, np.float32)
        if number:
            found = Detections.of(sample, settings.by, num_classes, settings.score_thr)
            try:
                chosen = answering(objects.ious(found), found.scores, iou_thr=settings.iou_thr)
            except ValueError as error:
                raise ValueError(f'{name_image(sample)}: {error}') from error
            named = chosen >= 0
            answers[named], scores[named] = found.labels[chosen[named]], found.scores[chosen[named]]
            boxes[named] = boxes_of(sample['pred_instances'])[found.kept[chosen[named]]]
        path = sample.get('img_path')
        return ({'img_path': str(path)} if path else {}) | {
            'num_classes': num_classes,
            'gt_labels': objects.labels,
            'answers': answers,
            'scores': scores,
            'gt_bboxes': _object_boxes(sample, number),
            'bboxes': boxes,
        }


def _object_boxes(sample: dict[str, Any], number: int) -> Any:
    """(M, 4) float32, the boxes of the objects, which masks alone are matched without."""
    objects = sample['gt_instances']
    if 'bboxes' not in objects:
        raise ValueError(
            f'{name_image(sample)}: gt_instances has no bboxes, which pictures of its {number} objects need: set '
            'with_bbox=True of LoadAnnotations'
        )
    return boxes_of(objects).astype(np.float32)
