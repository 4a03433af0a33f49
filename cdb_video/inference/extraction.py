"""Whether frames that a model was trained on differ from those of a video: their number, or their size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdb_video.hosts.mmaction.pipelines import resizes_first
from cdb_video_files.packs import PACK_SUFFIX, PackError, PackReader

_MANIFEST = 'manifest.json'
_MAKE_SMALL = 'Predict on videos that extract_frames.py --videos makes with the same options'


def extraction_notes(folder: Path, steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is to be known where frames of the training were extracted so that a video has others.

    Args:
        folder: Of the packs or frames; one clip answers for all.
        steps: The test pipeline.

    Returns:
        Sentences; none where the frames are those of the videos, or nobody can say.
    """
    made = _manifest(folder)
    options = made.get('options') or {}
    notes = []
    usual = {'stride': 1, 'fps': None}
    thinned = [f'--{key} {options[key]:g}' for key in usual if options.get(key, usual[key]) != usual[key]]
    if thinned:
        notes.append(
            f'the frames in {folder} were extracted with {" ".join(thinned)}, and of a video all are read: a view '
            f'spans less time than in training. {_MAKE_SMALL}'
        )
    short_side = options.get('short_side')
    if short_side and short_side == min(made.get('width', 0), made.get('height', 0)) and not resizes_first(steps):
        notes.append(
            f'the frames in {folder} have a short side of {short_side} pixels, and the test pipeline does not resize '
            f'before it crops: videos of another size are seen at another scale. {_MAKE_SMALL}'
        )
    return notes


def _manifest(folder: Path) -> dict[str, Any]:
    """What extract_frames wrote beside or into the frames of the first clip; empty where there is none."""
    pack = next(folder.rglob(f'*{PACK_SUFFIX}'), None)
    beside = None if pack else next(folder.rglob(_MANIFEST), None)
    try:
        if pack is not None:
            with PackReader(str(pack)) as reader:
                return dict(reader.metadata)
        found = {} if beside is None else json.loads(beside.read_text(encoding='utf-8'))
    except (OSError, ValueError, PackError):
        return {}  # it is not read for its own sake
    return found if isinstance(found, dict) else {}
