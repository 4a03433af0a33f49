"""The data sets of `methods.py`: where they are, and proof that they are the frozen ones."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import REPOSITORY

FROZEN = REPOSITORY / 'benchmarks' / 'methods_frozen.json'
"""SHA-256 of what was drawn, by data set and its seed."""
DATA = ('digits', 'mini')


@dataclass(frozen=True)
class Place:
    """A data set, and what of it is read.

    Attributes:
        data: 'digits' or 'mini'.
        data_seed: Of the data set itself.
        root: Its folder.
        sha256: Of its content.
        imbalance: Largest class over smallest, for digits; 0 = as it is.
        val_clips: Validation clips per class, for digits; 0 = as they are.
    """

    data: str
    data_seed: int
    root: str
    sha256: str
    imbalance: int = 0
    val_clips: int = 0

    @property
    def named(self) -> dict[str, Any]:
        """What tells it from others, without its folder."""
        named: dict[str, Any] = {'data': self.data, 'data_seed': self.data_seed}
        return named | ({'imbalance': self.imbalance, 'val_clips': self.val_clips} if self.data == 'digits' else {})

    @property
    def environment(self) -> dict[str, str]:
        """What the configs read."""
        if self.data == 'mini':
            return {'EGTEA_ROOT': self.root}
        return {
            'DIGITS_ROOT': self.root,
            'DIGITS_IMBALANCE': str(self.imbalance),
            'DIGITS_VAL': str(self.val_clips),
        }


def make_place(data: str, data_seed: int, folder: Path, imbalance: int = 60, val_clips: int = 20) -> Place:
    """Make the data set if it is not there, and see that it is the frozen one.

    Raises:
        ValueError: If its content is not that of `FROZEN`.
    """
    root = folder / f'{data}_{data_seed}'
    sha256 = (_make_digits if data == 'digits' else _make_mini)(root, data_seed)
    frozen = json.loads(FROZEN.read_text()).get(f'{data} {data_seed}') if FROZEN.exists() else None
    if frozen is not None and frozen != sha256:
        raise ValueError(
            f'{root} has content {sha256}, and {FROZEN.name} says {frozen}: results on other clips cannot be compared. '
            'Delete the folder to make it anew; if it stays so, numpy or OpenCV draw otherwise here: use the versions '
            'that the results name'
        )
    limits = (imbalance, val_clips) if data == 'digits' else (0, 0)
    return Place(data, data_seed, str(root), sha256, *limits)


def _make_digits(root: Path, seed: int) -> str:
    manifest = root / 'manifest.json'
    if not manifest.is_file():
        _run('make_digit_clips.py', '--out', root, '--seed', seed)
    return str(json.loads(manifest.read_text())['sha256_drawn'])


def _make_mini(root: Path, seed: int) -> str:
    """EGTEA-mini with frames and verb lists, as the quickstart has it; the hash is of the frames and lists."""
    done = root / 'sha256.txt'
    if not done.is_file():
        _run('make_egtea_mini.py', '--out', root, '--seed', seed)
        _run('extract_frames.py', '--data-root', root)
        _run('build_lists.py', '--data-root', root, '--label', 'verb', '--split', 1, '--hold-out', 'subjects:P20-P26')
        done.write_text(_digest(root))
    return done.read_text().strip()


def _digest(root: Path) -> str:
    content = hashlib.sha256()
    files = [*(root / 'frames').rglob('*.jpg'), *(root / 'lists').rglob('*.txt')]
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        content.update(path.relative_to(root).as_posix().encode() + b'\0' + path.read_bytes())
    return content.hexdigest()


def _run(script: str, *arguments: Any) -> None:
    command = [sys.executable, str(REPOSITORY / 'data_prep' / script), *map(str, arguments)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)} failed with {done.returncode}\n{done.stderr[-3000:]}')
