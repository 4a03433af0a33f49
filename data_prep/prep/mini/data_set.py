"""EGTEA-mini as a folder: what may be written where, clips, annotations, manifest."""

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
from tqdm import tqdm

from cdb_video_files.annotations import write_annotations, write_index
from prep.command import first_few
from prep.folders import digest
from prep.mini.clip import MAX_FRAMES, TEMPORARY_SUFFIX, Job, Options, count_frames, make_clip
from prep.mini.motions import VERBS
from prep.mini.plan import NUM_SPLITS, Plan, make_plan
from prep.mini.scene import NOUNS
from prep.workers.signals import start_worker, worker_context

VERSION = 2
"""Counts up when the same options begin to give other clips."""
MANIFEST = 'egtea_mini.json'
ANNOTATIONS = 'action_annotation'


def make_data_set(out: Path, options: Options, workers: int) -> str:
    """Make, complete, or leave alone the data set in ``out``.

    A data set that is complete already is read as a whole (130 MB at full scale) and compared with
    its manifest. An empty clip counts as missing.

    Returns:
        What was done, for the user.

    Raises:
        ValueError: If ``out`` holds anything else, or files that were changed; nothing has been
            touched then.
    """
    known = check_folder(out, options)
    plan = make_plan(options.seed, options.scale, options.max_frames, options.few_sessions)
    all_jobs = _make_jobs(plan, out, options)
    jobs = [job for job in all_jobs if not job.path.exists() or job.path.stat().st_size == 0]
    annotations = [out / ANNOTATIONS / name for name in _annotation_names()]
    _check_annotations(out, plan)
    whole = not jobs and all(path.exists() for path in annotations)
    record = read_manifest(out) or {}
    if known and whole and record.get('complete') is True:
        if digest(out, [*(job.path for job in all_jobs), *annotations]) != record.get('sha256'):
            raise ValueError(_describe_changed_clips(out, all_jobs))
        return f'{out} holds this EGTEA-mini already ({len(all_jobs)} clips): nothing to do'
    out.mkdir(parents=True, exist_ok=True)
    _write_manifest(out, options, complete=False)
    for leftover in out.glob(f'cropped_clips/*/*{TEMPORARY_SUFFIX}'):
        leftover.unlink()
    _make_clips(jobs, workers)
    _write_annotations(out / ANNOTATIONS, plan)
    _write_manifest(
        out,
        options,
        complete=True,
        num_clips=len(all_jobs),
        num_frames=sum(job.num_frames for job in all_jobs),
        num_actions=len(plan.actions),
        sha256=digest(out, [*(job.path for job in all_jobs), *annotations]),
    )
    return f'{len(jobs)} of {len(all_jobs)} clips made in {out}'


def check_folder(out: Path, options: Options) -> bool:
    """Say whether ``out`` holds an earlier run, finished or not, with the same options.

    Raises:
        ValueError: If it holds anything else.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out {out} is a file; name a folder')
    record = read_manifest(out)
    if record is None:
        if out.exists() and any(out.iterdir()):
            raise ValueError(
                f'--out {out} is not empty and holds no EGTEA-mini (it has no {MANIFEST}); '
                'name an empty or a new folder'
            )
        return False
    wanted = {'version': VERSION, **_stated(options)}
    stated = record.get('options')
    if not isinstance(stated, dict):
        raise ValueError(f'{out / MANIFEST} states the options {stated!r}, which are none; name another folder')
    found = {'version': record.get('version'), **stated}
    if found != wanted:
        raise ValueError(
            f'--out {out} holds an EGTEA-mini made with {found}, not {wanted}; '
            'name another folder, or remove that one first'
        )
    return True


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of an earlier run into ``out``, or None where there is none.

    Raises:
        ValueError: If the file is there but is no manifest.
    """
    path = out / MANIFEST
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path} is not JSON ({error}); remove the folder, or name another') from error
    if not isinstance(record, dict) or record.get('data_set') != 'EGTEA-mini':
        raise ValueError(f'{path} is no manifest of EGTEA-mini; name another folder')
    return record


