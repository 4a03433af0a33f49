"""What list_videos warns of, with remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prep.command import first_few
from prep.frames.video_tree import counted
from prep.lists.report import test_warnings
from prep.lists.split_clips import FEW_CLIPS, PARTS
from prep.own_data.clips import OwnClip, OwnLine
from prep.own_data.spelling import alike, shown


def own_warnings(summary: Mapping[str, Any], lines: Sequence[OwnLine]) -> list[str]:
    """Warn of what is missing, cannot be learnt or measured, or is shared between parts.

    Args:
        summary: What summary.json holds.
        lines: All clips that are listed, each with its part.
    """
    found = []
    if summary['missing_clips']:
        found.append(f'{len(summary["missing_clips"])} clips are missing and left out; summary.json names them.')
    blank = [line.clip.path for line in lines if any(mark.isspace() for mark in line.clip.path)]
    if blank:
        found.append(
            f'{len(blank)} names hold blanks: {first_few(blank)}. VideoListDataset and FrameListDataset read such '
            "lists; mmaction2's own datasets do not."
        )
    if summary['classes_without_training_clips']:
        found.append(
            f'no training clip: {", ".join(summary["classes_without_training_clips"])}. A sampler that draws classes '
            'needs allow_empty=True, and nothing can be learnt about them.'
        )
    return [
        *found,
        *_groups_alike(lines),
        *_shared_groups(lines),
        *_validation_warnings(summary),
        *test_warnings(summary),
    ]


def same_file_warnings(twice: Sequence[tuple[OwnClip, OwnClip]]) -> list[str]:
    """Warn of clips that are one file under two names."""
    if not twice:
        return []
    named = first_few([f'{one.path} and {other.path}' for one, other in twice])
    return [
        f'{counted(len(twice), "video")} listed under two names, one file each: {named}. In two parts they make the '
        'accuracy too good; with two labels one of them is wrong.'
    ]


def _groups_alike(lines: Sequence[OwnLine]) -> list[str]:
    groups = alike(line.clip.group for line in lines if line.clip.group is not None)
    if not groups:
        return []
    named = first_few([' and '.join(map(shown, group)) for group in groups])
    return [
        f'groups that differ in case, blanks, digits or Unicode form alone are taken for different ones: {named}. If '
        'they are one, write one of them everywhere, or clips of one group may be in two parts.'
    ]


def _shared_groups(lines: Sequence[OwnLine]) -> list[str]:
    of_part = {part: {line.clip.group for line in lines if line.part == part} - {None} for part in PARTS}
    found = []
    for one, other in (('train', 'val'), ('train', 'test'), ('val', 'test')):
        both = sorted(map(str, of_part[one] & of_part[other]))
        if both:
            found.append(
                f'{len(both)} groups have clips in {one} and in {other}: {first_few(both)}. Clips of one group look '
                f'alike, so the accuracy on {other} will be too good.'
            )
    return found


def _validation_warnings(summary: Mapping[str, Any]) -> list[str]:
    if 'val' not in summary['clips']:
        return [
            'nothing is held out, so there is no val_videos.txt. Class difficulty is measured on validation clips: '
            'give a --val-share before training with CDB, or measure without one: cdb-video cross-fit.'
        ]
    found = []
    absent, few = summary['classes_without_validation_clips'], summary['classes_with_few_validation_clips']
    if absent:
        found.append(
            f'no validation clip: {", ".join(absent)}. Their difficulty is undefined: they get the mean difficulty of '
            'the other classes.'
        )
    if few:
        found.append(
            f'fewer than {FEW_CLIPS} validation clips: {", ".join(f"{name} ({count})" for name, count in few.items())}'
            '. Their difficulty is noisy: one clip more or less right moves the accuracy by 25 points or more. Give a '
            "larger --val-share, or steady it in ClassDifficultyHook: momentum='mean', as the advised configs have "
            'it, and prior_count=5.'
        )
    return found
