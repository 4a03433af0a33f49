"""Accuracy per class, counted once per clip and summed over the processes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from numpy.typing import ArrayLike

from cdb_video.checks import check_class_names, check_num_classes, check_shot_thresholds
from cdb_video.class_names import class_label
from cdb_video.difficulty.counts import CLASS_NUMBERS, ClassCounts, shot_groups
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.tracking.outcomes import TOPK, Outcomes, default_topk
from cdb_video.difficulty.tracking.set_order import ONCE, Results, in_order
from cdb_video.host_words import unit, units, worded
from cdb_video.metrics.clip_outcomes import reduced
from cdb_video.processes import from_all, from_main, get_world_size

_LOG = logging.getLogger('cdb_video')


class ClassAccuracy(BaseMetric):
    """Top-k and per-class accuracy, in the place of mmaction2's AccMetric and with its keys.

    Returned as scalars, with the prefix 'acc': ``top1``, ``top5``, ``mean1`` (mean class accuracy), ``hmean``
    (harmonic mean of (k_c + 1/2) / (n_c + 1), k_c of the n_c clips of class c being right), ``worst`` (accuracy of the
    worst class), ``mean_precision``, ``macro_f1``, and ``many_shot``, ``medium_shot``, ``few_shot`` (mean class
    accuracy of the classes with that many training clips) where such classes exist and the training
    counts are known. All run over the classes that have clips; AccMetric instead counts a class that
    is predicted but has no clip as 0. ``hmean`` depends on n_c: compare it on one set alone.

    With several processes each clip counts once, if the sampler gives process r of W the clips r, r + W,
    r + 2 W, ... of the set and pads at the end, as DefaultSampler does, with `round_up` or without. Where
    the clips per class of the set are known, as in training with `ClassDifficultyHook`, another way of
    dividing is found and refused. An error in one process is raised in all of them, when they evaluate.

    Args:
        num_classes: Number of classes C; None = taken from the scores.
        topk: The k of the top-k accuracies; None = 1 and, with more than 5 classes, 5. Of k classes or fewer every
            clip is right: where `topk` asks for that, it is warned of.
        shot_thresholds: (few, many): a class with fewer than `few` training clips is few-shot, one with
            more than `many` is many-shot, the others are medium-shot.
        class_names: Names of the classes for messages and reports; None = the dataset's.
        collect_device: 'cpu' or 'gpu', as in every metric of mmengine, and without effect: four integers a clip
            always go through the process group (gloo or NCCL), never through a shared folder.
        prefix: Prefix of the keys; None = 'acc'.
        metric_list: AccMetric's argument, accepted so that a config can be merged over one with AccMetric:
            'top_k_accuracy' and 'mean_class_accuracy' are always returned.
        metric_options: AccMetric's argument; its ``top_k_accuracy.topk`` goes before `topk`.

    Attributes:
        counts_: `ClassCounts` of the last evaluation, the same on every rank; None before the first.
        outcomes_: Labels and predicted classes of its clips, (N,) int64 each; on the main process only.

    Raises:
        ValueError: If an argument is out of range.
    """

    default_prefix = 'acc'
    counts_objects = False
    """Whether what it counts are objects in a sample, of which there may be several; else the samples."""

    def __init__(
        self,
        num_classes: int | None = None,
        topk: int | Sequence[int] | None = None,
        shot_thresholds: Sequence[int] = (20, 100),
        class_names: Sequence[str] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        metric_list: str | Sequence[str] | None = None,
        metric_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if collect_device not in ('cpu', 'gpu'):
            raise ValueError(f"collect_device={collect_device!r}: must be 'cpu' or 'gpu'; it has no effect here")
        topk = _acc_metric_topk(metric_list, metric_options) or topk
        self._topk_is_given = topk is not None
        topk = TOPK if topk is None else topk
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        if not self.topk or not all(isinstance(k, int) and k >= 1 for k in self.topk):
            raise ValueError(f'topk={topk!r}: must be one or more whole numbers >= 1')
        check_shot_thresholds(shot_thresholds)
        check_num_classes(num_classes)
        check_class_names(class_names, num_classes)
        self.num_classes = num_classes
        self.shot_thresholds = tuple(shot_thresholds)
        self.class_names = None if class_names is None else tuple(class_names)
        self.counts_: ClassCounts | None = None
        self.outcomes_: tuple[IntVector, IntVector] | None = None
        self._train_counts: IntVector | None = None
        self._clip_counts: IntVector | None = None
        self._keeps_probability = False
        self._error: Exception | None = None

    def set_train_counts(self, train_counts: ArrayLike) -> None:
        """Set the training clips per class, (C,) int >= 0, by which the shot groups are made."""
        self._train_counts = np.asarray(train_counts, dtype=np.int64)

    def set_train_images(self, num_images: ArrayLike) -> None:
        """Set how many training samples show each class; of no effect, for those with one label are counted already."""

    def set_clip_counts(self, num_clips: ArrayLike) -> None:
        """Set the clips per class of the set that is evaluated, (C,) int >= 0, which no evaluation may exceed."""
        self._clip_counts = np.asarray(num_clips, dtype=np.int64)

    @property
    def clip_counts(self) -> IntVector | None:
        """(C,) int64, clips per class of the set that is evaluated; None = not known."""
        return self._clip_counts

    def keep_probability(self, keep: bool = True) -> None:
        """Let `counts_` have the mean probability of the true class, and refuse scores that are no probabilities."""
        self._keeps_probability = keep

    def sure_keys(self, num_classes: int) -> list[str]:
        """The keys of top-k accuracies that are 1 whatever the model does, since k is not below the number of classes.

        Args:
            num_classes: Number of classes C.
        """
        return [self._key(f'top{k}') for k in self._topk_of(num_classes) if k >= num_classes]

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Reduce each clip of a batch to (label, predicted class, rank of its label, number of classes).

        Args:
            data_batch: Not read.
            data_samples: One dict a clip, with 'pred_score' (C,) and 'gt_label' (1,).

        Raises:
            ValueError: If a clip has several labels, or a label outside 0..C-1.
            TypeError: If a clip has several kinds of scores.
                With several processes both wait for `evaluate`: raised here, they would leave the others waiting.
        """
        if not data_samples or self._error is not None:
            return
        try:
            self.results.extend(self._kept_of(data_samples))
        except Exception as error:  # whatever it is: the other processes wait for this one
            if get_world_size() == 1:
                raise
            _LOG.error(f'{type(self).__name__}, to be raised at the end of this evaluation: {error}')
            self._error = error

    def evaluate(self, size: int) -> dict[str, float]:
        """Count over all processes, and give the counts and the metrics to each of them.

        Args:
            size: Clips in the dataset; what the processes were padded with is dropped.

        Returns:
            The metrics by name, prefix included.

        Raises:
            ValueError: In every process, if there is no clip, a score is NaN, classes do not fit, or the sampler has
                not divided the clips among the processes.
            Exception: In every process, what `process` met in one of them.
        """
        parts = from_all(self._hand_over)

        def count() -> tuple[dict[str, float], ClassCounts | None]:
            return self.compute_metrics(self._joined(parts, size)), self.counts_

        metrics, self.counts_ = from_main(count)
        return {self._key(name): value for name, value in metrics.items()}

    def _hand_over(self) -> Any:
        """What this process has kept; the next evaluation starts anew, also after an error."""
        kept, error = list(self.results), self._error
        self.results.clear()
        self._error = None
        if error is not None:
            raise error
        return self._packed(kept)

    def _kept_of(self, data_samples: Sequence[dict[str, Any]]) -> Iterable[Any]:
        """What is kept of the samples of a batch, one entry each."""
        return reduced(data_samples, with_probability=self._keeps_probability)

    def _packed(self, kept: Sequence[Any]) -> Any:
        """The entries of this process as they go to the main one: (N, 4) int64, or (N, 5)."""
        return np.array(kept, dtype=np.int64).reshape(-1, 5 if self._keeps_probability else 4)

    def _joined(self, parts: Sequence[Any], size: int) -> Results:
        """The entries of all processes in the order of the set, without what they were padded with."""
        return in_order(parts, size)

    def compute_metrics(self, results: Results | Sequence[tuple[int, ...]]) -> dict[str, float]:
        """Turn what `process` kept into counts (`counts_`) and metrics, without prefix.

        Args:
            results: (N, 4) int64, one (label, predicted class, rank of the label, number of classes) a clip; after
                `keep_probability` with the bits of the probability as a fifth.

        Raises:
            ValueError: If there is no clip, a score is NaN, the numbers of classes differ, or a class has more clips
                than the set.
        """
        if len(results) == 0:
            raise ValueError(
                f'no {unit()} was evaluated: the validation or test set is empty; check ann_file of its dataset'
            )
        outcomes = Outcomes.of(np.asarray(results), self.num_classes)
        num_classes = outcomes.num_classes
        self.outcomes_ = outcomes.labels, outcomes.predicted
        self.counts_ = outcomes.counts
        self._check_counts(self.counts_)
        metrics = outcomes.top_accuracies(self._topk_of(num_classes))
        return metrics | self.counts_.means(self._shot_groups(num_classes))

    def result_keys(self, num_clips: IntVector) -> list[str]:
        """The keys that `evaluate` will return for a set of clips, in their order.

        A class that overrides `compute_metrics` and returns other keys overrides this too, or it counts as one of which
        no more than the prefix is known.

        Args:
            num_clips: (C,) int >= 0, clips of each class in the set.
        """
        groups = self._shot_groups(len(num_clips))
        shots = [name for name, group in groups.items() if (group & (num_clips > 0)).any()]
        names = [*(f'top{k}' for k in self._topk_of(len(num_clips))), *CLASS_NUMBERS, *shots]
        return [self._key(name) for name in names]

    def _check_counts(self, counts: ClassCounts) -> None:
        """Check what was counted against the clips of the set, where these are known."""
        if self._clip_counts is not None:
            _check_clip_counts(counts, self._clip_counts, self.class_names)

    def _topk_of(self, num_classes: int) -> tuple[int, ...]:
        """The k that are returned for so many classes."""
        return self.topk if self._topk_is_given else default_topk(num_classes, self.topk)

    def _key(self, name: str) -> str:
        return f'{self.prefix}/{name}' if self.prefix else name

    def _shot_groups(self, num_classes: int) -> dict[str, np.ndarray]:
        """(C,) bool masks of many-, medium- and few-shot classes; none while the training counts are not known."""
        counts = self._grouped_by()
        if counts is None:
            return {}
        if len(counts) != num_classes:
            raise ValueError(
                f'the training counts are for {len(counts)} classes, the scores for '
                f'{num_classes}: num_classes of the head and of the data must agree'
            )
        return shot_groups(counts, self.shot_thresholds)

    def _grouped_by(self) -> IntVector | None:
        """The counts by which the shot groups are made, (C,) int64; None = not known."""
        return self._train_counts