def _make_jobs(plan: Plan, out: Path, options: Options) -> list[Job]:
    return [
        Job(
            clip.index,
            clip.annotation.clip.session,
            clip.annotation.verb,
            clip.annotation.nouns[0],
            clip.num_frames,
            out / 'cropped_clips' / f'{clip.annotation.clip.path}.mp4',
            options,
        )
        for clip in plan.clips
    ]


def _check_annotations(out: Path, plan: Plan) -> None:
    """Refuse annotation files that are not as planned: someone has edited them, so they stay."""
    with TemporaryDirectory() as name:
        _write_annotations(Path(name), plan)
        files = [(out / ANNOTATIONS / planned.name, planned) for planned in sorted(Path(name).iterdir())]
        changed = [str(path) for path, planned in files if path.exists() and path.read_bytes() != planned.read_bytes()]
    if changed:
        raise ValueError(
            f'{first_few(changed)} differ from what these options give and are not overwritten; '
            'move them away, or name another folder'
        )


def _describe_changed_clips(out: Path, jobs: list[Job]) -> str:
    """Find the clips that no longer decode to the frames in their names: half a minute at full scale."""
    bad = [str(job.path) for job in tqdm(jobs, desc='looking for the damage', disable=None) if not _is_sound(job)]
    if not bad:
        return (
            f'the clips in {out} are not the ones that {MANIFEST} was written for, though all can be played; '
            'remove the folder to make it anew, or name another one'
        )
    return f'{len(bad)} clips are damaged: {first_few(bad)}. Remove them and run the same command again'


def _is_sound(job: Job) -> bool:
    try:
        return count_frames(job.path) == job.num_frames
    except (av.error.FFmpegError, IndexError):  # IndexError: no video stream in it
        return False


def _make_clips(jobs: list[Job], workers: int) -> None:
    def show(results: Iterable[None]) -> None:
        for _ in tqdm(results, desc='making', unit='clip', total=len(jobs), disable=None):
            pass

    if workers == 1 or len(jobs) < 2:
        show(map(make_clip, jobs))
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=worker_context(), initializer=start_worker) as pool:
        try:
            show(pool.map(make_clip, jobs, chunksize=8))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _annotation_names() -> list[str]:
    splits = range(1, NUM_SPLITS + 1)
    lists = [f'{part}_split{number}.txt' for number in splits for part in ('train', 'test')]
    return [*lists, 'action_idx.txt', 'verb_idx.txt', 'noun_idx.txt']


def _write_annotations(folder: Path, plan: Plan) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(1, NUM_SPLITS + 1):
        for part in ('train', 'test'):
            write_annotations(folder / f'{part}_split{number}.txt', plan.split(number, part))
    verbs = {number: verb.name for number, verb in enumerate(VERBS, start=1)}
    nouns = dict(enumerate(NOUNS, start=1))
    actions = {number: f'{verbs[verb]} {nouns[noun]}' for number, (verb, noun) in plan.actions.items()}
    for name, index in (('verb', verbs), ('noun', nouns), ('action', actions)):
        write_index(folder / f'{name}_idx.txt', index)


def _stated(options: Options) -> dict[str, Any]:
    """The options as the manifest states them: what came later is left out at its usual value, as in older sets."""
    stated = asdict(options)
    for name, usual in (('max_frames', MAX_FRAMES), ('few_sessions', False)):
        if stated[name] == usual:
            del stated[name]
    return stated


def _write_manifest(out: Path, options: Options, **facts: Any) -> None:
    record = {'data_set': 'EGTEA-mini', 'version': VERSION, 'options': _stated(options), **facts}
    path = out / MANIFEST
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    temporary.write_text(json.dumps(record, indent=2) + '\n', encoding='utf-8')
    temporary.replace(path)
