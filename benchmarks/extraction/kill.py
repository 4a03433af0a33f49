"""kill -9 at random moments of an extraction, then a second run: is the result that of an undisturbed one?

    python benchmarks/extraction/kill.py [--rounds 20] [--clips 30] [--seed 0]

Every round starts anew, waits for a random part of the time that an undisturbed run takes, kills the
whole program, its parent process alone or (on Linux) one worker, runs it again to the end, and compares
all files byte by byte. The rounds take turns over folders, packs and videos, and over fresh and stale
(--overwrite) places. Prints one line a round; exit code 1 if any differs.
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
from pathlib import Path

import av
import numpy as np

EXTRACT = Path(__file__).resolve().parents[2] / 'data_prep' / 'extract_frames.py'
FORMS: dict[str, list[str]] = {'folders': [], 'packs': ['--pack'], 'videos': ['--videos']}
VICTIMS = ('all', 'parent', 'worker')


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
    command = [sys.executable, str(EXTRACT), '--data-root', str(root), '--out', str(out), '--workers', '2', *options]
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


def play_round(root: Path, form: str, victim: str, stale: bool, whole: dict[str, bytes], moment: float) -> str | None:
    """One round; None = the result is that of an undisturbed run, else what differs."""
    out = root / 'out'
    shutil.rmtree(out, ignore_errors=True)
    options = list(FORMS[form])
    if stale:
        start(root, out, [*options, '--stride', '7']).wait()
        options.append('--overwrite')
    process = start(root, out, options)
    time.sleep(moment)
    kill(process, victim)
    done = sum(not name.rpartition('/')[2].startswith('.') for name in files(out)) if out.exists() else 0
    if start(root, out, options).wait():
        return 'the second run failed'
    found = files(out)
    different = sorted(name for name in whole.keys() | found.keys() if whole.get(name) != found.get(name))
    print(f'{form:8} {"stale" if stale else "fresh"} {victim:6} at {moment:.2f} s, {done} files there: ', end='')
    print(f'{len(different)} files differ' if different else 'identical', flush=True)
    return f'{len(different)} files, such as {different[0]}' if different else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--clips', type=int, default=30)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    random.seed(args.seed)
    wholes: dict[str, tuple[dict[str, bytes], float]] = {}
    faults = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_clips(root / 'cropped_clips' / 's', args.clips, args.seed)
        for number in range(args.rounds):
            form = list(FORMS)[number % len(FORMS)]
            if form not in wholes:
                begun = time.monotonic()
                if start(root, root / 'whole', FORMS[form]).wait():
                    raise RuntimeError('the undisturbed run failed')
                wholes[form] = (files(root / 'whole'), time.monotonic() - begun)
                shutil.rmtree(root / 'whole')
            whole, seconds = wholes[form]
            victim = VICTIMS[number // len(FORMS) % len(VICTIMS)]
            stale = number % 2 == 1
            faults.append(play_round(root, form, victim, stale, whole, random.uniform(0, seconds)))
    bad = sum(fault is not None for fault in faults)
    print(f'{len(faults) - bad} of {len(faults)} rounds gave the bytes of an undisturbed run')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
