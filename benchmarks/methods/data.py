"""The data sets of the methods: where they are, and proof that they are the frozen ones."""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import TRANSFORMS, init_default_scope
from numpy.typing import NDArray

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from benchmarks.harness import data_prep
from benchmarks.harness.results import REPOSITORY
from benchmarks.methods.fashion.draws import HARD_FREQUENT, make_fashion
from cdb_video_files.lists import read_frame_list

FROZEN = REPOSITORY / 'benchmarks' / 'methods' / 'frozen.json'
"""SHA-256 of what was drawn, by data set and its seed."""
DATA = ('digits', 'mini', 'fashion')
FEW_SESSIONS, NATURAL = 'few sessions', 'natural hold-out'
VARIANTS = (FEW_SESSIONS, NATURAL)
"""Of EGTEA-mini: half of the verbs have their training clips from two sessions each; a fifth of the training clips of
every class is held out in the place of the balanced validation clips."""
PARTS = ('train', 'val', 'test')
FRAMES_NAME, PLACES_NAME = 'frames.npy', 'frame_places.json'
NUM_FRAMES = 16
"""Of a moving digit."""


@dataclass(frozen=True)
class Place:
    """A data set, and what of it is read.

    Attributes:
        data: One of `DATA`.
        data_seed: Of the data set itself.
        root: Its folder.
        sha256: Of its content.
        imbalance: Largest class over smallest, for digits; 0 = as it is.
        val_clips: Validation clips per class, for digits; 0 = as they are.
        variant: '', or one of `VARIANTS`, of EGTEA-mini, or one of `benchmarks.methods.fashion.draws.VARIANTS`.
    """

    data: str
    data_seed: int
    root: str
    sha256: str
    imbalance: int = 0
    val_clips: int = 0
    variant: str = ''

    @property
    def named(self) -> dict[str, Any]:
        """What tells it from others, without its folder."""
        named: dict[str, Any] = {'data': self.data, 'data_seed': self.data_seed}
        if self.data == 'digits':
            named |= {'imbalance': self.imbalance, 'val_clips': self.val_clips}
        return named | ({'variant': self.variant} if self.variant else {})

    @property
    def environment(self) -> dict[str, str]:
        """What the configs read."""
        if self.data == 'fashion':
            return {}  # its config is given the paths
        if self.data == 'mini':
            return {'EGTEA_ROOT': self.root, 'EGTEA_READER': 'frames'}
        return {
            'DIGITS_ROOT': self.root,
            'DIGITS_IMBALANCE': str(self.imbalance),
            'DIGITS_VAL': str(self.val_clips),
        }


def named_place(data: str, data_seed: int, imbalance: int = 60, val_clips: int = 20, variant: str = '') -> Place:
    """A data set by what tells it from others; it need not be there."""
    limits = (imbalance, val_clips) if data == 'digits' else (0, 0)
    return Place(data, data_seed, '', '', *limits, variant)


def make_place(
    data: str, data_seed: int, folder: Path, imbalance: int = 60, val_clips: int = 20, variant: str = ''
) -> Place:
    """Make the data set if it is not there, and see that it is the frozen one.

    Raises:
        ValueError: If its content is not that of `FROZEN`.
    """
    drawn = variant if variant in _DRAWN_APART else ''
    root = folder / '_'.join([data, *drawn.split(), str(data_seed)])
    sha256 = _MAKERS[data](root, data_seed, drawn)
    if data != 'fashion' and not (root / FRAMES_NAME).is_file():
        # Decoders leave threads behind, and who forks with threads may wait for ever.
        _keep_frames_alone(data, root)
    place = replace(named_place(data, data_seed, imbalance, val_clips, variant), root=str(root), sha256=sha256)
    frozen = _read_frozen().get(frozen_name(place))
    if frozen is not None and frozen != sha256:
        raise ValueError(
            f'{root} has content {sha256}, and {FROZEN.name} says {frozen}: results on other clips cannot be compared. '
            'Delete the folder to make it anew; if it stays so, numpy or OpenCV draw otherwise here: use the versions '
            'that the results name'
        )
    return place


def frozen_name(place: Place) -> str:
    """What `FROZEN` calls a data set: those that differ only in what of it is read have one name."""
    drawn = f'{place.variant} ' if place.variant in _DRAWN_APART else ''
    return f'{place.data} {drawn}{place.data_seed}'


def _read_frozen() -> dict[str, str]:
    if not FROZEN.exists():
        return {}
    with FROZEN.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return dict(json.load(file))


