"""What a hook that owns a difficulty hands on, and the check that all processes have the same of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking.recipients import Recipients
from cdb_video.difficulty.tracking.rules import warn_of_other_plan
from cdb_video.processes import get_world_size, together
from cdb_video.run.agreement import check_agreement, start_prints, state_prints
from cdb_video.run.clip_lists import ClipList
from cdb_video.run.fingerprints import Print
from cdb_video.run.parts import RunParts, consumer_recipe


@dataclass(eq=False)
class Handover:
    """Hands difficulty, class frequencies and epoch of a training to whatever takes them.

    Attributes:
        parts: Of the run.
        consumers: Who is handed the difficulty, by name; may be nobody.
        state: The difficulty in force.
        metrics: What the validation behind it returned, in plain Python types.
        agreement: With several processes, the hash (16 hexadecimal digits) of what all of them were found to have
            alike when something was handed on last; None in one process.
        lists: The sets of clips of the run, by 'train' and 'val', for its checkpoints.
        planned_validations: How many validations the whole run makes, or measurements of another kind, >= 1.
        settings: What the difficulty is, as `cdb_video.difficulty.records.Header` has it; None = not known.
        replays: The run id of the history that is replayed; None = none is, or it has none.
    """

    parts: RunParts
    consumers: Mapping[str, Any]
    state: DifficultyState
    metrics: Mapping[str, Any] = field(default_factory=dict)
    agreement: str | None = None
    lists: Mapping[str, ClipList] = field(default_factory=dict)
    planned_validations: int = 1
    settings: Mapping[str, Any] | None = None
    replays: str | None = None

    @property
    def recipients(self) -> Recipients:
        """Who is handed what."""
        parts = self.parts
        return Recipients(self.consumers, parts.prior_consumers, parts.progress_consumers, parts.sampler)

    @property
    def vectors(self) -> dict[str, Derived]:
        """Tau and weight or probability of every consumer, as the history has them."""
        return self.recipients.vectors

    def warn_of_other_plan(self, planned: int | None) -> None:
        """Say what becomes of s where the run of the checkpoint was to make `planned` validations; None = not known."""
        done, now = self.state.num_validations, self.planned_validations
        warn_of_other_plan(self.parts.logger, self.consumers, done, planned, now)

    def check_start(self, own_entry: Any) -> None:
        """See that all processes have loaded the same files and read the same lists.

        Args:
            own_entry: What this process itself has read in the checkpoint.

        Raises:
            RuntimeError: In all processes, if they have not.
        """
        self._agree(lambda: list(start_prints(self.parts, own_entry)), 'before training')

    def hand_on(self, epoch: int | None = None) -> None:
        """Hand on the state, with the epoch and the frequencies; see that it is the same in all processes.

        Args:
            epoch: Epochs done; None = those that the loop has counted.

        Raises:
            ValueError: In all processes, if a consumer refuses it.
            RuntimeError: In all processes, if what came of it differs.
        """
        together(lambda: self._hand_on(epoch))
        self._agree(self._prints, f'after {self.parts.loop.iteration} iterations')

    def begin_epoch(self) -> None:
        """Hand on the epoch, and the frequencies that may follow from it, before the sampler draws it.

        Raises:
            RuntimeError: In all processes, if something follows the epoch and differs.
        """
        loop = self.parts.loop
        self.recipients.begin_epoch(self.state.train_counts, loop.epoch, self._max_epochs)
        if any(consumer.follows_progress for consumer in self.parts.progress_consumers):
            self._agree(self._prints, f'before epoch {loop.epoch + 1}')

    @property
    def _max_epochs(self) -> int | None:
        """Epochs of the run; None in training by iteration, which has none."""
        return self.parts.loop.max_epochs if self.parts.loop.by_epoch else None

    def _hand_on(self, epoch: int | None) -> None:
        done = self.parts.loop.epoch if epoch is None else epoch
        self.recipients.hand_on(self.state, done, self._max_epochs, self.planned_validations)

    def _prints(self) -> list[Print]:
        return list(state_prints(self.parts, self.state))

    def _agree(self, prints: Callable[[], list[Print]], moment: str) -> None:
        if get_world_size() > 1:
            self.agreement = check_agreement(prints, moment)
            self.parts.logger.info(f'{get_world_size()} processes agree {moment}: {self.agreement}')


def needed_consumers(parts: RunParts, owner: str, remedy: str = '') -> Mapping[str, Any]:
    """Who takes the difficulty, by name.

    Args:
        parts: Of the run.
        owner: The name of the hook that hands it on, for the message.
        remedy: What else to do if nobody does.

    Raises:
        ValueError: If nobody does.
    """
    if not parts.consumers:
        raise ValueError(f'{owner} found nothing to hand the difficulty to: add {consumer_recipe()}{remedy}')
    return parts.consumers
