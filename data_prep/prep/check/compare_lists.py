"""What the lists tell by themselves: labels, classes, counts, and who stands on both sides of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from cdb_video_files.annotations import read_annotations, read_index
from cdb_video_files.records import AnnotationError
from prep.check.lists import ANNOTATIONS, CLASSES, SUMMARY, Lists, clip_name_of
from prep.check.report import SOURCES, Finding
from prep.command import first_few
from prep.lists.split_clips import PARTS, SplitError, label_clips


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
        part: {clip_name_of(e.key) for (p, _), entries in lists.entries.items() if p == part for e in entries} - {None}
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
