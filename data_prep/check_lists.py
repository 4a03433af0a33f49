"""What can be wrong with the lists themselves, before any clip is read.

Lines and labels, the class names, summary.json, the annotations that the lists were made from; clips,
subjects and sessions on both sides of a split.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from check_clip import Job
from check_report import SOURCES, Finding
from command_parts import first_few
from split_clips import PARTS, SplitError, label_clips

from cdb_video.annotation import (
    AnnotationError,
    ClipName,
    parse_clip_name,
    read_annotations,
    read_class_names,
    read_frame_list,
    read_index,
    read_video_list,
)

ANNOTATIONS, CLASSES, SUMMARY = 'action_annotation', 'classes.txt', 'summary.json'
# The length that a clip's name states and the decoded one differ by one frame in healthy clips.
_NAMED_SLACK = 1


@dataclass(frozen=True)
class Entry:
    """A line of either kind of list.

    Attributes:
        name: As in the list.
        label: From 0.
        frames: Of a frame list.
    """

    name: str
    label: int
    frames: int | None = None

    @property
    def key(self) -> str:
        """The clip, whichever list it stands in."""
        return self.name.removesuffix('.mp4')


@dataclass
class Lists:
    """A folder of lists, as far as it could be read.

    Attributes:
        entries: Lines by part and source.
        classes: Class names; None = there are none.
        summary: Of build_lists; None = there is none.
        findings: What is wrong with the files.
    """

    entries: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    classes: list[str] | None = None
    summary: dict[str, Any] | None = None
    findings: list[Finding] = field(default_factory=list)


def read_lists(folder: Path, sources: Sequence[str] = SOURCES) -> Lists:
    """Read what there is of a folder of lists.

    Raises:
        ValueError: If it holds no list of these sources.
        OSError: If a file is there but cannot be read.
    """
    lists = Lists()
    paths = {
        (part, source): folder / f'{part}{"" if source == "frames" else "_videos"}.txt'
        for part in PARTS
        for source in sources
    }
    present = {key: path for key, path in paths.items() if path.exists()}
    if not present:
        raise ValueError(
            f'{folder} holds none of {", ".join(path.name for path in paths.values())}. Build the lists with '
            'build_lists, and name their folder with --lists'
        )
    for (part, source), path in present.items():
        try:
            lists.entries[part, source] = list(_read_list(path, source))
        except AnnotationError as error:
            lists.findings.append(Finding('list', path.name, '', str(error)))
    try:
        lists.classes = read_class_names(folder / CLASSES)
    except FileNotFoundError:
        lists.findings.append(Finding('classes', CLASSES, '', 'there is no file of class names'))
    except AnnotationError as error:
        lists.findings.append(Finding('classes', CLASSES, '', str(error)))
    _read_summary(folder / SUMMARY, lists)
    return lists


def _read_list(path: Path, source: str) -> Iterator[Entry]:
    if source == 'frames':
        yield from (Entry(line.frame_dir, line.label, line.total_frames) for line in read_frame_list(path))
    else:
        yield from (Entry(line.filename, line.label) for line in read_video_list(path))


def _read_summary(path: Path, lists: Lists) -> None:
    if not path.exists():
        return  # lists of another maker
    try:
        summary = json.loads(path.read_text(encoding='utf-8'))
        _ = summary['clips'], [(entry['name'], entry['label']) for entry in summary['classes']]
        lists.summary = summary
    except (ValueError, KeyError, TypeError) as error:
        lists.findings.append(Finding('summary', path.name, '', f'not a summary of build_lists: {error!r}'))


def make_jobs(lists: Lists, folders: Mapping[str, Path]) -> list[Job]:
    """What there is to read, in the order of the lists; `folders` has that of 'frames' and that of 'videos'."""
    decoded = {entry.key: entry.frames for entries in lists.entries.values() for entry in entries if entry.frames}
    jobs = []
    for (part, source), entries in lists.entries.items():
        for entry in entries:
            frames, slack = entry.frames, 0
            if source == 'videos':
                frames, slack = _expected_frames(entry.key, decoded)
            jobs.append(Job(part, source, entry.name, folders[source] / entry.name, frames, slack))
    return jobs


def _expected_frames(key: str, decoded: Mapping[str, int | None]) -> tuple[int | None, int]:
    # The frames were decoded from this very video; packets can be one more, see check_video.
    if decoded.get(key):
        return decoded[key], 1
    clip = _clip_name(key)
    return (None, 0) if clip is None else (clip.end_frame - clip.start_frame, _NAMED_SLACK)


def _clip_name(key: str) -> ClipName | None:
    try:
        return parse_clip_name(key.rpartition('/')[2])
    except AnnotationError:
        return None


def compare_lists(root: Path, lists: Lists) -> list[Finding]:
    """Everything that the lists alone tell."""
    return [
        *_labels_out_of_range(lists),
        *_lists_that_differ(lists),
        *_summary_that_differs(lists),
        *_classes_that_differ(root, lists),
        *_labels_that_differ(root, lists),
        *_clips_on_both_sides(lists),
        *_shared_people(lists),
    ]


def _labels_out_of_range(lists: Lists) -> Iterator[Finding]:
    if lists.classes is None:
        return
    for (part, source), entries in lists.entries.items():
        for entry in entries:
            if entry.label >= len(lists.classes):
                detail = f'label {entry.label} is outside 0..{len(lists.classes) - 1}'
                yield Finding('label', f'{part} {source}', entry.name, detail)


def _lists_that_differ(lists: Lists) -> Iterator[Finding]:
    """Frames and videos of a part are the same clips with the same labels."""
    for part in PARTS:
        if (part, 'frames') not in lists.entries or (part, 'videos') not in lists.entries:
            continue
        frames, videos = ({e.key: e.label for e in lists.entries[part, source]} for source in SOURCES)
        for key in sorted(frames.keys() | videos.keys()):
            if frames.get(key) != videos.get(key):
                one, other = frames.get(key, 'absent'), videos.get(key, 'absent')
                detail = f'label {one} in the frame list, {other} in the video list'
                yield Finding('lists differ', part, key, detail)


def _summary_that_differs(lists: Lists) -> Iterator[Finding]:
    if lists.summary is None:
        return
    names = [entry['name'] for entry in lists.summary['classes']]
    if lists.classes is not None and names != lists.classes:
        yield Finding(
            'classes', CLASSES, '', f'{CLASSES} and {SUMMARY} name other classes: {_first_other(lists.classes, names)}'
        )
    for (part, source), entries in lists.entries.items():
        counts = Counter(entry.label for entry in entries)
        stated = {entry['label']: entry.get(part, 0) for entry in lists.summary['classes']}
        wrong = [f'label {k}: {counts[k]}, not {n}' for k, n in stated.items() if counts[k] != n]
        if wrong:
            yield Finding(
                'summary', f'{part} {source}', '', f'other clips per class than {SUMMARY} says: {first_few(wrong)}'
            )
    for part in lists.summary['clips']:
        if not any(part == known for known, _ in lists.entries):
            yield Finding('summary', part, '', f'{SUMMARY} counts clips of {part}, but there is no list of it')


def _classes_that_differ(root: Path, lists: Lists) -> Iterator[Finding]:
    index = _index_file(root, lists)
    if index is None or lists.classes is None:
        return
    try:
        names = list(read_index(index).values())
    except AnnotationError as error:
        yield Finding('classes', index.name, '', str(error))
        return
    if names != lists.classes:
        yield Finding('classes', CLASSES, '', f'not the classes of {index.name}: {_first_other(lists.classes, names)}')


def _index_file(root: Path, lists: Lists) -> Path | None:
    path = root / ANNOTATIONS / f'{(lists.summary or {}).get("label")}_idx.txt'
    return path if path.is_file() else None


def _first_other(names: Sequence[str], others: Sequence[str]) -> str:
    if len(names) != len(others):
        return f'{len(names)} and {len(others)} classes'
    label = next(k for k, (name, other) in enumerate(zip(names, others, strict=True)) if name != other)
    return f'label {label} is {names[label]!r} and {others[label]!r}'


def _labels_that_differ(root: Path, lists: Lists) -> Iterator[Finding]:
    """Compare with the annotations, where summary.json says which they were and they are still there."""
    summary, index = lists.summary, _index_file(root, lists)
    paths = [root / ANNOTATIONS / f'{part}_split{(summary or {}).get("split")}.txt' for part in ('train', 'test')]
    if summary is None or index is None or not all(path.is_file() for path in paths):
        return
    truth = {}
    try:
        ids = list(read_index(index))
        for path in paths:
            labelled = label_clips(read_annotations(path), summary['label'], ids, str(path))
            truth.update({entry.clip.path: entry.label for entry in labelled})
    except (AnnotationError, SplitError) as error:
        yield Finding('label', ANNOTATIONS, '', str(error))
        return
    for (part, source), entries in lists.entries.items():
        for entry in entries:
            if truth.get(entry.key) != entry.label:
                detail = f'label {entry.label} in the list, {truth.get(entry.key, "absent")} in the annotations'
                yield Finding('label', f'{part} {source}', entry.name, detail)


def _clips_on_both_sides(lists: Lists) -> Iterator[Finding]:
    keys = {part: {e.key for (p, _), entries in lists.entries.items() if p == part for e in entries} for part in PARTS}
    for one, other in combinations(PARTS, 2):
        for key in sorted(keys[one] & keys[other]):
            yield Finding('duplicate', f'{one} and {other}', key, 'the clip stands in both')


def _shared_people(lists: Lists) -> Iterator[Finding]:
    clips = {
        part: {_clip_name(e.key) for (p, _), entries in lists.entries.items() if p == part for e in entries} - {None}
        for part in PARTS
    }
    drawn = str((lists.summary or {}).get('hold_out')).startswith('stratified')
    for one, other in combinations(PARTS, 2):
        # EGTEA's own test split shares subjects; a stratified hold-out does by its nature.
        is_warning = drawn or (one, other) != ('train', 'val')
        for what in ('subject', 'session'):
            shared = {getattr(c, what) for c in clips[one]} & {getattr(c, what) for c in clips[other]}
            if shared:
                detail = f'{len(shared)} {what}s stand in both: {first_few(sorted(shared))}'
                yield Finding(f'shared {what}s', f'{one} and {other}', '', detail, is_warning)
