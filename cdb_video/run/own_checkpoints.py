"""Files and scores that a checkpoint brings from the run that wrote it, and which of them are the resumed run's own.

mmengine's CheckpointHook takes the path and the score of the best checkpoint, the numbers of those it may delete, and
the path of the last one from the checkpoint that a run is resumed from. If that is another run's, or if its folder was
copied, it would delete the other run's files, and measure itself by scores without a file of its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub

from cdb_video.processes import from_main
from cdb_video.run.loop import Loop
from cdb_video_files.atomic import write_atomically
from cdb_video_files.noted_paths import lies_in, namesake_in

_BEST, _SCORE, _LAST, _KEPT = 'best_ckpt', 'best_score', 'last_ckpt', 'keep_ckpt_ids'


@dataclass(frozen=True)
class _Findings:
    """What is wrong with what a checkpoint says of files.

    Attributes:
        moved: Entry of the message hub -> where its file is now.
        foreign: Entries of the message hub that name other runs' files.
        best: The other runs' best checkpoints among these files.
    """

    moved: Mapping[str, str] = field(default_factory=dict)
    foreign: Sequence[str] = ()
    best: Sequence[str] = ()


def own_folders(runner: Any) -> list[str]:
    """Where a run keeps checkpoints: its work directory, and below `out_dir` of its CheckpointHooks.

    Args:
        runner: mmengine's Runner or FlexibleRunner, before or after its hooks have joined the two.
    """
    return _folders(runner.work_dir, runner.hooks)


def _folders(work_dir: str | Path, hooks: Iterable[Any]) -> list[str]:
    folders, name = [str(work_dir)], os.path.basename(str(work_dir).rstrip(os.sep))
    for hook in hooks:
        if isinstance(hook, CheckpointHook) and hook.out_dir is not None:
            out_dir = os.fspath(hook.out_dir)
            folders += [out_dir] if os.path.basename(out_dir.rstrip('/')) == name else []
            folders.append(os.path.join(out_dir, name))
    return folders


def keep_own_checkpoints(runner: Any) -> None:
    """Let a resumed run keep what is its own among the files that its checkpoint names, and forget the others.

    Its own is what lies in its folders. A folder that was moved or copied keeps its best checkpoint, under the new
    path. A best checkpoint that lies elsewhere stays there untouched, and the best is chosen anew; a warning says so.
    To be called before CheckpointHook reads the message hub, in all processes; to call it again changes nothing.
    """
    keep_own_files(Loop(runner), runner.hooks, runner.work_dir, runner.message_hub, runner.logger)


def keep_own_files(
    loop: Loop, hooks: Iterable[Any], work_dir: str | Path, message_hub: MessageHub, logger: logging.Logger
) -> None:
    """The same as `keep_own_checkpoints`, of the parts of a runner."""
    known, folders, resumed = message_hub.runtime_info, _folders(work_dir, hooks), loop.resumed_from
    # By all processes, resumed or not: that one of them has no checkpoint is found only later.
    findings = from_main(lambda: _look_at(known, folders, resumed) if loop.is_resumed else _Findings())
    if not loop.is_resumed:
        return
    for entry, path in findings.moved.items():
        known[entry] = path
    for entry in findings.foreign:
        known.pop(entry, None)
    for path in findings.best:
        logger.warning(
            f'{path}, the best checkpoint of the run that wrote {resumed}, does not lie in {work_dir}, the '
            'folder of this run: it stays as it is, and this run chooses its best checkpoint anew'
        )


def forget_best(runner: Any) -> list[str]:
    """Let the best checkpoint be chosen anew, in all processes; what is on the disk stays.

    Also forgets the best result in schedulers such as ReduceOnPlateauLR.

    Returns:
        The best checkpoints so far.
    """
    known = runner.message_hub.runtime_info
    best = [str(path) for entry, path in known.items() if entry.startswith(_BEST) and path]
    for entry in [entry for entry in known if entry.startswith((_BEST, _SCORE))]:
        known.pop(entry)
    for scheduler in all_schedulers(runner.param_schedulers):
        if hasattr(scheduler, 'rule_worse'):
            scheduler.best = scheduler.rule_worse
    return best


def mend_last_checkpoint(runner: Any) -> None:
    """Let ``last_checkpoint`` of a folder that was moved or copied name the folder's own file, before it is read.

    mmengine notes a whole path. It would resume from the folder of before, or fail if that is gone. FlexibleRunner has
    read the note before its hooks are asked for `before_run`, so there it stays as it is.
    """
    loop = Loop(runner)
    reads_note = loop.asked_to_resume and loop.load_from is None and not loop.has_strategy
    note = Path(runner.work_dir, 'last_checkpoint')
    # By all processes, also by one that was started with other options: that is found only later.
    mended = from_main(lambda: _mend_note(note, own_folders(runner)) if reads_note else None)
    if mended is not None:
        old, new = mended
        runner.logger.warning(
            f'last_checkpoint in {runner.work_dir} named {old}, which lies in another folder: this one was moved '
            f'or copied, so {new} is resumed from'
        )


def all_schedulers(schedulers: Sequence[Any] | Mapping[str, Sequence[Any]] | None) -> list[Any]:
    """The parameter schedulers of a run, whether they are a list, or a list for each optimizer."""
    if isinstance(schedulers, Mapping):
        return [one for group in schedulers.values() for one in group]
    return list(schedulers or ())


def _look_at(known: Mapping[str, Any], folders: Sequence[str], resumed: str | None) -> _Findings:
    """Which files of the message hub are the run's own, where the others are now, and which are others' for good."""
    last = known.get(_LAST)
    is_own_course = any(path and lies_in(path, folders) for path in (last, resumed))
    moved, foreign, best = {}, [], []
    for entry, path in _noted(known):
        if lies_in(path, folders):
            continue
        here = namesake_in(path, folders) if is_own_course else None
        if here is not None:
            moved[entry] = here
            continue
        foreign.append(entry)
        if entry.startswith(_BEST):
            foreign.append(_SCORE + entry.removeprefix(_BEST))
            best.append(path)
    return _Findings(moved, foreign if is_own_course else [*foreign, _KEPT], best)


def _noted(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The entries of the message hub that name files."""
    for entry, path in known.items():
        if (entry == _LAST or entry.startswith(_BEST)) and path:
            yield entry, os.fspath(path)


def _mend_note(note: Path, folders: Sequence[str]) -> tuple[str, str] | None:
    """The path that a note named, and the one that it names now; None = it is left as it is."""
    named = note.read_text(encoding='utf-8').strip() if note.is_file() else ''
    here = None if not named or '://' in named or lies_in(named, folders) else namesake_in(named, folders)
    if here is None:
        return None
    write_atomically(note, here.encode())
    return named, here
