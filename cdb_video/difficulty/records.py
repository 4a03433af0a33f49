"""The header and the records of a class history, and the keys that they have in its lines.

Keys of the header: run_id, num_classes, class_names, train_counts, train_images (where images show several objects),
settings (what the difficulty is: measure,
momentum, prior_count, min_difficulty), planned_validations (how many the whole run was to make) and facts (a dict from
name to text: command, config, commit, seed, versions, data and more of how the run was started).

Keys of a record: epoch, iter (of training, at the validation), num_clips, num_correct (C ints each),
accuracy (C numbers, null = no clip of that class), difficulty (C numbers), consumers (a dict from the
consumer's name to its tau or strength and its weight or probability, C numbers), metrics (name to number);
mean_probability (C numbers, null = no clip), where the difficulty is measured by it; num_validations, those of the run
up to this one; and source, where the counts are not those of a validation of this run: 'train' = of its training
batches, 'replay' = of the run whose history is replayed, 'cross-fit' = of all training clips, each scored by a model
that was trained without it (then epoch and iter are 0, and there is one record).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SOURCES = ('val', 'train', 'replay', 'cross-fit')
RECORD_KEYS = ('epoch', 'iter', 'consumers', 'metrics', 'num_clips', 'num_correct', 'accuracy', 'difficulty')
"""All of which a whole record has."""
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What a history says once of its run.

    Attributes:
        run_id: Of the run; empty = not known, as where the file does not say.
        num_classes: C; None = not known, as are the next two.
        class_names: C names.
        train_counts: C training clips, or objects where images show several.
        settings: What the difficulty is: 'measure', 'momentum', 'prior_count', 'min_difficulty', and 'val_subset' and
            its 'val_subset_seed' where it is measured on a part of the validation set; None = not known, as in the
            files of early versions.
        planned_validations: How many the whole run was to make, >= 1; None = not known.
        train_images: C training images that show each class, by which detectors have their shot groups; None = a sample
            has one label, or it is not known.
        facts: How the run was started, text by name: 'command', 'config', 'commit', 'seed', 'versions' and so on; None
            = not known, as in the files of early versions.
    """

    run_id: str = ''
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    train_counts: Sequence[int] | None = None
    settings: Mapping[str, Any] | None = None
    planned_validations: int | None = None
    train_images: Sequence[int] | None = None
    facts: Mapping[str, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The line as the file has it."""
        planned = self.planned_validations
        return {
            'kind': 'header',
            'version': FORMAT_VERSION,
            'run_id': self.run_id,
            'num_classes': self.num_classes,
            'class_names': None if self.class_names is None else list(self.class_names),
            'train_counts': None if self.train_counts is None else list(self.train_counts),
            **({} if self.train_images is None else {'train_images': list(self.train_images)}),
            **({} if self.settings is None else {'settings': dict(self.settings)}),
            **({} if planned is None else {'planned_validations': planned}),
            **({} if self.facts is None else {'facts': dict(self.facts)}),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Header:
        """The header in a checked line; what newer versions add is left out."""
        names = entry.get('class_names')
        return cls(
            str(entry.get('run_id', '')),
            entry.get('num_classes'),
            None if names is None else tuple(names),
            entry.get('train_counts'),
            entry.get('settings'),
            entry.get('planned_validations'),
            entry.get('train_images'),
            entry.get('facts'),
        )


@dataclass(frozen=True, slots=True)
class Derived:
    """What a consumer made of the difficulty.

    Attributes:
        tau: The exponent that it used; None = it does not say.
        strength: The s of the accumulated law that it used; None = it has another law.
        weight: C loss weights; None = it has none.
        probability: C shares of the draws; None = it has none.
    """

    tau: float | None = None
    weight: Sequence[float] | None = None
    probability: Sequence[float] | None = None
    strength: float | None = None

    @property
    def vectors(self) -> dict[str, Sequence[float]]:
        """Those of 'weight' and 'probability' that there are."""
        both = {'weight': self.weight, 'probability': self.probability}
        return {name: vector for name, vector in both.items() if vector is not None}

    def to_dict(self) -> dict[str, Any]:
        """The entry as a history and a checkpoint have it."""
        return {'tau': self.tau, **({} if self.strength is None else {'strength': self.strength}), **self.vectors}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Derived:
        """The same from a checked entry; what newer versions add is left out."""
        return cls(entry.get('tau'), entry.get('weight'), entry.get('probability'), entry.get('strength'))


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement of the difficulty.

    Attributes:
        epoch: Of training, at the measurement; 0 = the loop counts none.
        iteration: Of training, at the measurement.
        num_clips: C clips.
        num_correct: C of them that were predicted correctly.
        accuracy: C numbers in [0, 1]; None = no clip of that class.
        difficulty: C numbers in [0, 1].
        consumers: What was derived from it, by the name of the consumer.
        metrics: What the validation returned, by name.
        source: What the counts are of: 'val', 'train', 'replay' or 'cross-fit', see above.
        mean_probability: C numbers in [0, 1], mean probability of the true class, if that is what the difficulty is
            1 minus; None = no clip of that class.
        num_validations: Of the run, up to this one; None = not known, as in the files of early versions.
        missing: The keys that its line in the file lacks; their values here are 0 or empty, and mean nothing.
    """

    epoch: int
    iteration: int
    num_clips: Sequence[int]
    num_correct: Sequence[int]
    accuracy: Sequence[float | None]
    difficulty: Sequence[float]
    consumers: Mapping[str, Derived]
    metrics: Mapping[str, Any]
    source: str = 'val'
    mean_probability: Sequence[float | None] | None = None
    num_validations: int | None = None
    missing: frozenset[str] = frozenset()

    @property
    def measure(self) -> str:
        """What the difficulty is 1 minus: 'accuracy' or 'probability'."""
        return 'accuracy' if self.mean_probability is None else 'probability'

    def to_dict(self) -> dict[str, Any]:
        """The line as the file has it."""
        entry = {
            'kind': 'validation',
            'epoch': self.epoch,
            'iter': self.iteration,
            'num_clips': self.num_clips,
            'num_correct': self.num_correct,
            'accuracy': self.accuracy,
            'difficulty': self.difficulty,
            'consumers': {name: derived.to_dict() for name, derived in self.consumers.items()},
            'metrics': self.metrics,
        }
        if self.mean_probability is not None:
            entry['mean_probability'] = self.mean_probability
        if self.num_validations is not None:
            entry['num_validations'] = self.num_validations
        if self.source != 'val':
            entry['source'] = self.source
        return {key: value for key, value in entry.items() if key not in self.missing}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Record:
        """The record in a checked line; what newer versions add is left out."""
        consumers = entry.get('consumers', {})
        return cls(
            epoch=entry.get('epoch', 0),
            iteration=entry['iter'],
            num_clips=entry.get('num_clips', ()),
            num_correct=entry.get('num_correct', ()),
            accuracy=entry.get('accuracy', ()),
            difficulty=entry.get('difficulty', ()),
            consumers={name: Derived.from_dict(derived) for name, derived in consumers.items()},
            metrics=entry.get('metrics', {}),
            source=entry.get('source', 'val'),
            mean_probability=entry.get('mean_probability'),
            num_validations=entry.get('num_validations'),
            missing=frozenset(RECORD_KEYS) - entry.keys(),
        )
