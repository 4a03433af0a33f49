"""What to say of samples whose files are missing or empty, before training starts. Opens no file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from cdb_video.host_words import sample, samples
from cdb_video_files.packs import PACK_SUFFIX

_SHOWN = 3


@dataclass(frozen=True)
class Fault:
    """A sample that is not on disk as its list says.

    Attributes:
        name: As in the list.
        kind: 'missing', 'empty' or 'incomplete'.
        detail: What is not as it should be, for messages.
    """

    name: str
    kind: str
    detail: str

    @property
    def clip(self) -> str:
        """The name without the suffix of a pack, or the slash of a folder."""
        return self.name.rstrip('/').removesuffix(PACK_SUFFIX)


def check_file(option: str, path: str | os.PathLike[str], content: str) -> None:
    """See that a file which an option of a dataset names is there.

    Args:
        option: Its name.
        path: The file, `data_root` included.
        content: What the file holds, for the message.

    Raises:
        FileNotFoundError: If it is not there.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'{option}={os.fspath(path)!r}: there is no such file, seen from {os.getcwd()}. Set {option} of the '
            f'dataset, relative to data_root, to the file with {content}'
        )


def video_fault(path: str, name: str) -> Fault | None:
    """What is wrong with a video file; None = it is there and holds something."""
    if not os.path.isfile(path):
        return Fault(name, 'missing', f'{name} (missing)')
    return Fault(name, 'empty', f'{name} (empty)') if os.path.getsize(path) == 0 else None


def faults_message(
    faults: Sequence[Fault], total: int, ann_file: str, folder: str, remedy: str, may_go_on: bool
) -> str:
    """How many samples of a list are at fault, the first few of them, and what to do.

    Args:
        faults: At least one.
        total: Samples in the list.
        ann_file: The list.
        folder: Of their files.
        remedy: What else to do than to look at paths and list; goes before that, with what joins the two.
        may_go_on: Whether training could do without these samples.
    """
    number = len(faults)
    kinds = ' or '.join(dict.fromkeys(fault.kind for fault in faults))
    where = (folder or '.') + ('' if os.path.isdir(folder or '.') else ' (no such folder)')
    more = f' and {number - _SHOWN} more' if number > _SHOWN else ''
    go_on = ". To train without them, up to max_damaged, set on_error='resample' and check_files=False"
    return (
        f'{number} of the {total} {samples()} in {ann_file} {"is" if number == 1 else "are"} {kinds} in {where}: '
        f'{", ".join(fault.detail for fault in faults[:_SHOWN])}{more}. {remedy}check data_root and data_prefix, or '
        f'take the {sample() if number == 1 else samples()} off the list{go_on if may_go_on and number < total else ""}'
    )


def other_form(faults: Sequence[Fault], total: int, folder: str) -> str | None:
    """Where the missing clips are in the other form that extract_frames.py makes, and how they are read from there.

    Args:
        faults: At least one.
        total: Clips in the list.
        folder: Of the clips: 'packs' or 'frames' below the data root.

    Returns:
        Cause and remedy; None where some clip has this form, or lacks the other: then switching helps nothing.
    """
    if len(faults) < total or any(fault.kind != 'missing' for fault in faults):
        return None
    clips = '1 clip' if len(faults) == 1 else f'{len(faults)} clips'
    root, own = os.path.split(os.path.normpath(folder))
    packs, frames = os.path.join(root, 'packs'), os.path.join(root, 'frames')
    if own == 'packs' and all(os.path.isdir(os.path.join(frames, fault.clip)) for fault in faults):
        return (
            f'no packs of {clips} in {folder}, but frames in {frames}: set EGTEA_READER=frames, or run '
            f'data_prep/extract_frames.py --data-root {shlex.quote(root or ".")} --pack (in a config that does not ask '
            f'EGTEA_READER: data_prefix=dict(img={frames!r}) with RawFrameDecode)'
        )
    if own == 'frames' and all(os.path.isfile(os.path.join(packs, f'{fault.clip}{PACK_SUFFIX}')) for fault in faults):
        return (
            f'no frames of {clips} in {folder}, but packs in {packs}: set EGTEA_READER=pack (in a config '
            f'that does not ask EGTEA_READER: data_prefix=dict(img={packs!r}) with PackDecode)'
        )
    return None
