"""Your own videos -> lists that mmaction2 trains from.

Takes a CSV with one line a video, or folders named after the classes, and writes train_videos.txt,
val_videos.txt, test_videos.txt, classes.txt and summary.json into --out; with --frames, for which
extract_frames has made frames, train.txt and so on beside them.

    python data_prep/list_videos.py --videos data/mine/videos --csv data/mine/labels.csv --out data/mine/lists
    python data_prep/list_videos.py --videos data/mine/videos --out data/mine/lists

Where the package is installed, `cdb-video list-videos` is the same command.

The CSV has the columns path (relative to --videos, its ending may be left out) and label; perhaps split
(train, val or test) and group, subject or session. Or it is one of Kinetics, with youtube_id, time_start and
time_end in place of path. The folders are <class>/<video>, or <train|val|test>/<class>/<video>.

Exit code: 0 the lists are there; 2 they are not, for the reason given; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prep.frames.data_root import videos_below
from prep.frames.video_tree import hidden_note, read_video_tree
from prep.lists.folder import check_folder, write_folder
from prep.lists.report import counts_table
from prep.lists.split_clips import summarise
from prep.own_data.class_folders import class_folder_notes, read_class_folders
from prep.own_data.clips import OwnClipsError, OwnLine, check_names
from prep.own_data.csv_lines import Columns, read_csv
from prep.own_data.labels import class_names, label_notes
from prep.own_data.listing import (
    Division,
    Found,
    check_missing,
    divided,
    look_for_files,
    open_videos,
    parts_of,
    write_lists,
)
from prep.own_data.report import own_warnings, same_file_warnings
from prep.own_data.stored_videos import StoredVideos

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.commands.parser import CommandParser

_FORMAT = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parse(argv)
    try:
        _list(args)
    except KeyboardInterrupt:
        print('\nStopped. No list was written.', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        # AnnotationError, FolderError, OwnClipsError and SplitError are ValueErrors.
        print(f'list_videos: {error}', file=sys.stderr)
        return 2
    return 0


def _list(args: argparse.Namespace) -> None:
    videos: Path = videos_below(args.videos)
    if not videos.is_dir():
        raise OwnClipsError(f'{videos} is not a folder. Name the folder of your videos with --videos')
    if args.csv is not None and not args.csv.is_file():
        raise OwnClipsError(f'there is no CSV {args.csv}. Name the table of your videos with --csv')
    stored = StoredVideos(videos)
    lines, notes = _read_folders(videos, args.out) if args.csv is None else (_read_csv(args, stored), [])
    # What does not fit is said before ten thousand files are opened.
    check_names(lines)
    names = class_names(lines, read_class_names(args.classes) if args.classes else None)
    division = Division(args.val_share, args.test_share, args.seed)
    divided(lines, division)
    check_folder(args.out)
    found = _found(args, lines, stored)
    lines, hold_out = divided([line for line in lines if line.clip not in found.missing], division)
    parts, with_frames = parts_of(lines, names), args.frames is not None
    summary = {
        'format': _FORMAT,
        'label': 'folder' if args.csv is None else args.label_column,
        'split': 'none',
        'hold_out': hold_out,
        'source': 'both' if with_frames else 'videos',
        **summarise(parts, dict(enumerate(names)), found.lengths),
        'missing_clips': {clip.path: why for clip, why in found.missing.items()},
    }
    grouped = lines[0].clip.group is not None
    if not grouped:  # then every clip would stand here as its own subject
        summary['subjects'] = {part: [] for part in parts}

    def write(folder: Path) -> None:
        write_lists(folder, parts, found.lengths, args.frames)

    news = write_folder(args.out, write, names, summary, args.overwrite)
    print(counts_table(summary, 'decoded' if with_frames else 'as the headers state'))
    print(f'held out: {hold_out}\nvideos: relative to {videos}\n{args.out}: {news}')
    warnings = [*notes, *label_notes(names), *same_file_warnings(found.twice), *own_warnings(summary, lines)]
    if found.unbounded:
        warnings.append(f'{found.unbounded} clips announce no frame count and no duration; a cut cannot be seen')
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)


def _found(args: argparse.Namespace, lines: Sequence[OwnLine], stored: StoredVideos) -> Found:
    found = look_for_files(lines, stored, args.frames)
    check_missing(found, lines, args.allow_missing)
    open_videos(lines, stored.folder, found)
    check_missing(found, lines, args.allow_missing)
    return found


def _read_csv(args: argparse.Namespace, stored: StoredVideos) -> list[OwnLine]:
    columns = Columns(args.path_column, args.label_column, args.split_column, args.group_column)
    return read_csv(args.csv, columns, stored)


def _read_folders(videos: Path, out: Path) -> tuple[list[OwnLine], list[str]]:
    if out.resolve().is_relative_to(videos.resolve()):
        raise OwnClipsError(
            f'--out {out} lies in --videos {videos}, where every folder is a class. Put the lists elsewhere'
        )
    tree = read_video_tree(videos)
    return read_class_folders(videos, tree), [*class_folder_notes(tree), *hidden_note(videos, tree.hidden)]


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number from 0 to below 1, such as 0.15')
    return share


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number >= 0')
    return int(text)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        '--videos',
        type=Path,
        required=True,
        help='folder that the paths are relative to; or the data root that it lies in, as cropped_clips/ or '
        'video_clips/cropped_clips/',
    )
    add('--csv', type=Path, help='file with a header line; without it, classes are the names of folders')
    add('--out', type=Path, required=True, help='folder to write the lists into')
    add('--frames', type=Path, help='folder of frames or packs that extract_frames made of these videos: list them too')
    add('--path-column', default='path')
    add('--label-column', default='label')
    add('--split-column', help="default 'split', if there is such a column")
    add('--group-column', help="default 'group', 'subject' or 'session', if there is such a column")
    add('--classes', type=Path, help='class names, one a line, in the order of the labels (default: sorted)')
    share = 'share of every class to draw for {} (default 0.15; with a split column {})'
    add('--val-share', type=_share, help=share.format('validation', '0.15 of train unless it has val'))
    add('--test-share', type=_share, help=share.format('testing', '0'))
    add('--seed', type=_seed, default=0, help='which clips are drawn (default 0)')
    add('--allow-missing', action='store_true', help='leave missing, empty and unreadable videos out and list them')
    add('--overwrite', action='store_true', help='replace lists that differ')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
