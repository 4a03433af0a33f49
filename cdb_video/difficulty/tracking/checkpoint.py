"""The entry of a checkpoint: the difficulty in force and what came of it, alike whoever measured it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video_files.json_values import plain


def entry_of(
    state: DifficultyState,
    consumers: Mapping[str, Derived],
    metrics: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None,
    planned: int | None,
    validated_at: int | None,
    source: str = 'val',
    replays: str | None = None,
    lists: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The entry, of tensors and plain Python values.

    Args:
        state: The difficulty.
        consumers: What was derived from it, by the name of the consumer.
        metrics: What the validation behind it returned, in plain Python types.
        settings: What the difficulty is, as `cdb_video.difficulty.records.Header` has it; None = not known.
        planned: Validations of the whole training; None = not known.
        validated_at: Iterations at the last validation; None = there was none, or it is not known.
        source: What the counts are of, see `cdb_video.difficulty.records`.
        replays: The run id of the history that is replayed; None = none is, or it has none.
        lists: The sets of clips of the run, by 'train' and 'val', in plain Python types.
    """
    report = {
        'consumers': {name: derived.to_dict() for name, derived in consumers.items()},
        'metrics': dict(metrics),
        'validated_at': validated_at,
        'planned_validations': planned,
        'settings': plain(settings),
        'replays': replays,
        'source': source,
        'lists': dict(lists or {}),
    }
    return state.to_checkpoint() | {'report': report}


def metrics_in(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the validation behind the difficulty of an entry returned; {} = it does not say."""
    found = _report_in(entry).get('metrics')
    return dict(found) if isinstance(found, Mapping) else {}


def settings_in(entry: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What the difficulty of an entry is, as `cdb_video.difficulty.records.Header` has it; None = it does not say."""
    found = _report_in(entry).get('settings')
    return found if isinstance(found, Mapping) else None


def planned_in(entry: Mapping[str, Any] | None) -> int | None:
    """How many validations the training that saved an entry was to make; None = it does not say."""
    found = _report_in(entry).get('planned_validations')
    return found if isinstance(found, int) else None


def _report_in(entry: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found = (entry or {}).get('report')
    return found if isinstance(found, Mapping) else {}