def freeze(places: Iterable[Place]) -> None:
    """Add the content of data sets to `FROZEN`, each when it is there; several processes may do so at once."""
    for place in places:
        with FROZEN.open('a+') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = json.loads(file.read() or '{}')
            if known.get(frozen_name(place)) != place.sha256:
                text = json.dumps(known | {frozen_name(place): place.sha256}, indent=1) + '\n'
                file.truncate(0)
                file.write(text)


def _make_digits(root: Path, seed: int, variant: str) -> str:
    manifest = root / 'manifest.json'
    if not manifest.is_file():
        data_prep.run('make_digit_clips', '--out', root, '--seed', seed)
    return str(json.loads(manifest.read_text())['sha256_drawn'])


def _make_mini(root: Path, seed: int, variant: str) -> str:
    """EGTEA-mini with frames and verb lists, as the quickstart has it; the hash is of the frames and lists."""
    done = root / 'sha256.txt'
    if not done.is_file():
        options = ['--few-sessions'] if variant == FEW_SESSIONS else []
        data_prep.run('make_egtea_mini', '--out', root, '--seed', seed, *options)
        data_prep.run('extract_frames', '--data-root', root)
        data_prep.run('build_lists', '--data-root', root, *data_prep.VERB_LISTS)
        done.write_text(_digest(root))
    return done.read_text().strip()


_DRAWN_APART = (FEW_SESSIONS, HARD_FREQUENT)
"""Variants that are other data; the others read the same data otherwise."""
_MAKERS = {'digits': _make_digits, 'mini': _make_mini, 'fashion': make_fashion}


def frames_in_memory(root: Path) -> tuple[NDArray[np.uint8], dict[str, tuple[int, int]]]:
    """All frames of a data set, (F, H, W, 3) uint8 RGB, mapped from a file; and where those of each clip are.

    Returns:
        The frames, and by `clip_key` the place of the first frame and their number.
    """
    return np.load(root / FRAMES_NAME, mmap_mode='r'), json.loads((root / PLACES_NAME).read_text())


def clip_key(path: str) -> str:
    """The name of a clip among the frames in memory: its file or folder and the folder above."""
    return '/'.join(Path(path).parts[-2:])


def keep_frames(data: str, root: Path) -> None:
    """Write all frames as MMAction2's transforms read them: no run decodes them again."""
    import mmaction.datasets  # noqa: F401  (registers the transforms)

    init_default_scope('mmaction')
    clips, steps = (_digit_clips if data == 'digits' else _mini_clips)(root)
    transforms = [TRANSFORMS.build(step) for step in steps]
    places, frames, first = {}, [], 0
    for clip in clips:
        results = dict(clip)
        for transform in transforms:
            results = transform(results)
        frames.append(np.stack(results['imgs']))
        places[clip_key(clip.get('filename') or clip['frame_dir'])] = (first, len(frames[-1]))
        first += len(frames[-1])
    (root / PLACES_NAME).write_text(json.dumps(places))
    with (root / f'{FRAMES_NAME}.part').open('wb') as file:
        np.save(file, np.concatenate(frames))
    (root / f'{FRAMES_NAME}.part').replace(root / FRAMES_NAME)


def _digit_clips(root: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    files = sorted((root / 'videos').rglob('*.mp4'))
    clips = [{'filename': str(path), **_every_frame(NUM_FRAMES)} for path in files]
    return clips, [{'type': 'PyAVInit'}, {'type': 'PyAVDecode'}]


def _mini_clips(root: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    lists = [path for path in (root / 'lists').glob('*/*.txt') if path.stem in PARTS]
    entries = {entry.frame_dir: entry for path in lists for entry in read_frame_list(path)}
    fixed = {'filename_tmpl': 'img_{:05}.jpg', 'modality': 'RGB', 'offset': 1}
    clips = [
        {'frame_dir': str(root / 'frames' / name), **_every_frame(entries[name].total_frames), **fixed}
        for name in sorted(entries)
    ]
    return clips, [{'type': 'RawFrameDecode'}]


def _every_frame(number: int) -> dict[str, Any]:
    return {'total_frames': number, 'frame_inds': np.arange(number), 'clip_len': number, 'num_clips': 1}


def _digest(root: Path) -> str:
    content = hashlib.sha256()
    files = [*(root / 'frames').rglob('*.jpg'), *(root / 'lists').rglob('*.txt')]
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        content.update(path.relative_to(root).as_posix().encode() + b'\0' + path.read_bytes())
    return content.hexdigest()


def _keep_frames_alone(data: str, root: Path) -> None:
    """`keep_frames` in a process of its own."""
    command = [sys.executable, '-m', 'benchmarks.methods.data', data, str(root.resolve())]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)} ended with {done.returncode}\n{done.stderr[-3000:]}')


if __name__ == '__main__':
    keep_frames(sys.argv[1], Path(sys.argv[2]))
