"""Annotation files + frames and videos -> lists that mmaction2 trains from.

Writes lists/<label>_split<k>[_<hold-out>]/ with train.txt, val.txt, test.txt (frames), the same as
*_videos.txt (videos), classes.txt and summary.json, and prints what is in them. Frame counts are
those that extract_frames decoded, checked against the files on disk.

    python data_prep/build_lists.py --data-root data/egtea --label verb --split 1
        --hold-out subjects:P20-P26                                             (on one line)

Exit code: 0 the lists are there; 2 they are not, for the reason given.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clip_media import Media, look_for_media
from command_parts import first_few
from frame_folder import FolderError, put_in_place
from split_clips import (
    FEW_CLIPS,
    LABELS,
    PARTS,
    LabelledClip,
    SplitError,
    hold_out_clips,
    label_clips,
    parse_hold_out,
    summarise,
)

from cdb_video.annotation import (
    AnnotationError,
    ClipName,
    FrameEntry,
    VideoEntry,
    check_class_names,
    read_annotations,
    read_index,
    write_class_names,
    write_frame_list,
    write_video_list,
)

ANNOTATIONS, LISTS = 'action_annotation', 'lists'
CLASSES, SUMMARY = 'classes.txt', 'summary.json'
_FORMAT = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parse(argv)
    try:
        _build(args)
    except KeyboardInterrupt:
        print('\nStopped. No list was written.', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        # AnnotationError, FolderError and SplitError are ValueErrors.
        print(f'build_lists: {error}', file=sys.stderr)
        return 2
    return 0


def _build(args: argparse.Namespace) -> None:
    root: Path = args.data_root
    hold_out = parse_hold_out(args.hold_out)
    names = _read_names(root / ANNOTATIONS / f'{args.label}_idx.txt')
    train, test = (_read_split(root, part, args, list(names)) for part in ('train', 'test'))
    parts = hold_out_clips(train, test, hold_out)
    media = look_for_media(root, [entry.clip for entries in parts.values() for entry in entries], args.source)
    lengths, missing = media.lengths, media.missing
    if missing and not args.allow_missing:
        raise FolderError(
            f'{len(missing)} of {sum(map(len, parts.values()))} clips are missing: '
            f'{first_few([f"{clip} ({why})" for clip, why in missing.items()])}. Run extract_frames, '
            'choose --source, or leave them out and have them listed with --allow-missing.'
        )
    parts = {part: [entry for entry in entries if entry.clip not in missing] for part, entries in parts.items()}
    empty = [part for part, entries in parts.items() if not entries]
    if empty:
        raise SplitError(f'no clip is left for {", ".join(empty)}: nothing to list.')
    summary = {
        'format': _FORMAT,
        'label': args.label,
        'split': args.split,
        'hold_out': hold_out.text,
        'source': args.source,
        **summarise(parts, names, lengths),
        'clips_of_other_length_than_named': len(media.other_lengths),
        'missing_clips': {str(clip): why for clip, why in missing.items()},
    }
    folder = root / LISTS / f'{args.label}_split{args.split}{hold_out.suffix}'
    news = write_folder(
        folder,
        lambda partial: _write_lists(partial, parts, lengths, args.source),
        list(names.values()),
        summary,
        args.overwrite,
    )
    print(counts_table(summary, 'by clip name' if args.source == 'videos' else 'decoded'))
    print(f'{folder}: {news}')
    for warning in [*_length_warnings(media), *_warnings(summary)]:
        print(f'warning: {warning}', file=sys.stderr)


def _read_names(path: Path) -> dict[int, str]:
    names = read_index(path)
    try:
        check_class_names(list(names.values()))
    except AnnotationError as error:
        raise error.at(path) from None
    return names


def _read_split(root: Path, part: str, args: argparse.Namespace, ids: Sequence[int]) -> list[LabelledClip]:
    path = root / ANNOTATIONS / f'{part}_split{args.split}.txt'
    return label_clips(read_annotations(path), args.label, ids, str(path))


def write_folder(
    folder: Path,
    write_lists: Callable[[Path], None],
    names: Sequence[str],
    summary: Mapping[str, Any],
    overwrite: bool,
) -> str:
    """Write all files beside `folder`, then let them appear together.

    Args:
        folder: The folder of the lists.
        write_lists: Writes the list files into a folder.
        names: Class names in the order of the labels.
        summary: What summary.json holds.
        overwrite: Whether lists that differ may be replaced.

    Returns:
        What happened, for the user.

    Raises:
        FolderError: If `folder` holds other lists that may not be replaced, or something else.
    """
    partial = folder.with_name(f'.{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write_lists(partial)
        write_class_names(partial / CLASSES, names)
        text = json.dumps(summary, indent=1, ensure_ascii=False)
        (partial / SUMMARY).write_text(text + '\n', encoding='utf-8')
        if folder.exists():
            if _same_files(folder, partial):
                return 'these lists were there already'
            _check_replaceable(folder, overwrite)
        put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return 'written'


def _write_lists(
    folder: Path,
    parts: Mapping[str, Sequence[LabelledClip]],
    lengths: Mapping[ClipName, int],
    source: str,
) -> None:
    for part, entries in parts.items():
        if source != 'videos':
            frames = [FrameEntry(e.clip.path, lengths[e.clip], e.label) for e in entries]
            write_frame_list(folder / f'{part}.txt', frames)
        if source != 'frames':
            videos = [VideoEntry(f'{e.clip.path}.mp4', e.label) for e in entries]
            write_video_list(folder / f'{part}_videos.txt', videos)


def _same_files(folder: Path, other: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return names == {path.name for path in other.iterdir()} and all(
        (folder / name).read_bytes() == (other / name).read_bytes() for name in names
    )


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    ours = {f'{part}{kind}.txt' for part in PARTS for kind in ('', '_videos')} | {CLASSES, SUMMARY}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if foreign:
        raise FolderError(
            f'{folder} holds something else: {first_few(foreign)}. only lists and what comes '
            'with them are replaced: move these away.'
        )
    if not overwrite:
        raise FolderError(f'{folder} holds other lists than these. Keep them, or replace them with --overwrite.')


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


def _length_warnings(media: Media) -> list[str]:
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


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    found = []
    if summary['missing_clips']:
        found.append(f'{len(summary["missing_clips"])} clips are missing and left out; {SUMMARY} names them.')
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
        return found
    if summary['classes_without_validation_clips']:
        found.append(
            f'no validation clip: {", ".join(summary["classes_without_validation_clips"])}. Their '
            'difficulty is undefined: they get the mean difficulty of the other classes.'
        )
    few = summary['classes_with_few_validation_clips']
    if few:
        found.append(
            f'fewer than {FEW_CLIPS} validation clips: '
            f'{", ".join(f"{name} ({count})" for name, count in few.items())}. Their difficulty is '
            'noisy: one clip more or less right moves the accuracy by 25 points or more. Set '
            'prior_count or momentum of ClassDifficultyHook, or hold out other subjects.'
        )
    return found


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--data-root', type=Path, required=True, help=f'folder that holds {ANNOTATIONS}/')
    add('--label', choices=LABELS, required=True, help='noun = the first noun of a clip')
    add('--split', type=int, choices=(1, 2, 3), required=True)
    add(
        '--hold-out',
        required=True,
        metavar='WHICH',
        help='training clips to validate on: subjects:P20-P26 (as in the CDB paper), subjects:P20,P23 or none',
    )
    add(
        '--source',
        choices=('frames', 'videos', 'both'),
        default='both',
        help='which lists to write, and what must be on disk (default both)',
    )
    add('--allow-missing', action='store_true', help='leave missing clips out and list them')
    add('--overwrite', action='store_true', help='replace lists that differ')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
