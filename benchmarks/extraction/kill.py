"""Extractions that are killed by SIGKILL at random moments and run again, beside an undisturbed one, byte by byte.

    python -m benchmarks.extraction.kill [--rounds 20] [--clips 30] [--seed 0]

Every round starts anew, waits for a random part of the time that an undisturbed run takes, kills the
whole program, its parent process alone or (on Linux) one worker, runs it again to the end, and compares
all files byte by byte. The rounds take turns over folders, packs and videos, and over fresh and stale
(--overwrite) places. Exit code 1 if any differs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from benchmarks.harness import data_prep
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results

FORMS: dict[str, list[str]] = {'folders': [], 'packs': ['--pack'], 'videos': ['--videos']}
VICTIMS = ('all', 'parent', 'worker')


@dataclass(frozen=True)
class Turn:
    """What a round is about: the form, the victim, and whether the place holds frames of other options."""

    form: str
    victim: str
    stale: bool


@dataclass(frozen=True)
class Round:
    """How a round ended.

    Attributes:
        turn: What it was about.
        killed: Who was killed in the end: all, where there was no such victim.
        moment: Seconds until then.
        files: How many were there then.
        different: Names of files that are not those of the undisturbed run.
    """

    turn: Turn
    killed: str
    moment: float
    files: int
    different: list[str]


def make_clips(folder: Path, count: int, seed: int) -> None:
    """Small H.264 clips of noise, of 20 to 60 frames."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        with av.open(str(folder / f'{number:03}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=24)
            stream.width, stream.height, stream.pix_fmt = 160, 120, 'yuv420p'
            for _ in range(int(rng.integers(20, 61))):
                image = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
            container.mux(stream.encode())


def start(root: Path, out: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Begin an extraction in a process group of its own."""
    command = data_prep.command('extract_frames', '--data-root', root, '--out', out, '--workers', 2, *options)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def kill(process: subprocess.Popen[bytes], victim: str) -> str:
    """Kill what is asked for, or all where there is no such thing; say what was killed."""
    if victim == 'worker':
        children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
        # The first child of a spawning program is its resource tracker.
        workers = children.read_text().split()[1:] if children.is_file() else []
        if workers:
            os.kill(int(random.choice(workers)), signal.SIGKILL)
            process.wait()
            return 'worker'
    if victim == 'parent':
        process.kill()
        process.wait()
        # Its workers notice, and end; the next run is not to meet them.
        wait_for_group(process.pid)
        return 'parent'
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return 'all'


def wait_for_group(group: int, seconds: float = 60) -> None:
    """Wait until no process of a group is left."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise RuntimeError(f'workers outlived their parent for {seconds} seconds')


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden names too, but for the empty lock file."""
    paths = (path for path in folder.rglob('*') if path.is_file() and path.name != '.lock')
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def play_round(root: Path, turn: Turn, whole: dict[str, bytes], moment: float) -> Round:
    """Kill an extraction at a moment, in seconds, run it again to the end, and compare it with a whole one.

    Raises:
        RuntimeError: If the second run fails.
    """
    out = root / 'out'
    shutil.rmtree(out, ignore_errors=True)
    options = list(FORMS[turn.form])
    if turn.stale:
        start(root, out, [*options, '--stride', '7']).wait()
        options.append('--overwrite')
    process = start(root, out, options)
    time.sleep(moment)
    killed = kill(process, turn.victim)
    done = sum(not name.rpartition('/')[2].startswith('.') for name in files(out)) if out.exists() else 0
    if start(root, out, options).wait():
        raise RuntimeError(f'{turn}: the second run failed')
    found = files(out)
    different = sorted(name for name in whole.keys() | found.keys() if whole.get(name) != found.get(name))
    return Round(turn, killed, round(moment, 2), done, different)


def play(root: Path, rounds: int) -> list[Round]:
    """All rounds; a line for each.

    Raises:
        RuntimeError: If a run that is not killed fails.
    """
    wholes: dict[str, tuple[dict[str, bytes], float]] = {}
    played = []
    for number in range(rounds):
        form = list(FORMS)[number % len(FORMS)]
        if form not in wholes:
            begun = time.monotonic()
            if start(root, root / 'whole', FORMS[form]).wait():
                raise RuntimeError('the undisturbed run failed')
            wholes[form] = (files(root / 'whole'), time.monotonic() - begun)
            shutil.rmtree(root / 'whole')
        whole, seconds = wholes[form]
        turn = Turn(form, VICTIMS[number // len(FORMS) % len(VICTIMS)], number % 2 == 1)
        played.append(play_round(root, turn, whole, random.uniform(0, seconds)))
        print(played[-1], flush=True)
    return played


def page(args: argparse.Namespace, played: Sequence[Round]) -> str:
    """A row a round, as Markdown."""
    rows = [
        [
            one.turn.form,
            'stale' if one.turn.stale else 'fresh',
            one.killed,
            f'{one.moment:.2f}',
            str(one.files),
            ', '.join(one.different[:3]) or 'nothing',
        ]
        for one in played
    ]
    same = sum(not one.different for one in played)
    return f"""# Extractions that are killed and run again

{args.clips} clips, two workers; {same} of {len(played)} rounds ended with the bytes of an undisturbed run.

{markdown_table(['form', 'place', 'killed', 'after s', 'files there then', 'what differs'], rows)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--clips', type=int, default=30)
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    random.seed(args.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_clips(root / 'cropped_clips' / 's', args.clips, args.seed)
        played = play(root, args.rounds)
    write_results('kill_extraction', args, page(args, played), {'rounds': played})
    return 1 if any(one.different for one in played) else 0


if __name__ == '__main__':
    sys.exit(main())
