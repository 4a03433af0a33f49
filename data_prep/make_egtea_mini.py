"""Make EGTEA-mini: a small synthetic data set in EGTEA Gaze+'s own layout and annotation format.

    python data_prep/make_egtea_mini.py --out data/egtea_mini

It writes real, encoded mp4 clips (24 fps, square) below ``cropped_clips/<session>/`` and three
splits with index files below ``action_annotation/``. Verbs are motions, nouns are appearances;
verb counts are long-tailed like EGTEA's, and how hard a verb is does not follow its count. The
same options give the same bytes in the same environment, whatever the number of workers. A run
that was interrupted is completed by the same command.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from mini_motions import VERBS
from mini_plan import FPS, NUM_SPLITS, Plan, PlannedClip, make_plan
from mini_scene import NOUNS, UInt8Array, make_kitchen, render_clip
from rich.progress import track

from cdb_video.annotation import write_annotations, write_index

VERSION = 1
"""Counts up when the same options begin to give other clips."""
MANIFEST = 'egtea_mini.json'
_TEMPORARY_SUFFIX = '.part'


@dataclass(frozen=True)
class Options:
    """What decides the content of the data set."""

    seed: int
    size: int
    scale: float
    codec: str


@dataclass(frozen=True)
class _Job:
    """One clip to draw and encode."""

    clip: PlannedClip
    path: Path
    options: Options


def pick_codec() -> str:
    """H.264 where this PyAV can write it, else MPEG-4 part 2."""
    return 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'


def _text_seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big')


def render(clip: PlannedClip, options: Options) -> UInt8Array:
    """Draw a planned clip: (T, S, S, 3) uint8 RGB."""
    annotation = clip.annotation
    session = _text_seed(annotation.clip.session)
    return render_clip(
        VERBS[annotation.verb - 1],
        NOUNS[annotation.nouns[0] - 1],
        kitchen=make_kitchen(np.random.default_rng([options.seed, 1, session])),
        num_frames=clip.num_frames,
        size=options.size,
        rng=np.random.default_rng([options.seed, 2, clip.index]),
    )


def encode(frames: UInt8Array, path: Path, codec: str) -> None:
    """Write frames (T, H, W, 3) uint8 RGB as an mp4 that shows exactly T frames.

    No B-frames: they would need an edit list, which readers treat differently. One thread: the
    bytes must not depend on the machine's cores.
    """
    if codec == 'libx264':
        codec_options = {'crf': '18', 'preset': 'superfast', 'tune': 'zerolatency'}
    else:
        codec_options = {'qscale': '2'}
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream(codec, rate=FPS, options=codec_options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        stream.gop_size = 12
        stream.max_b_frames = 0
        stream.thread_count = 1
        if codec == 'mpeg4':
            stream.codec_context.flags |= av.codec.context.Flags.qscale
            stream.codec_context.global_quality = 2 * 118
        for image in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def _make_clip(job: _Job) -> None:
    """Write one clip under a temporary name and rename it: a file that bears its name is whole."""
    cv2.setNumThreads(0)
    job.path.parent.mkdir(parents=True, exist_ok=True)
    temporary = job.path.with_name(job.path.name + _TEMPORARY_SUFFIX)
    encode(render(job.clip, job.options), temporary, job.options.codec)
    temporary.replace(job.path)


def _make_clips(jobs: list[_Job], workers: int) -> None:
    description = f'Making {len(jobs)} clips'
    if workers == 1:
        for job in track(jobs, description):
            _make_clip(job)
        return
    with ProcessPoolExecutor(workers) as pool:
        for _ in track(pool.map(_make_clip, jobs, chunksize=8), description, total=len(jobs)):
            pass


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + _TEMPORARY_SUFFIX)
    temporary.write_text(text, encoding='utf-8')
    temporary.replace(path)


def _write_manifest(out: Path, options: Options, **facts: Any) -> None:
    record = {'data_set': 'EGTEA-mini', 'version': VERSION, 'options': asdict(options), **facts}
    _write_text(out / MANIFEST, json.dumps(record, indent=2) + '\n')


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of an earlier run into ``out``, or None where there is none."""
    path = out / MANIFEST
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(
            f'{path} is not readable as JSON ({error}); remove the folder {out}, or choose another'
        ) from error
    if not isinstance(record, dict) or record.get('data_set') != 'EGTEA-mini':
        raise ValueError(f'{path} is not a manifest of EGTEA-mini; choose another --out')
    return record


