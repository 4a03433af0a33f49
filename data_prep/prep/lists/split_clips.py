"""Annotations -> train, val and test clips with 0-based labels, and counts of them. Pure functions.

parse_hold_out('subjects:P20-P26') -> what is held out for validation
label_clips                        -> clips with labels, checked against the index file
hold_out_clips                     -> the parts; choose_hold_out.py settles subjects:N and stratified:0.1 first
summarise                          -> counts per class and part, as written to summary.json
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, quantiles
from typing import Any, Protocol

from cdb_video_files.annotations import Annotation
from cdb_video_files.clip_names import ClipName

LABELS = ('verb', 'noun', 'action')
PARTS = ('train', 'val', 'test')
# Below this many validation clips one clip moves a class's accuracy by 25 points or more.
FEW_CLIPS = 5

_COUNT = re.compile(r'[1-9][0-9]{0,3}')
_SHARE = re.compile(r'0?\.[0-9]{1,9}')
_SUBJECT = re.compile(r'([A-Za-z]+)([0-9]+)')


class SplitError(ValueError):
    """What was asked for does not fit the annotations; the message says what and why."""


class Clip(Protocol):
    """What `summarise` asks of a clip, which must be hashable: EGTEA's `ClipName`, or that of another data set."""

    @property
    def subject(self) -> str:
        """Who or what the clip belongs to."""

    @property
    def session(self) -> str:
        """The recording that it was cut from."""


class Labelled(Protocol):
    """A clip of any data set and its class, counted from 0."""

    @property
    def clip(self) -> Clip:
        """See `Clip`."""

    @property
    def label(self) -> int:
        """From 0."""


@dataclass(frozen=True)
class LabelledClip:
    """A clip and its class, counted from 0."""

    clip: ClipName
    label: int


@dataclass(frozen=True)
class HoldOut:
    """Which clips of the training split are kept for validation.

    Attributes:
        text: As written on the command line.
        subjects: The subjects to hold out; empty = none, or not chosen yet.
        num_subjects: How many subjects to choose, of `subjects:7`; None = they are named.
        share: Share of every class's clips to hold out, of `stratified:0.1`, in (0, 1); None = by subject.
        seed: Which clips `stratified` draws, >= 0.
        clips: The clips that `stratified` drew; empty = not drawn yet.
    """

    text: str
    subjects: tuple[str, ...]
    num_subjects: int | None = None
    share: float | None = None
    seed: int = 0
    clips: frozenset[ClipName] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether subjects or clips are still to be chosen, by `choose_hold_out.settle`."""
        return (self.num_subjects is not None and not self.subjects) or (self.share is not None and not self.clips)

    @property
    def suffix(self) -> str:
        """What the lists' folder name ends in: '', '_subjects-P20-P26', '_stratified-0.1', '_stratified-0.1-seed3'."""
        if self.text == 'none':
            return ''
        seed = f'-seed{self.seed}' if self.share is not None and self.seed else ''
        return '_' + self.text.replace(':', '-').replace(',', '+') + seed


def parse_hold_out(text: str, seed: int = 0) -> HoldOut:
    """Read what to hold out; a range of subjects includes both ends.

    Args:
        text: `none`, `subjects:P20-P26`, `subjects:P20,P23`, `subjects:7` (choose 7) or `stratified:0.1`.
        seed: For `stratified`.

    Raises:
        SplitError: If the text is none of these.
    """
    if text == 'none':
        return HoldOut(text, ())
    kind, _, names = text.partition(':')
    if kind == 'stratified':
        return HoldOut(text, (), share=_share(names, text), seed=seed)
    if kind != 'subjects':
        raise SplitError(
            f'hold-out {text!r} is not none, subjects:P20-P26, subjects:P20,P23 (a range, a list), subjects:7 '
            '(choose 7) or stratified:0.1'
        )
    if _COUNT.fullmatch(names):
        return HoldOut(text, (), num_subjects=int(names))
    subjects = [subject for item in names.split(',') for subject in _expand(item, text)]
    if len(set(subjects)) < len(subjects):
        raise SplitError(f'hold-out {text!r} names a subject twice')
    return HoldOut(text, tuple(subjects))


def _share(number: str, text: str) -> float:
    if _SHARE.fullmatch(number) is None or float(number) == 0:
        raise SplitError(f'hold-out {text!r}: {number!r} is not a share between 0 and 1, such as 0.1')
    return float(number)


def _expand(item: str, text: str) -> list[str]:
    ends = [_SUBJECT.fullmatch(end) for end in item.split('-')]
    first, last = ends[0], ends[-1]
    if first is None or last is None or len(ends) > 2 or first[1] != last[1]:
        raise SplitError(f'hold-out {text!r}: {item!r} is not a subject (P20) or a range (P20-P26)')
    start, stop, digits = int(first[2]), int(last[2]), len(first[2])
    if stop < start or stop - start > 999:
        raise SplitError(f'hold-out {text!r}: the range {item!r} is empty or too long')
    return [f'{first[1]}{number:0{digits}d}' for number in range(start, stop + 1)]


