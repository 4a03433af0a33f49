"""Annotation files + frames and videos -> lists that mmaction2 trains from.

Writes lists/<label>_split<k>[_<hold-out>]/ with train.txt, val.txt, test.txt (frames), the same as
*_videos.txt (videos), classes.txt and summary.json, and prints what is in them. Frame counts are
those that extract_frames decoded, checked against the files on disk. `--plot` adds class_counts.png.

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

from choose_hold_out import settle
from clip_media import Media, look_for_media
from command_parts import first_few, whole_number
from data_root import CLIPS, OTHER_CLIPS, clips_folder, frames_folder
from frame_folder import FolderError, put_in_place
from list_report import count_warnings, counts_table, held_out, length_warnings
from split_clips import (
    LABELS,
    PARTS,
    HoldOut,
    LabelledClip,
    SplitError,
    check_apart,
    hold_out_clips,
    label_clips,
    parse_hold_out,
    summarise,
)

from cdb_video_files.annotations import read_annotations, read_index
from cdb_video_files.class_lists import check_class_names, write_class_names
from cdb_video_files.clip_names import ClipName
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from cdb_video_files.records import AnnotationError

ANNOTATIONS, LISTS = 'action_annotation', 'lists'
CLASSES, SUMMARY, PLOT = 'classes.txt', 'summary.json', 'class_counts.png'
_FORMAT = 2


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
    names = _read_names(root / ANNOTATIONS / f'{args.label}_idx.txt')
    parts, hold_out, media = _divide(root, args, list(names))
    summary = {
        'format': _FORMAT,
        'label': args.label,
        'split': args.split,
        'hold_out': hold_out.text,
        'hold_out_subjects': list(hold_out.subjects),
        'hold_out_seed': hold_out.seed if hold_out.share is not None else None,
        'source': args.source,
        **summarise(parts, names, media.lengths),
        'clips_of_other_length_than_named': len(media.other_lengths),
        'missing_clips': {str(clip): why for clip, why in media.missing.items()},
    }
    folder = root / LISTS / f'{args.label}_split{args.split}{hold_out.suffix}'
    news = write_folder(
        folder,
        lambda partial: _write_lists(partial, parts, media.lengths, args.source),
        list(names.values()),
        summary,
        args.overwrite,
    )
    print(counts_table(summary, 'by clip name' if args.source == 'videos' else 'decoded'))
    print(held_out(summary))
    print(f'{folder}: {news}')
    _say_where_videos_are(root, args.source)
    for warning in [*length_warnings(media), *count_warnings(summary)]:
        print(f'warning: {warning}', file=sys.stderr)
    if args.plot:
        _plot(summary, folder / PLOT)


def _divide(
    root: Path, args: argparse.Namespace, ids: Sequence[int]
) -> tuple[dict[str, list[LabelledClip]], HoldOut, Media]:
    """Read the split, look for its clips and divide those that are there into the parts."""
    hold_out = parse_hold_out(args.hold_out, args.seed)
    train, test = (_read_split(root, part, args, ids) for part in ('train', 'test'))
    check_apart(train, test)
    if not hold_out.is_open:  # what does not fit is said before ten thousand files are looked at
        hold_out_clips(train, test, hold_out)
    frames = args.frames or frames_folder(root)
    media = look_for_media(root, [entry.clip for entry in (*train, *test)], args.source, frames)
    if media.missing and not args.allow_missing:
        raise FolderError(_missing(media, len(train) + len(test), args.source, frames))
    # An open hold-out is settled on the clips that are there, so that it covers what can be measured.
    hold_out = settle(hold_out, [entry for entry in train if entry.clip not in media.missing])
    parts = {
        part: [entry for entry in entries if entry.clip not in media.missing]
        for part, entries in hold_out_clips(train, test, hold_out).items()
    }
    empty = [part for part, entries in parts.items() if not entries]
    if empty:
        raise SplitError(f'no clip is left for {", ".join(empty)}: nothing to list. Choose another --hold-out')
    return parts, hold_out, media


def _missing(media: Media, total: int, source: str, frames: Path) -> str:
    missing = [f'{clip} ({why})' for clip, why in media.missing.items()]
    what = f'{len(missing)} of {total} clips are missing: {first_few(missing)}.'
    others = '--source, or leave them out and have them listed with --allow-missing.'
    if source == 'videos':
        return f'{what} Choose {others}'
    return (
        f'{what} Frames were looked for in {frames}: run extract_frames, with --pack for packs, name another folder '
        f'with --frames, choose {others}'
    )


def _say_where_videos_are(root: Path, source: str) -> None:
    folder = clips_folder(root)
    if source != 'frames' and folder != root / CLIPS:
        print(f"the video lists are relative to {folder}: set data_prefix=dict(video='{OTHER_CLIPS}') in the config")


def _plot(summary: Mapping[str, Any], path: Path) -> None:
    try:
        from plot_counts import plot_counts
    except ImportError as error:
        print(f"no plot: {error}. Install the report extra: pip install '.[report]'", file=sys.stderr)
        return
    plot_counts(summary, path)
    print(f'{path}: written')


def _read_names(path: Path) -> dict[int, str]:
    names = read_index(path)
    try:
        check_class_names(list(names.values()))
    except AnnotationError as error:
        raise error.at(path) from None
    return names


def _read_split(root: Path, part: str, args: argparse.Namespace, ids: Sequence[int]) -> list[LabelledClip]:
    path = root / ANNOTATIONS / f'{part}_split{args.split}.txt'
    return label_clips(read_annotations(path, {args.label: ids}), args.label, ids, str(path))


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
    names = {path.name for path in folder.iterdir() if path.name != PLOT}
    return names == {path.name for path in other.iterdir()} and all(
        (folder / name).read_bytes() == (other / name).read_bytes() for name in names
    )


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    ours = {f'{part}{kind}.txt' for part in PARTS for kind in ('', '_videos')} | {CLASSES, SUMMARY, PLOT}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if foreign:
        raise FolderError(
            f'{folder} holds something else: {first_few(foreign)}. build_lists replaces only its own '
            'files: move these away.'
        )
    if not overwrite:
        raise FolderError(f'{folder} holds other lists than these. Keep them, or replace them with --overwrite.')


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
        help='training clips to validate on: subjects:P20-P26 (as in the CDB paper), subjects:P20,P23, subjects:7 '
        '(choose 7 who cover the classes best), stratified:0.1 (a tenth of every class) or none',
    )
    add('--seed', type=whole_number(0), default=0, help='of stratified: which clips are drawn (default 0)')
    add(
        '--source',
        choices=('frames', 'videos', 'both'),
        default='both',
        help='which lists to write, and what must be on disk (default both)',
    )
    add(
        '--frames',
        type=Path,
        help='folder of frames or packs (default: packs/ below the data root, or frames/ if there are no packs)',
    )
    add('--allow-missing', action='store_true', help='leave missing clips out and list them')
    add('--overwrite', action='store_true', help='replace lists that differ')
    add('--plot', action='store_true', help=f'draw the class counts into {PLOT}; needs matplotlib')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
