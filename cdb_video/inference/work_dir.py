"""What a work directory holds for inference: its config and the checkpoint to take."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video.launch.commands import newest_checkpoint
from cdb_video.report.sources.run_config import settings_of


@dataclass(frozen=True)
class Chosen:
    """A checkpoint, and why it is this one.

    Attributes:
        path: The file.
        reason: In words, for the user.
    """

    path: Path
    reason: str


def check_folder(work_dir: Path) -> None:
    """See that there is such a folder.

    Raises:
        FileNotFoundError: If there is not.
    """
    if not work_dir.is_dir():
        what = 'is no folder' if work_dir.exists() else 'does not exist'
        raise FileNotFoundError(f'work directory {work_dir} {what}: name the folder that a training wrote to')


def find_config(work_dir: Path, named: Path | None = None) -> Path:
    """The only config that mmengine left in a work directory, or the one that is named.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several.
    """
    if named is not None:
        return _existing(named, work_dir, 'config')
    found = configs_in(work_dir)
    if not found:
        raise FileNotFoundError(
            f'{work_dir} holds no config (*.py with a model), which every training leaves there, and the checkpoint '
            'none that can be read: name the work directory of a training, or its config by --config'
        )
    if len(found) > 1:
        names = ', '.join(path.name for path in found)
        raise ValueError(f'{work_dir} holds {len(found)} configs, {names}: choose one by --config')
    return found[0]


def configs_in(work_dir: Path) -> list[Path]:
    """The configs in a work directory: those of its trainings and tests, by name."""
    return [path for path in sorted(work_dir.glob('*.py')) if 'model' in settings_of(path)]


def scope_of(work_dir: Path) -> str | None:
    """The `default_scope` of the configs in a work directory; None = there are none, or they have none or several."""
    nodes = [settings_of(path).get('default_scope') for path in configs_in(work_dir)]
    scopes = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return scopes.pop() if len(scopes) == 1 else None


def find_checkpoint(work_dir: Path, named: Path | None = None) -> Chosen:
    """The checkpoint to predict with: the one that is named, or the best, or the newest of a run that kept no best.

    Of several best ones, as a run that was killed leaves them, it is the one that the newest checkpoint records as the
    run's best. A run that monitors several metrics records one for each: none of them is the best.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several best ones, and the run has not recorded exactly one of them.
    """
    if named is not None:
        return Chosen(_existing(named, work_dir, 'checkpoint'), 'as named')
    best = sorted(work_dir.glob('best_*.pth'))
    newest = newest_checkpoint(work_dir)
    if len(best) == 1:
        return Chosen(best[0], 'the best')
    if best:
        return Chosen(_recorded(best, newest, work_dir), "the best of several, by the run's own record")
    if newest is None:
        raise FileNotFoundError(
            f'{work_dir} holds no checkpoint (best_*.pth, epoch_*.pth, iter_*.pth): let the training get to its first, '
            'or name one by --checkpoint'
        )
    return Chosen(Path(newest), 'the newest; the run kept no best_*.pth')


def _recorded(best: Sequence[Path], newest: str | None, work_dir: Path) -> Path:
    from cdb_video.inference.checkpoint import read_checkpoint

    known: Mapping[str, Any] = {} if newest is None else read_checkpoint(Path(newest)).runtime_info
    # 'best_ckpt', or 'best_ckpt_acc/top1' and the like where several metrics are monitored.
    recorded = {Path(str(path)).name for entry, path in known.items() if entry.startswith('best_ckpt') if path}
    if len(recorded) == 1:
        for path in best:
            if path.name in recorded:
                return path
    names = ', '.join(path.name for path in best)
    why = (
        f'and the run recorded one for each of {len(recorded)} metrics ({", ".join(sorted(recorded))})'
        if len(recorded) > 1
        else 'and no record of which is the one of the run'
    )
    raise ValueError(f'{work_dir} holds {len(best)} best checkpoints, {names}, {why}: choose one by --checkpoint')


def _existing(named: Path, work_dir: Path, what: str) -> Path:
    """A file as it is named, or below the work directory."""
    for path in (named, work_dir / named):
        if path.is_file():
            return path
    raise FileNotFoundError(f'{what} {named} does not exist, here or in {work_dir}: name a file that is there')