def label_clips(annotations: Sequence[Annotation], kind: str, ids: Sequence[int], where: str) -> list[LabelledClip]:
    """Give every clip its label: the position of its id among the sorted ids of the index file.

    Args:
        annotations: Of one split file.
        kind: 'verb', 'noun' (the first one) or 'action'.
        ids: The index file's ids, sorted.
        where: The split file, for messages.

    Raises:
        SplitError: If a clip has an id that the index file lacks.
    """
    label_of = {number: label for label, number in enumerate(ids)}
    labelled = []
    for annotation in annotations:
        number = annotation.nouns[0] if kind == 'noun' else getattr(annotation, kind)
        if number not in label_of:
            raise SplitError(
                f'{where}: clip {annotation.clip} has {kind} {number}, which {kind}_idx.txt lacks '
                f'(its {len(ids)} ids run from {ids[0]} to {ids[-1]}). Use the files of one release'
            )
        labelled.append(LabelledClip(annotation.clip, label_of[number]))
    return labelled


def hold_out_clips(
    train: Sequence[LabelledClip], test: Sequence[LabelledClip], hold_out: HoldOut
) -> dict[str, list[LabelledClip]]:
    """Divide the clips into parts; 'val' is left out where nothing is held out.

    Raises:
        SplitError: If a clip stands in train and test, a held-out subject has no training clip, or
            nothing would be left to train on.
        ValueError: If the hold-out is still open: `choose_hold_out.settle` it first.
    """
    if hold_out.is_open:
        raise ValueError(f'hold-out {hold_out.text!r} is not settled: call choose_hold_out.settle first')
    check_apart(train, test)
    if hold_out.share is not None:
        return _divide(train, test, {entry.clip for entry in train if entry.clip in hold_out.clips})
    if not hold_out.subjects:
        return {'train': list(train), 'test': list(test)}
    present = {entry.clip.subject for entry in train}
    absent = [subject for subject in hold_out.subjects if subject not in present]
    if absent:
        raise SplitError(
            f'hold-out {hold_out.text!r}: no training clip of {", ".join(absent)}. The subjects '
            f'are {", ".join(sorted(present))}'
        )
    if len(present) == len(hold_out.subjects):
        raise SplitError(f'hold-out {hold_out.text!r} leaves no clip to train on. Hold out fewer')
    held = set(hold_out.subjects)
    return _divide(train, test, {entry.clip for entry in train if entry.clip.subject in held})


def check_apart(train: Sequence[LabelledClip], test: Sequence[LabelledClip]) -> None:
    """Raise a SplitError if a clip stands in the training and the test split."""
    both = {entry.clip for entry in train} & {entry.clip for entry in test}
    if both:
        raise SplitError(
            f'{len(both)} clips stand in the training and the test split, first {min(both)}. '
            'Use the two files of one split'
        )


def _divide(
    train: Sequence[LabelledClip], test: Sequence[LabelledClip], held: Collection[ClipName]
) -> dict[str, list[LabelledClip]]:
    return {
        'train': [entry for entry in train if entry.clip not in held],
        'val': [entry for entry in train if entry.clip in held],
        'test': list(test),
    }


def summarise(
    parts: Mapping[str, Sequence[Labelled]],
    names: Mapping[int, str],
    lengths: Mapping[Any, int],
) -> dict[str, Any]:
    """Count what is in the lists.

    Args:
        parts: Clips of 'train', 'test' and perhaps 'val'.
        names: id -> class name, sorted by id: label k is the k-th.
        lengths: Frames per clip.

    Returns:
        What summary.json holds, ready for JSON. `imbalance_ratio` is the count of the largest
        training class divided by that of the smallest that has any clip.
    """
    counts = {part: Counter(entry.label for entry in entries) for part, entries in parts.items()}
    classes = [
        {'label': label, 'id': number, 'name': name, **{p: counts[p][label] for p in counts}}
        for label, (number, name) in enumerate(names.items())
    ]
    sizes = [size for size in counts['train'].values() if size > 0]
    val = counts.get('val', Counter())
    return {
        'num_classes': len(names),
        'clips': {part: len(entries) for part, entries in parts.items()},
        'imbalance_ratio': round(max(sizes) / min(sizes), 2),
        'classes_without_training_clips': [c['name'] for c in classes if c['train'] == 0],
        'classes_without_validation_clips': [c['name'] for c in classes if not c.get('val')],
        'classes_with_few_validation_clips': {
            name: val[label] for label, name in enumerate(names.values()) if 0 < val[label] < FEW_CLIPS
        },
        'classes': classes,
        'subjects': {part: sorted({entry.clip.subject for entry in entries}) for part, entries in parts.items()},
        'shared': _shared(parts),
        'frames_per_clip': {
            part: _distribution([lengths[entry.clip] for entry in entries]) for part, entries in parts.items()
        },
    }


def _shared(parts: Mapping[str, Sequence[Labelled]]) -> dict[str, dict[str, int]]:
    """How many subjects and sessions two parts have in common, for each pair of parts."""
    subjects = {part: {entry.clip.subject for entry in entries} for part, entries in parts.items()}
    sessions = {part: {entry.clip.session for entry in entries} for part, entries in parts.items()}
    return {
        f'{one}_{other}': {
            'subjects': len(subjects[one] & subjects[other]),
            'sessions': len(sessions[one] & sessions[other]),
        }
        for one, other in combinations(parts, 2)
    }


def _distribution(values: Sequence[int]) -> dict[str, float]:
    # quantiles() wants two values at least.
    cuts = quantiles(values, n=20, method='inclusive') if len(values) > 1 else [values[0]] * 19
    return {
        'min': min(values),
        'quantile_05': cuts[0],
        'quantile_25': cuts[4],
        'median': cuts[9],
        'mean': round(fmean(values), 2),
        'quantile_75': cuts[14],
        'quantile_95': cuts[18],
        'max': max(values),
    }
