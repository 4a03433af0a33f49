"""Accuracy per class over the objects of images: which of them a detector calls by their name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_shot_thresholds
from cdb_video.difficulty.counts import ClassCounts, IntMatrix, accuracy_numbers, confusion_counts, group_means
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.tracking.set_order import Results, SampleRows, rows_in_order
from cdb_video.hosts.mmdet.instances import Detections, Objects, name_image
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.metrics.object_answers import object_answers

KINDS = ('bbox', 'segm')
_NUMBERS = ('mean1', 'hmean', 'worst')


class ObjectAccuracy(ClassAccuracy):
    """Accuracy per class over objects: beside CocoMetric or LVISMetric, and the measure of a class's difficulty.

    An object counts as right if the best-scored detection that overlaps it with an IoU of at least `iou_thr` has its
    class. Of detections that tie in score, the first in the order of the detector counts. An object that no detection
    overlaps so far is missed, an answer of its own. Objects that the dataset ignores, crowds among them, are left out.
    Of two objects in one place with different classes no more than one can be right.

    Only labelled objects are looked at, and no detection is held against a class. So labels that are not exhaustive, as
    LVIS has them (a class is labelled in some images, known to be absent from some, and unknown in the others), do no
    harm. Nor does a false positive on the background: look at AP for these.

    Returned as scalars, with the prefix 'obj': ``top1`` (share of all objects that are right), ``missed`` and
    ``confused`` (shares that are not found, and found under another name; the three add up to 1), ``mean1`` (mean
    class accuracy), ``hmean`` (harmonic mean of (k_c + 1/2) / (n_c + 1), k_c of the n_c objects of class c being
    right), ``worst`` (accuracy of the worst class); and ``many_shot``, ``medium_shot``, ``few_shot`` (mean class
    accuracy of the classes that so many training images show: LVIS's frequent, common and rare) where these images are
    known. Means run over the classes that have objects. Example::

        val_evaluator = [dict(type='LVISMetric', ...), dict(type='ObjectAccuracy')]

    The pipeline of the evaluated set must load the objects, and after the image was resized, since detections are in
    the size of the original: ``[..., dict(type='Resize', ...), dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs')]``, with ``with_mask=True`` for masks. Several processes: as `ClassAccuracy`.

    Args:
        by: 'bbox' or 'segm': what must overlap, boxes or masks. With masks the scores of masks count, where the
            detector gives some.
        iou_thr: Intersection over union at which a detection is on an object, in (0, 1].
        score_thr: Detections with a lower score are not looked at, in [0, 1).
        num_classes: Number of classes C; None = that of the class list of the dataset.
        shot_thresholds: (few, many): a class that fewer than `few` training images show is few-shot, one that more
            than `many` show is many-shot, the others are medium-shot. LVIS: rare <= 10, common <= 100.
        class_names: Names of the classes for messages and reports; None = the dataset's.
        collect_device: As in every metric of mmengine, and without effect: two integers an object go through the
            process group.
        prefix: Prefix of the keys; None = 'obj'.

    Attributes:
        counts_: `ClassCounts` of the last evaluation, of objects; the same on every rank; None before the first.
        outcomes_: Labels and answers of its objects, (N,) int64 each, the answer C being missed; on the main process
            only.

    Raises:
        ValueError: If an argument is out of range.
    """

    default_prefix = 'obj'
    counts_objects = True

    def __init__(
        self,
        by: str = 'bbox',
        iou_thr: float = 0.5,
        score_thr: float = 0.0,
        num_classes: int | None = None,
        shot_thresholds: Sequence[int] = (11, 100),
        class_names: Sequence[str] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        check_shot_thresholds(shot_thresholds)
        super().__init__(
            num_classes=num_classes,
            topk=1,
            shot_thresholds=shot_thresholds,
            class_names=class_names,
            collect_device=collect_device,
            prefix=prefix,
        )
        if by not in KINDS:
            raise ValueError(f"by={by!r}: must be 'bbox', to match boxes, or 'segm', to match masks")
        if not isinstance(iou_thr, int | float) or not 0 < iou_thr <= 1:
            raise ValueError(f'iou_thr={iou_thr!r}: must be above 0 and at most 1, as 0.5')
        if not isinstance(score_thr, int | float) or not 0 <= score_thr < 1:
            raise ValueError(f'score_thr={score_thr!r}: must be at least 0 and below 1')
        self.by = by
        self.iou_thr = iou_thr
        self.score_thr = score_thr
        self._train_images: IntVector | None = None

    @property
    def confusion(self) -> IntMatrix:
        """(C, C + 1) int64, objects of the class of the row by answer; the last column is missed. Main process only.

        Raises:
            ValueError: If nothing was evaluated yet.
        """
        if self.outcomes_ is None or self.counts_ is None:
            raise ValueError('there is no confusion before the first evaluation')
        num_classes = self.counts_.num_classes
        return confusion_counts(*self.outcomes_, num_classes, num_classes + 1)

    def set_train_images(self, num_images: ArrayLike) -> None:
        """Set how many training images show each class, (C,) int >= 0, by which the shot groups are made."""
        self._train_images = np.asarray(num_images, dtype=np.int64)

    @property
    def train_images(self) -> IntVector | None:
        """(C,) int64, how many training images show each class; None = not known."""
        return self._train_images

    def keep_probability(self, keep: bool = True) -> None:
        """Refuse to keep probabilities: a detection has a score of its own class alone.

        Raises:
            ValueError: If they are to be kept.
        """
        if keep:
            raise ValueError(
                "measure='probability' needs the probability of the true class of an object, and a detection has only "
                "that of its own: use measure='accuracy'"
            )

    def sure_keys(self, num_classes: int) -> list[str]:
        """None: an object can be missed, however few classes there are."""
        return []

    def compute_metrics(self, results: Results | Sequence[tuple[int, ...]]) -> dict[str, float]:
        """Turn what `process` kept into counts (`counts_`) and metrics, without prefix.

        Args:
            results: (N, 2) int64, one (label, answer) an object; the answer C is missed.

        Raises:
            ValueError: If there is no object, or a class has more objects than the set.
        """
        if len(results) == 0:
            raise ValueError(
                'no object was evaluated: either no image of the validation or test set has one, or the set is empty; '
                'check ann_file and metainfo of its dataset'
            )
        labels, answers = np.asarray(results, dtype=np.int64).T
        num_classes = self.known_classes()
        self.outcomes_ = labels, answers
        self.counts_ = counts = ClassCounts.of_answers(labels, answers, num_classes)
        self._check_counts(counts)
        is_right, is_missed = answers == labels, answers == num_classes
        shares = {'top1': is_right, 'missed': is_missed, 'confused': ~(is_right | is_missed)}
        metrics = {name: float(share.mean()) for name, share in shares.items()}
        metrics |= accuracy_numbers(counts.num_clips, counts.num_correct)
        return metrics | group_means(counts.accuracy, self._shot_groups(num_classes))

    def result_keys(self, num_clips: IntVector) -> list[str]:
        """The keys that `evaluate` will return, in their order.

        Args:
            num_clips: (C,) int >= 0, objects of each class in the set.
        """
        groups = self._shot_groups(len(num_clips))
        shots = [name for name, group in groups.items() if (group & (num_clips > 0)).any()]
        return [self._key(name) for name in ('top1', 'missed', 'confused', *_NUMBERS, *shots)]

    def _kept_of(self, data_samples: Sequence[dict[str, Any]]) -> Iterable[IntMatrix]:
        """For every image (M, 2) int64, the label and the answer of its M objects; M may be 0."""
        num_classes = self.known_classes()
        for sample in data_samples:
            yield self._answered(sample, num_classes)

    def _answered(self, sample: dict[str, Any], num_classes: int) -> IntMatrix:
        objects = Objects.of(sample, self.by, num_classes)
        if not len(objects.labels):
            return np.zeros((0, 2), np.int64)
        found = Detections.of(sample, self.by, num_classes, self.score_thr)
        try:
            ious = objects.ious(found)
            answers = object_answers(ious, found.scores, found.labels, missed=num_classes, iou_thr=self.iou_thr)
        except ValueError as error:
            raise ValueError(f'{name_image(sample)}: {error}') from error
        return np.stack([objects.labels, answers], axis=1)

    def _packed(self, kept: Sequence[IntMatrix]) -> SampleRows:
        numbers = np.asarray([len(rows) for rows in kept], np.int64)
        rows = np.concatenate([np.zeros((0, 2), np.int64), *kept])
        return SampleRows(rows, np.repeat(np.arange(len(kept)), numbers), len(kept))

    def _joined(self, parts: Sequence[SampleRows], size: int) -> Results:
        return rows_in_order(parts, size)

    def _grouped_by(self) -> IntVector | None:
        return self._train_images

    def known_classes(self) -> int:
        """C, as it was given or as the dataset lists its classes."""
        classes = (self.dataset_meta or {}).get('classes')
        if self.num_classes is None and classes is None:
            raise ValueError(
                'the number of classes is not known, since the dataset has no class list: set num_classes of '
                'ObjectAccuracy, or metainfo=dict(classes=...) of the dataset'
            )
        return self.num_classes if self.num_classes is not None else len(classes or ())
