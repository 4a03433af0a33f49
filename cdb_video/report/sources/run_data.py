"""RunData: all that a report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.records import Record
from cdb_video.host_words import words_now
from cdb_video.report.class_report.file import ClassReport
from cdb_video.report.sources.dump import Predictions
from cdb_video.report.sources.object_dump import ObjectPredictions
from cdb_video.report.sources.scalars import Scalars


@dataclass(frozen=True)
class RunData:
    """What is known of a run.

    Attributes:
        name: What to call it.
        folder: Where its files are.
        num_classes: C.
        class_names: C names; None = not known.
        train_counts: (C,) int64 training clips; None = not known.
        train_images: (C,) int64, training images that show each class, where objects are counted; None = not known.
        records: Measurements of the difficulty in order, as in the history; see `sources`.
        report: The content of ``class_report.json``; None if there is none.
        predictions: The dump of samples; None if there is none, or it is of objects.
        objects: The dump of objects; None if there is none, or it is of samples.
        dump: Where the dump is; None if there is none.
        history: Where the history is; None if none was read.
        notes: What was left out or must be known of the files, in sentences.
        lacks: What is not known that a reader can add, in sentences.
        facts: How the training was started, text by name; empty = not known.
        scalars: Losses and learning rate of the training; None = not known.
    """

    name: str
    folder: Path
    num_classes: int
    class_names: tuple[str, ...] | None = None
    train_counts: IntVector | None = None
    train_images: IntVector | None = None
    records: tuple[Record, ...] = ()
    report: ClassReport | None = None
    predictions: Predictions | None = None
    objects: ObjectPredictions | None = None
    dump: Path | None = None
    history: Path | None = None
    notes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    scalars: Scalars | None = None

    @property
    def dumped(self) -> Predictions | ObjectPredictions | None:
        """The dump, of samples or of objects; None if there is none."""
        return self.objects if self.predictions is None else self.predictions

    def noted(self, *notes: str) -> RunData:
        """The same with further notes."""
        return replace(self, notes=self.notes + notes)

    @property
    def has_objects(self) -> bool:
        """Whether objects in images were evaluated, as far as report and dump tell."""
        return self.objects is not None or (self.report is not None and self.report.num_missed is not None)

    @property
    def counts_objects(self) -> bool:
        """The same, or the host that is spoken of is one of objects."""
        return self.has_objects or words_now().has_objects

    @property
    def group_counts(self) -> IntVector | None:
        """(C,) int64, by which classes are many-, medium- or few-shot: training clips, or of objects their images."""
        return self.train_images if self.counts_objects else self.train_counts

    @property
    def sources(self) -> list[str]:
        """For every record what its counts are of: 'val', 'train', ...; see `cdb_video.difficulty.records`."""
        return [record.source for record in self.records]

    @property
    def difficulty_source(self) -> str | None:
        """The same for the newest difficulty that is known; None where there is none."""
        stated = self.report and self.report.difficulty_source
        return stated or next(iter(self.sources[-1:]), None)

    @property
    def difficulty_measure(self) -> str | None:
        """What the newest difficulty that is known is 1 minus: 'accuracy' or 'probability'; None = there is none."""
        if self.records:
            return self.records[-1].measure
        return None if self.report is None else self.report.difficulty_measure

    @property
    def last_validation(self) -> Record | None:
        """The newest record of a validation of this run; None if there is none."""
        return next((record for record in reversed(self.records) if record.source == 'val'), None)

    @property
    def last_evaluation(self) -> Record | None:
        """The newest record of clips that no model had seen, of a validation or a cross-fit; None = there is none."""
        return next((record for record in reversed(self.records) if record.source in ('val', 'cross-fit')), None)
