"""What build_lists says about its lists: a table of the counts, and plain warnings with remedies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prep.command import first_few
from prep.lists.media import Media
from prep.lists.split_clips import FEW_CLIPS


def counts_table(summary: Mapping[str, Any], counted: str) -> str:
    """Clips per class and part, the imbalance and the clip lengths, as text.

    Args:
        summary: What summary.json holds.
        counted: Where the lengths come from, such as 'decoded'.
    """
    parts = list(summary['clips'])
    classes = summary['classes']
    width = max(5, *(len(entry['name']) for entry in classes))
    lines = [f'{"label":>5}  {"class":<{width}}' + ''.join(f'{part:>7}' for part in parts)]
    lines += [
        f'{entry["label"]:>5}  {entry["name"]:<{width}}' + ''.join(f'{entry[p]:>7}' for p in parts) for entry in classes
    ]
    total = ''.join(f'{summary["clips"][part]:>7}' for part in parts)
    lines.append(f'{"":>5}  {"all":<{width}}{total}')
    lines.append(f'largest class / smallest class in train: {summary["imbalance_ratio"]}')
    length = summary['frames_per_clip']['train']
    lines.append(
        f'frames per training clip ({counted}): {length["min"]} to {length["max"]}, '
        f'median {length["median"]:g}, mean {length["mean"]:g}'
    )
    return '\n'.join(lines)


def held_out(summary: Mapping[str, Any]) -> str:
    """Who or what is held out for validation, and how much of the training split that is."""
    clips = summary['clips']
    if 'val' not in clips:
        return 'held out for validation: nothing'
    share = clips['val'] / (clips['train'] + clips['val'])
    who = (
        f'all clips of {", ".join(summary["hold_out_subjects"])}' if summary['hold_out_subjects'] else 'drawn by class'
    )
    return f'held out for validation: {who}; {share:.1%} of the training split'


def length_warnings(media: Media) -> list[str]:
    """Warn of clips that are longer or shorter than their names state."""
    if not media.other_lengths:
        return []
    described = [
        f'{clip} ({media.lengths[clip]} frames, named {clip.end_frame - clip.start_frame})'
        for clip in media.other_lengths
    ]
    return [
        f'{len(described)} clips have two or more frames more or fewer than their names state: '
        f'{first_few(described)}. Are they the clips that were annotated? Decoded frames count.'
    ]


def count_warnings(summary: Mapping[str, Any]) -> list[str]:
    """Warn of missing clips, of classes that cannot be learnt or measured, and of parts that share sessions."""
    found = []
    if summary['missing_clips']:
        found.append(f'{len(summary["missing_clips"])} clips are missing and left out; summary.json names them.')
    if summary['classes_without_training_clips']:
        found.append(
            f'no training clip: {", ".join(summary["classes_without_training_clips"])}. A sampler '
            'that draws classes needs allow_empty=True, and nothing can be learnt about them.'
        )
    if 'val' not in summary['clips']:
        found.append(
            'nothing is held out, so there is no val.txt. Class difficulty is measured on '
            'validation clips: choose a --hold-out before training with CDB.'
        )
        return [*found, *test_warnings(summary)]
    return [*found, *_validation_warnings(summary), *test_warnings(summary)]


def test_warnings(summary: Mapping[str, Any]) -> list[str]:
    """Warn of classes that a test says nothing of."""
    absent = [entry['name'] for entry in summary['classes'] if entry.get('test') == 0]
    if not absent:
        return []
    return [f'no test clip: {", ".join(absent)}. A test says nothing of them, and its mean is that of the others.']


def _validation_warnings(summary: Mapping[str, Any]) -> Iterator[str]:
    absent = summary['classes_without_validation_clips']
    if absent:
        yield (
            f'no validation clip: {", ".join(absent)}. Their '
            'difficulty is undefined: they get the mean difficulty of the other classes. '
            'To measure it, hold out subjects that cover them (--hold-out subjects:N chooses N such).'
        )
    few = summary['classes_with_few_validation_clips']
    if few:
        yield (
            f'fewer than {FEW_CLIPS} validation clips: '
            f'{", ".join(f"{name} ({count})" for name, count in few.items())}. Their difficulty is '
            'noisy: one clip more or less right moves the accuracy by 25 points or more. Hold out other subjects, or '
            "steady it in ClassDifficultyHook: momentum='mean', as the advised configs have it, and prior_count=5."
        )
    shared = summary['shared']['train_val']
    if shared['sessions']:
        yield (
            f'{shared["subjects"]} subjects and {shared["sessions"]} sessions have clips in train and in val. Clips of '
            'one session look alike, so the validation accuracy will be too good, and the difficulty too small: '
            'hold out whole subjects where you can.'
        )
