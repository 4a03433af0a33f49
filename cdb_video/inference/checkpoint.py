"""A checkpoint as inference needs it: the weights, and what it says of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cdb_video.class_names import counted
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video_files.video.errors import first_line


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file of mmengine holds.

    Attributes:
        path: The file.
        weights: Name -> tensor.
        class_names: Of the training set; None = it does not say.
        runtime_info: What the run knew of itself when it was saved.
        config: The text of the config that it was trained with, as mmengine writes it; None = it has none, as where
            it was published.
    """

    path: Path
    weights: Mapping[str, Tensor]
    class_names: tuple[str, ...] | None
    runtime_info: Mapping[str, Any]
    config: str | None = None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of mmengine.

    Raises:
        ValueError: If it is none, is damaged, or was written by a newer cdb_video.
    """
    from mmengine.runner import CheckpointLoader

    try:
        content = CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger='silent')
    except Exception as error:  # of a zip file, of pickle or of torch, as the damage has it
        raise ValueError(
            f'{path} cannot be read as a checkpoint ({type(error).__name__}: {first_line(error)}): it is damaged, cut '
            'off or none; name another one by --checkpoint'
        ) from error
    weights = content.get('state_dict') if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping):
        raise ValueError(f'{path} has no state_dict: name a checkpoint that a training saved, by --checkpoint')
    meta, hub = (content.get(key) or {} for key in ('meta', 'message_hub'))
    entry = content.get(CHECKPOINT_KEY)
    state = None if entry is None else _state(path, entry)
    classes = (meta.get('dataset_meta') or {}).get('classes')
    names = tuple(classes) if classes else state.class_names if state else None
    config = meta.get('cfg')
    text = config if isinstance(config, str) and config.strip() else None
    return Checkpoint(path, weights, names, dict(hub.get('runtime_info') or {}), text)


def load_weights(model: nn.Module, checkpoint: Checkpoint, config: str) -> None:
    """Give a model the weights; all of them have to fit.

    mmengine would leave random what is missing, and log it.

    Args:
        model: Whose weights are replaced.
        checkpoint: That has them.
        config: What to call the config of the model in messages.

    Raises:
        ValueError: If weights are missing, left over, or of another shape.
    """
    given = {name.removeprefix('module.'): value for name, value in checkpoint.weights.items()}
    wanted = model.state_dict()
    faults = [f'{name} is missing in the checkpoint' for name in wanted if name not in given]
    faults += [f'the model has no {name}' for name in given if name not in wanted]
    faults += [
        f'{name} is {tuple(given[name].shape)} in the checkpoint and {tuple(value.shape)} in the model'
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if faults:
        raise ValueError(
            f'{checkpoint.path} does not fit the model of {config}: {faults[0]}'
            + (f' ({counted(len(faults), "such fault")})' if len(faults) > 1 else '')
            + '. Name the config and the checkpoint of one run, by --config and --checkpoint'
        )
    model.load_state_dict(given)


def _state(path: Path, entry: Any) -> DifficultyState:
    try:
        return DifficultyState.from_checkpoint(entry)
    except ValueError as error:
        raise ValueError(
            f'{path} was written by another version of cdb_video, or is damaged ({first_line(error)}). Update '
            'cdb_video, or name another checkpoint by --checkpoint'
        ) from error
