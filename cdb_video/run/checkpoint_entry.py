"""The difficulty that a checkpoint holds, and what is known of the moment at which it was saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video.difficulty.tracking.checkpoint import entry_of, metrics_in, planned_in, settings_in
from cdb_video.processes import from_main
from cdb_video.run.clip_lists import ClipList
from cdb_video.run.handover import Handover
from cdb_video.run.reporting.reports import Reports


@dataclass(frozen=True, eq=False)
class CheckpointEntry:
    """What was loaded last; without arguments: nothing was.

    Attributes:
        content: The entry as it was saved, tensors on the CPU; None = the checkpoint has none. Not checked.
        epoch: Epochs trained when the checkpoint was saved; None = it does not say.
        iteration: Iterations trained when the checkpoint was saved; None = it does not say.
        is_new: Whether it was loaded after the last training of this process began, so that the model is its own.
        trained_classes: The class names of the training set, as mmengine puts them into every checkpoint; None = it
            does not say.
    """

    content: Any = None
    epoch: int | None = None
    iteration: int | None = None
    is_new: bool = False
    trained_classes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> CheckpointEntry:
        """Read what a checkpoint of mmengine holds of the difficulty."""
        content, meta = checkpoint.get(CHECKPOINT_KEY), checkpoint.get('meta')
        if isinstance(content, Mapping):
            # To other processes, whose device is not this one's.
            content = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in content.items()}
        known = meta if isinstance(meta, Mapping) else {}
        return cls(
            content,
            _whole(known.get('epoch')),
            _whole(known.get('iter')),
            is_new=True,
            trained_classes=_class_names(known.get('dataset_meta')),
        )

    def of_main_process(self) -> CheckpointEntry:
        """The same with the content and the classes that the main process has read, in all processes."""
        content, classes = from_main(lambda: (self.content, self.trained_classes))
        return replace(self, content=content, trained_classes=classes)

    def in_training(self) -> CheckpointEntry:
        """The same for a training that begins now, from it or anew."""
        return replace(self, is_new=False)

    def state(self) -> DifficultyState | None:
        """The difficulty; None = there is none.

        Raises:
            ValueError: If the entry is not one of ours, or is inconsistent.
        """
        return None if self.content is None else DifficultyState.from_checkpoint(self.content)

    @property
    def metrics(self) -> dict[str, Any]:
        """What the validation behind the difficulty returned."""
        return metrics_in(self.content)

    @property
    def consumers(self) -> Mapping[str, Derived]:
        """What the difficulty led to, by consumer."""
        recorded: Mapping[str, Mapping[str, Any]] = self._report.get('consumers') or {}
        return {name: Derived.from_dict(part) for name, part in recorded.items()}

    @property
    def source(self) -> str:
        """What the difficulty is measured on, see `cdb_video.difficulty.history`."""
        return str(self._report.get('source', 'val'))

    @property
    def lists(self) -> dict[str, ClipList]:
        """The sets of clips of the run that saved it, by 'train' and 'val', as far as it says."""
        saved = self._report.get('lists')
        named = saved.items() if isinstance(saved, Mapping) else ()
        return {role: found for role, one in named if (found := ClipList.from_dict(one)) is not None}

    @property
    def planned_validations(self) -> int | None:
        """How many validations the run that saved it was to make; None = it does not say."""
        return planned_in(self.content)

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """What the difficulty is, as `cdb_video.difficulty.records.Header` has it; None = it does not say."""
        return settings_in(self.content)

    @property
    def replays(self) -> str | None:
        """The run id of the history that the run which saved it replayed; None = none, or it does not say."""
        found = self._report.get('replays')
        return found if isinstance(found, str) else None

    @property
    def validated_at(self) -> int | None:
        """Iterations at the last validation; those of earlier versions have that of the difficulty."""
        found: int | None = self._report.get('validated_at', (self.content or {}).get('iteration'))
        return found

    @property
    def _report(self) -> Mapping[str, Any]:
        report: Mapping[str, Any] = (self.content or {}).get('report', {})
        return report


def checkpoint_content(handover: Handover, reports: Reports) -> dict[str, Any]:
    """The entry of a checkpoint that is saved now: the difficulty in force, and what came of it."""
    return entry_of(
        handover.state,
        handover.vectors,
        handover.metrics,
        settings=handover.settings,
        planned=handover.planned_validations,
        validated_at=reports.validated_at,
        source=reports.source,
        replays=handover.replays,
        lists={role: one.to_dict() for role, one in handover.lists.items()},
    )


def _class_names(meta: Any) -> tuple[str, ...] | None:
    """The class names in the metainfo of a dataset, of which old checkpoints have other keys."""
    classes = (meta.get('classes') or meta.get('CLASSES')) if isinstance(meta, Mapping) else None
    return tuple(map(str, classes)) if isinstance(classes, list | tuple) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
