"""From the dumps of all folds to the difficulty of all training clips: checked, pooled, written and reported."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from cdb_video.class_names import class_label, counted
from cdb_video.cross_fit.clips import ListedClips
from cdb_video.cross_fit.division.plan import Plan
from cdb_video.cross_fit.pooling import PRIOR_CLIPS, CrossFit, cross_fit
from cdb_video.difficulty.counts import accuracy_numbers
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME, append_lines
from cdb_video.difficulty.records import Header, Record
from cdb_video.host_words import sample as sample_word
from cdb_video.host_words import samples as samples_word
from cdb_video.host_words import unit as unit_word
from cdb_video.host_words import units as units_word
from cdb_video.report.class_report.file import REPORT_NAME
from cdb_video.report.insight.insight import Insight, build_insight
from cdb_video.report.sources.dump import Predictions, clip_name, read_dump
from cdb_video.report.sources.run_files import DUMP_NAME
from cdb_video.report.sources.source import read_run
from cdb_video_files.atomic import write_atomically

_SHOWN = 10


class AnyScored(Protocol):
    """What all folds scored together, of clips as of objects in images."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """C names; None = they are not known."""

    @property
    def train_counts(self) -> IntVector:
        """(C,) int64, training clips, or objects in training images, of each class."""

    @property
    def train_images(self) -> IntVector | None:
        """(C,) int64, training images that show each class; None = a clip has one label."""

    @property
    def remarks(self) -> list[str]:
        """What whoever reads the difficulties must know of the scoring, in sentences."""

    def pooled(self, num_folds: int) -> CrossFit:
        """The difficulty of all training clips, or objects.

        Raises:
            ValueError: If no class can be measured.
        """

    def metrics(self, found: CrossFit) -> dict[str, float]:
        """Numbers over all that counts, by the name under which the metric of a run has them."""

    def dump(self, found: CrossFit) -> bytes:
        """All that counts, in the form of `cdb-video test --dump`."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of all training clips, each of the model that was trained without it.

    Attributes:
        clips: The training list.
        folds: (N,) int64 in 0..K-1.
        scores: (N, C) float.
        num_frames: (N,) int64, frames of each clip; None = the dumps do not say.
    """

    clips: ListedClips
    folds: IntVector
    scores: NDArray[np.floating[Any]]
    num_frames: IntVector | None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """C names; None = they are not known."""
        return self.clips.class_names

    @property
    def train_counts(self) -> IntVector:
        """(C,) int64, training clips of each class."""
        return np.bincount(self.clips.labels, minlength=self.scores.shape[1])

    @property
    def train_images(self) -> None:
        """Nothing: a clip has one label."""

    @property
    def remarks(self) -> list[str]:
        """Nothing: all clips are scored."""
        return []

    def pooled(self, num_folds: int) -> CrossFit:
        """See `AnyScored`."""
        return cross_fit(self.clips.labels, self.scores, self.folds, num_folds)

    def metrics(self, found: CrossFit) -> dict[str, float]:
        """The share of all clips that are right, as the first."""
        counts = found.counts
        numbers = accuracy_numbers(counts.num_clips, counts.num_correct)
        share = float(counts.num_correct.sum() / counts.num_clips.sum())
        return {'acc/top1': share} | {f'acc/{name}': number for name, number in numbers.items()}

    def dump(self, found: CrossFit) -> bytes:
        """The scores of the clips that count, in the form of `mim test --dump`."""
        return _dump(self, np.flatnonzero(found.is_counted))

    @classmethod
    def joined(cls, clips: ListedClips, folds: IntVector, dumps: Sequence[Predictions]) -> Scored:
        """Bring the scores of all folds into the order of the clips.

        Args:
            clips: The training list.
            folds: (N,) int64 in 0..K-1.
            dumps: Of every fold, its clips in the same order.
        """
        order = np.concatenate([np.flatnonzero(folds == fold) for fold in range(len(dumps))])
        back = np.argsort(order)
        frames = [number for dump in dumps for number in dump.num_frames or ()]
        return cls(
            clips,
            folds,
            np.concatenate([dump.scores for dump in dumps])[back],
            np.asarray(frames, np.int64)[back] if len(frames) == len(clips) else None,
        )


def check_dump(path: Path, clips: ListedClips, places: Sequence[int], list_path: Path) -> Predictions:
    """Read the scores of a fold, and see that they are of the clips of the fold, in the order of its list.

    Args:
        path: The dump.
        clips: The training list.
        places: Which of its clips are of the fold.
        list_path: The list of the fold, for the message.

    Raises:
        ValueError: If the dump cannot be read, or has other clips or labels.
    """
    found = read_dump(path)
    expected = [] if clips.paths is None else [clip_name(clips.paths[place]) for place in places]
    if not np.array_equal(found.labels, clips.labels[places]):
        fault = f'{len(found.labels)} {samples_word()} with other labels'
    elif found.clip_names is not None and clips.paths is not None and list(found.clip_names) != expected:
        fault = f'other {samples_word()}'
    else:
        return found
    raise ValueError(f'{path} has {fault} than {list_path}: remove it, and give the same command again')


def check_nothing_seen(plan: Plan, trained: Sequence[Sequence[str]], scored: Sequence[Sequence[str]]) -> None:
    """See that all clips were scored, and none by a model that was trained on it or on a clip of its group.

    Args:
        plan: Says the groups.
        trained: For every fold the clips that its model was trained on, as they were read from its list.
        scored: For every fold the clips that its model scored.

    Raises:
        ValueError: If one was, or one was not.
    """
    group_of = dict(zip(plan.clips, plan.groups or plan.clips, strict=True))
    times: dict[str, int] = dict.fromkeys(plan.clips, 0)
    for number, (seen, judged) in enumerate(zip(trained, scored, strict=True), 1):
        known = {group_of.get(clip) for clip in seen}
        for clip in judged:
            if clip not in times:
                raise ValueError(f'fold {number} scores {clip!r}, which is not in the plan. {_ANEW}')
            if group_of[clip] in known:
                what = (
                    f'that {sample_word()}'
                    if plan.groups is None
                    else f'a {sample_word()} of its group, {group_of[clip]!r}'
                )
                raise ValueError(f'fold {number} scores {clip!r}, and was trained on {what}. {_ANEW}')
            times[clip] += 1
    wrong = [clip for clip, number in times.items() if number != 1]
    if wrong:
        raise ValueError(
            f'{counted(len(wrong), f"{sample_word()} is", f"{samples_word()} are")} not scored exactly once, the first '
            f'is {wrong[0]!r} ({times[wrong[0]]} times). {_ANEW}'
        )


_ANEW = 'The files of the cross-fit were changed: remove the folder, or name another one by --work-dir'


def write_results(scored: AnyScored, found: CrossFit, folder: Path) -> list[Path]:
    """Write ``predictions.pkl`` and ``class_history.jsonl`` into a folder.

    Clips, or objects, that do not count, since the model that scored them never saw one of their class, are not in the
    dump.

    Returns:
        The paths.
    """
    dump = write_atomically(folder / DUMP_NAME, scored.dump(found))
    counts = found.counts
    record = Record(
        epoch=0,
        iteration=0,
        num_clips=counts.num_clips.tolist(),
        num_correct=counts.num_correct.tolist(),
        accuracy=counts.accuracy.tolist(),
        difficulty=found.difficulty.tolist(),
        consumers={},
        metrics=scored.metrics(found),
        source='cross-fit',
    )
    # Of one measurement the mean is that one.
    settings = {'measure': 'accuracy', 'momentum': 'mean', 'prior_count': PRIOR_CLIPS, 'min_difficulty': 0.0}
    # The same for the same, since a cross-fit can be repeated.
    run_id = hashlib.sha256(repr(record).encode()).hexdigest()[:32]
    images = scored.train_images
    header = Header(
        run_id,
        counts.num_classes,
        scored.class_names,
        scored.train_counts.tolist(),
        settings,
        train_images=None if images is None else images.tolist(),
    )
    (folder / REPORT_NAME).unlink(missing_ok=True)  # of an earlier result, if there is one; it is written anew
    history, unfinished = folder / HISTORY_NAME, folder / f'{HISTORY_NAME}.unfinished'
    unfinished.unlink(missing_ok=True)
    append_lines(unfinished, header, record)
    return [dump, unfinished.replace(history)]


def report_on(folder: Path) -> Insight:
    """What the report says of a folder with results."""
    return build_insight(read_run(folder, folder / DUMP_NAME))


def remarks_on(found: CrossFit, class_names: Sequence[str] | None) -> list[str]:
    """What whoever reads the difficulties must know, in sentences."""
    lines = [
        f'every class is counted with {PRIOR_CLIPS:g} more {units_word()} of the mean difficulty, '
        f'{found.mean_difficulty:.3f}',
    ]
    if found.unmeasured.size:
        names = ', '.join(class_label(class_names, label) for label in found.unmeasured[:_SHOWN].tolist())
        more = f' and {found.unmeasured.size - _SHOWN} more' if found.unmeasured.size > _SHOWN else ''
        who = counted(int(found.unmeasured.size), 'class is', 'classes are')
        left_out = counted(int((~found.is_counted).sum()), f'{unit_word()} is', f'{units_word()} are')
        lines.append(
            f'{who} not measured, for all {units_word()} of such a class are in one fold, and the model that scores '
            'them never '
            f'saw one: {names}{more}. They take the mean difficulty, and {left_out} left out'
        )
    return lines


def _dump(scored: Scored, places: IntVector) -> bytes:
    """The scores of the clips at these places, in the form of `mim test --dump`."""
    clips, rows = scored.clips, torch.from_numpy(scored.scores)
    samples = []
    for place in places.tolist():
        sample: dict[str, Any] = {
            'pred_score': rows[place].clone(),
            'gt_label': torch.tensor([int(clips.labels[place])]),
        }
        if clips.paths is not None:
            sample[clips.path_key or 'filename'] = clips.paths[place]
        if scored.num_frames is not None:
            sample['total_frames'] = int(scored.num_frames[place])
        samples.append(sample)
    return pickle.dumps(samples, protocol=2)  # as mmengine dumps