def check_folder(out: Path, options: Options) -> bool:
    """Say whether ``out`` holds an earlier run with the same options.

    Raises:
        ValueError: If it holds anything else; nothing has been touched then.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out {out} is a file; name a folder')
    record = read_manifest(out)
    if record is None:
        if out.exists() and any(out.iterdir()):
            raise ValueError(
                f'--out {out} is not empty and holds no EGTEA-mini (no {MANIFEST}); '
                'choose an empty or a new folder'
            )
        return False
    wanted = {'version': VERSION, **asdict(options)}
    found = {'version': record.get('version'), **dict(record.get('options') or {})}
    if found != wanted:
        raise ValueError(
            f'--out {out} holds an EGTEA-mini made with {found}, not {wanted}; '
            'choose another folder, or remove that one first'
        )
    return True


def _write_annotations(out: Path, plan: Plan) -> None:
    folder = out / 'action_annotation'
    folder.mkdir(exist_ok=True)
    for number in range(1, NUM_SPLITS + 1):
        for part in ('train', 'test'):
            write_annotations(folder / f'{part}_split{number}.txt', plan.split(number, part))
    verbs = {number: verb.name for number, verb in enumerate(VERBS, start=1)}
    nouns = dict(enumerate(NOUNS, start=1))
    write_index(folder / 'verb_idx.txt', verbs)
    write_index(folder / 'noun_idx.txt', nouns)
    write_index(
        folder / 'action_idx.txt',
        {number: f'{verbs[verb]} {nouns[noun]}' for number, (verb, noun) in plan.actions.items()},
    )


def digest(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the names (relative to ``root``) and bytes of files, in sorted order."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.relative_to(root).as_posix().encode() + b'\0')
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def make_data_set(out: Path, options: Options, workers: int) -> str:
    """Make, complete, or leave alone the data set in ``out``; returns what was done."""
    known = check_folder(out, options)
    plan = make_plan(options.seed, options.scale)
    clips = out / 'cropped_clips'
    paths = [clips / f'{clip.annotation.clip.path}.mp4' for clip in plan.clips]
    jobs = [
        _Job(clip, path, options)
        for clip, path in zip(plan.clips, paths, strict=True)
        if not path.exists()
    ]
    if known and not jobs and (read_manifest(out) or {}).get('complete'):
        return f'{out} holds this EGTEA-mini already ({len(paths)} clips): nothing to do'
    out.mkdir(parents=True, exist_ok=True)
    _write_manifest(out, options, complete=False)
    for leftover in clips.glob(f'*/*{_TEMPORARY_SUFFIX}'):
        leftover.unlink()
    _make_clips(jobs, workers)
    _write_annotations(out, plan)
    annotations = (out / 'action_annotation').glob('*.txt')
    _write_manifest(
        out,
        options,
        complete=True,
        num_clips=len(paths),
        num_frames=sum(clip.num_frames for clip in plan.clips),
        num_actions=len(plan.actions),
        sha256=digest(out, [*paths, *annotations]),
    )
    return f'{len(jobs)} of {len(paths)} clips made in {out}'


def _parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write, new or empty')
    parser.add_argument('--seed', type=int, default=0, help='decides everything (default: 0)')
    parser.add_argument(
        '--workers',
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count(),
        help='processes (default: one per core); the result does not depend on it',
    )
    parser.add_argument(
        '--size', type=int, default=64, help='side of the frame in pixels (default: 64)'
    )
    parser.add_argument(
        '--scale',
        type=float,
        default=1.0,
        help='factor on the number of clips (default: 1); 0.05 makes a set for a quick try',
    )
    arguments = parser.parse_args(argv)
    if arguments.seed < 0:
        parser.error(f'--seed {arguments.seed} is negative; give 0 or more')
    if arguments.workers < 1:
        parser.error(f'--workers {arguments.workers} is less than 1; give 1 or more')
    if arguments.size < 32 or arguments.size % 32:
        parser.error(f'--size {arguments.size} is not a multiple of 32; give 32, 64, 96, ...')
    if not 0 < arguments.scale <= 1:
        parser.error(f'--scale {arguments.scale} is outside (0, 1]; give 1 for the full set')
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    arguments = _parse_arguments(argv)
    options = Options(arguments.seed, arguments.size, arguments.scale, pick_codec())
    try:
        print(make_data_set(arguments.out, options, arguments.workers))
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