def _check_clip_counts(counts: ClassCounts, expected: IntVector, class_names: Sequence[str] | None) -> None:
    """No clip may count twice; that some are left out is the user's choice, and said."""
    if np.array_equal(expected, counts.num_clips):
        return
    if len(expected) != counts.num_classes:
        raise ValueError(
            f'the evaluated set has {len(expected)} classes, the model scores {counts.num_classes}: num_classes of '
            'the head and of the data must agree'
        )
    more = np.flatnonzero(counts.num_clips > expected)
    if more.size:
        raise ValueError(
            f'{class_label(class_names, more[0])} has {expected[more[0]]} {units()} in the evaluated set, and '
            f'{counts.num_clips[more[0]]} were counted: {worded(ONCE)}, or the pipeline changes labels'
        )
    _LOG.warning(
        f'{counts.num_clips.sum()} of the {expected.sum()} {units()} of the set were evaluated: is drop_last=True in '
        'its dataloader, or does its sampler leave some out?'
    )


def _acc_metric_topk(metric_list: str | Sequence[str] | None, metric_options: dict[str, Any] | None) -> Any:
    """The topk among the arguments of AccMetric, None if they give none; what ClassAccuracy has not is refused."""
    wanted = [metric_list] if isinstance(metric_list, str) else list(metric_list or [])
    unknown = sorted({*wanted, *(metric_options or {})} - {'top_k_accuracy', 'mean_class_accuracy'})
    if unknown:
        raise ValueError(
            f'metric_list or metric_options ask for {", ".join(unknown)}, which ClassAccuracy does not compute: add '
            '_delete_=True to its dict to drop what the base config asks for, or list AccMetric beside it'
        )
    return (metric_options or {}).get('top_k_accuracy', {}).get('topk')
