"""Ways to extract frames that are compared: ours, mmaction2's build_rawframes.py, a cv2 loop, and bare decoding."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.harness import data_prep

LOOPS = Path(__file__).resolve().with_name('loops.py')
Command = Callable[[Path, Path], list[str]]
"""(folder of clips in folders, output folder) -> command line."""


@dataclass(frozen=True)
class Contender:
    """One way to extract.

    Attributes:
        name: For the table.
        command: Its command line.
    """

    name: str
    command: Command


def contenders() -> list[Contender]:
    """All that are installed; the first is bare decoding."""
    found = [
        Contender('decoding alone', _loop('decode')),
        Contender('cv2 loop, full size', _loop('cv2')),
        Contender('ours, full size, folder', _ours('--short-side', '0')),
        Contender('ours, full size, pack', _ours('--short-side', '0', '--pack')),
        Contender('ours, 256, folder', _ours()),
        Contender('ours, 256, pack', _ours('--pack')),
        Contender('ours, 256, video', _ours('--videos')),
    ]
    script = build_rawframes()
    if script is not None:
        found[2:2] = [
            Contender(f'build_rawframes, {words}', _rawframes(script, options))
            for words, options in (('full size', []), ('256', ['--new-short', '256']))
        ]
    return found


def build_rawframes() -> Path | None:
    """mmaction2's script in the installed package; None = it is not there."""
    package = find_spec('mmaction')
    if package is None or not package.submodule_search_locations:
        return None
    script = Path(package.submodule_search_locations[0], '.mim/tools/data/build_rawframes.py')
    return script if script.is_file() else None


def _ours(*options: str) -> Command:
    return lambda clips, out: data_prep.command(
        'extract_frames', '--workers', 1, *options, '--data-root', clips.parent, '--out', out
    )


def _loop(what: str) -> Command:
    return lambda clips, out: [sys.executable, str(LOOPS), what, str(clips), str(out)]


def _rawframes(script: Path, options: Sequence[str]) -> Command:
    fixed = ['--level', '2', '--ext', 'mp4', '--task', 'rgb', '--use-opencv', '--num-worker', '1']
    return lambda clips, out: [sys.executable, str(script), str(clips), str(out), *fixed, *options]


def cpu_seconds(command: Sequence[str], folder: Path) -> float:
    """User and system time of a command and its children, started in a folder.

    Raises:
        RuntimeError: If it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)} ended with {done.returncode}: {done.stderr[-2000:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environment() -> dict[str, str]:
    """One thread each, so that processor time is that of one core."""
    threads = dict.fromkeys(('OMP_NUM_THREADS', 'OPENCV_FFMPEG_THREADS', 'OPENBLAS_NUM_THREADS'), '1')
    # OpenCV gives its decoder as many threads as there are cores unless told otherwise.
    return {**os.environ, **threads, 'OPENCV_FFMPEG_CAPTURE_OPTIONS': 'threads;1'}
