"""How a difficulty goes into the history: the header of a training, and a record for every measurement."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME, append_lines, fork_history, read_history
from cdb_video.difficulty.records import Derived, Header, Record
from cdb_video.difficulty.state import DifficultyState

_LOG = logging.getLogger('cdb_video')


@dataclass(frozen=True, eq=False)
class CourseOfTraining:
    """What the history says once of a training.

    Attributes:
        class_names: C names; None = not known.
        train_counts: (C,) int64 training samples, or objects where images show several.
        train_images: (C,) int64 training images that show each class; None = a sample has one label.
        settings: What the difficulty is, see `Header`; None = not known.
        planned: Validations of the whole training; None = not known.
        knows_counts: Whether the training counts are known; else they are 0, and only their number is.
        facts: How the training was started, see `Header`; another command or seed alone, as of one that resumes, is no
            reason for another header. None = not known.
    """

    class_names: tuple[str, ...] | None
    train_counts: IntVector
    train_images: IntVector | None = None
    settings: Mapping[str, Any] | None = None
    planned: int | None = None
    knows_counts: bool = True
    facts: Mapping[str, str] | None = None

    def begin(self, path: Path, iteration: int | None) -> Path | None:
        """Keep aside what this training does not continue, and write the header where there is none, or another one.

        Args:
            path: The history.
            iteration: The training goes on after so many iterations; None = it starts anew.

        Returns:
            Where the lines are that it does not continue; None = there were none.

        Raises:
            OSError: If reading or writing fails.
        """
        aside = fork_history(path, iteration if self._goes_on_in(path) else None)
        counts = self.train_counts.tolist() if self.knows_counts else None
        images = None if self.train_images is None else self.train_images.tolist()
        header = read_history(path).header if path.exists() else None
        now = (counts, self.settings, self.planned, images)
        known = header and (header.train_counts, header.settings, header.planned_validations, header.train_images)
        is_same_start = header is not None and _lasting(header.facts) == _lasting(self.facts)
        if known != now or not is_same_start:
            append_lines(path, Header(uuid.uuid4().hex, len(self.train_counts), self.class_names, *now, self.facts))
        return aside

    def _goes_on_in(self, path: Path) -> bool:
        """Whether this history can be continued: not if a newer version wrote it, or a run with other classes."""
        if not path.exists():
            return True
        try:
            header = read_history(path).header
        except ValueError:
            return False
        return header is None or (header.num_classes, header.class_names) == (len(self.train_counts), self.class_names)


def _lasting(facts: Mapping[str, str] | None) -> dict[str, str]:
    """The facts that a resumed training shares with the one before; a seed that is drawn is another each time."""
    return {name: fact for name, fact in (facts or {}).items() if name not in ('command', 'seed')}


def record_of(
    state: DifficultyState, consumers: Mapping[str, Derived], metrics: Mapping[str, Any], source: str = 'val'
) -> Record:
    """The record of a difficulty in force.

    Args:
        state: The difficulty.
        consumers: What was derived from it, by the name of the consumer.
        metrics: What the validation returned, by name.
        source: What the counts are of, see `cdb_video.difficulty.records`.
    """
    probability = state.mean_probability
    return Record(
        epoch=state.epoch,
        iteration=state.iteration,
        num_clips=state.num_clips.tolist(),
        num_correct=state.num_correct.tolist(),
        accuracy=state.accuracy.tolist(),
        difficulty=state.difficulty.tolist(),
        consumers=consumers,
        metrics=metrics,
        source=source,
        mean_probability=None if probability is None else probability.tolist(),
        num_validations=state.num_validations,
    )


def add_record(
    path: Path,
    state: DifficultyState,
    consumers: Mapping[str, Derived],
    metrics: Mapping[str, Any],
    source: str = 'val',
) -> None:
    """Add the record of a difficulty in force, see `record_of`, to a history.

    Raises:
        OSError: If writing fails.
    """
    append_lines(path, record_of(state, consumers, metrics, source))


def try_writing(logger: logging.Logger, what: str, write: Callable[[], None]) -> bool:
    """Run `write` and tell whether it worked; a full or read-only disk is said loudly and ends no training."""
    try:
        write()
        return True
    except OSError as error:
        logger.warning(
            f'{what} could not be written ({error}): the run goes on without this entry; free disk space '
            'or make the work directory writable'
        )
        return False


class HistoryWriter:
    """Writes the history of a tracker; a training that goes on says so by `begin`, before the first `add`.

    Args:
        path: The file; None = nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._has_begun = False

    @classmethod
    def at(cls, history: str | Path | None) -> HistoryWriter:
        """Of a folder, or of a file by its ending; None = nothing is written."""
        path = None if history is None else Path(history)
        is_folder = path is not None and path.suffix != Path(HISTORY_NAME).suffix
        return cls(path / HISTORY_NAME if path is not None and is_folder else path)

    def begin(self, course: CourseOfTraining, iteration: int | None) -> None:
        """Begin, or go on after so many iterations; what is not continued is kept aside, see `CourseOfTraining`."""
        self._has_begun = True
        path = self.path
        if path is None:
            return

        def write() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = course.begin(path, iteration)
            if aside is not None:
                _LOG.warning(f'records that this training does not continue are now in {aside}')

        try_writing(_LOG, 'the class history', write)

    def add(
        self,
        course: CourseOfTraining,
        state: DifficultyState,
        consumers: Mapping[str, Derived],
        metrics: Mapping[str, Any],
    ) -> None:
        """Add a record, see `record_of`; the first of a training begins the history anew, if nobody has begun it."""
        if not self._has_begun:
            self.begin(course, None)
        path = self.path
        if path is not None:
            try_writing(_LOG, 'the class history', lambda: add_record(path, state, consumers, metrics))
