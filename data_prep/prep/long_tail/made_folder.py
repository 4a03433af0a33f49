"""A made data set as a folder: it appears when it is whole, and one that holds anything else is left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video_files.commands.folder_lock import lock_folder

MANIFEST = 'manifest.json'


class MadeFolderError(ValueError):
    """A folder may not be written; the message says what it holds and what to do."""


@dataclass(frozen=True)
class Maker:
    """Who makes a set.

    Attributes:
        command: Bears the lock.
        kind: 'kind' in the manifest: by it the command knows its own sets.
        noun: What such a folder holds, in messages.
        digests: Of a folder: SHA-256 of its files by the name that they have in the manifest.
    """

    command: str
    kind: str
    noun: str
    digests: Callable[[Path], dict[str, str]]


def make_folder(
    out: Path, maker: Maker, described: Mapping[str, Any], write: Callable[[Path], Mapping[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Write a set and its manifest, whole or not at all.

    Args:
        out: A new or an empty folder, or one that holds the same already, which is left as it is.
        maker: See there.
        described: What says whether two sets are the same; can be written as JSON.
        write: Writes all but the manifest into the folder that it is given, which is not there yet; returns what the
            manifest holds beside.

    Returns:
        What was done, for the user, and what the manifest holds.

    Raises:
        MadeFolderError: If `out` holds anything else; nothing has been touched then.
        LockedError: If another run works on the same folder.
        OSError: If writing fails.
    """
    out = out.resolve()
    wanted = json.loads(json.dumps({'kind': maker.kind, **described}))  # as the manifest gives it back
    work, lock = out.with_name(f'.{out.name}.partial'), f'.{maker.command}.lock'
    if work.exists() and not (work / lock).exists():
        raise MadeFolderError(f'{work} is in the way and not of an earlier run of this command: move it away')
    with lock_folder(work, lock):
        try:
            earlier = _earlier(out, maker)
            if earlier is not None:
                return _compared(out, maker, earlier, wanted), earlier
            root = work / 'data'
            if root.exists():  # what a run that was killed has left
                shutil.rmtree(root)
            manifest = {**wanted, **write(root), **maker.digests(root)}
            (root / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
            if out.exists():  # empty
                out.rmdir()
            root.replace(out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return f'{out}: written', manifest


def _earlier(out: Path, maker: Maker) -> dict[str, Any] | None:
    """The manifest of an earlier run; None where there is nothing."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not out.is_dir():
        raise MadeFolderError(f'--out {out} is a file: name a new folder')
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get('kind') != maker.kind:
        raise MadeFolderError(f'--out {out} is not empty and holds no {maker.noun} of this command: name a new folder')
    return manifest


def _compared(out: Path, maker: Maker, earlier: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Leave a set alone that is the one that is asked for, down to its bytes.

    Raises:
        MadeFolderError: If it is not.
    """
    other = [key for key in wanted if earlier.get(key) != wanted[key]]
    if other:
        key = next((name for name in ('source', 'options') if name in other), other[0])
        raise MadeFolderError(
            f'--out {out} holds {maker.noun} of another {key}: {earlier.get(key)}, not {wanted[key]}. Name another '
            'folder, or remove that one first'
        )
    found = maker.digests(out)
    if found != {name: earlier.get(name) for name in found}:
        raise MadeFolderError(
            f'the files in {out} are not those that {MANIFEST} was written for: remove the folder to make it anew, or '
            'name another one'
        )
    return f'{out} holds these {maker.noun} already: nothing to do'
