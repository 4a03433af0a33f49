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
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prep.command import whole_number
from prep.frames.data_root import CLIPS, OTHER_CLIPS, clips_folder
from prep.lists.egtea import ANNOTATIONS, LISTS, Divided, Wanted, divide, read_names, write_lists
from prep.lists.folder import PLOT, check_folder, write_folder
from prep.lists.report import count_warnings, counts_table, held_out, length_warnings
from prep.lists.split_clips import LABELS, parse_hold_out, summarise

from cdb_video_files.commands.parser import CommandParser

_FORMAT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parse(argv)
    try:
        _build(_wanted(args), overwrite=args.overwrite, plot=args.plot)
    except KeyboardInterrupt:
        print('\nStopped. No list was written.', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        # AnnotationError, FolderError and SplitError are ValueErrors.
        print(f'build_lists: {error}', file=sys.stderr)
        return 2
    return 0


def _build(wanted: Wanted, *, overwrite: bool, plot: bool) -> None:
    names = read_names(wanted.annotations / f'{wanted.label}_idx.txt')
    suffix = parse_hold_out(wanted.hold_out, wanted.seed).suffix
    folder = wanted.root / LISTS / f'{wanted.label}_split{wanted.split}{suffix}'
    check_folder(folder)
    divided = divide(wanted, list(names))
    media, summary = divided.media, _summary(wanted, divided, names)

    def write(partial: Path) -> None:
        write_lists(partial, divided.parts, media.lengths, wanted.source)

    news = write_folder(folder, write, list(names.values()), summary, overwrite)
    print(counts_table(summary, 'by clip name' if wanted.source == 'videos' else 'decoded'))
    print(held_out(summary))
    print(f'{folder}: {news}')
    _say_where_videos_are(wanted.root, wanted.source)
    for warning in [*length_warnings(media), *count_warnings(summary)]:
        print(f'warning: {warning}', file=sys.stderr)
    if plot:
        _plot(summary, folder / PLOT)


def _summary(wanted: Wanted, divided: Divided, names: Mapping[int, str]) -> dict[str, Any]:
    """What summary.json holds."""
    hold_out, media = divided.hold_out, divided.media
    return {
        'format': _FORMAT,
        'label': wanted.label,
        'split': wanted.split,
        'hold_out': hold_out.text,
        'hold_out_subjects': list(hold_out.subjects),
        'hold_out_seed': hold_out.seed if hold_out.share is not None else None,
        'source': wanted.source,
        **summarise(divided.parts, names, media.lengths),
        'clips_of_other_length_than_named': len(media.other_lengths),
        'missing_clips': {str(clip): why for clip, why in media.missing.items()},
    }


def _say_where_videos_are(root: Path, source: str) -> None:
    folder = clips_folder(root)
    if source != 'frames' and folder != root / CLIPS:
        print(f"the video lists are relative to {folder}: set data_prefix=dict(video='{OTHER_CLIPS}') in the config")


def _plot(summary: Mapping[str, Any], path: Path) -> None:
    try:
        from prep.lists.plot_counts import plot_counts
    except ImportError as error:
        print(f"no plot: {error}. Install the report extra: pip install '.[report]'", file=sys.stderr)
        return
    plot_counts(summary, path)
    print(f'{path}: written')


def _wanted(args: argparse.Namespace) -> Wanted:
    return Wanted(
        root=args.data_root,
        label=args.label,
        split=args.split,
        hold_out=args.hold_out,
        seed=args.seed,
        source=args.source,
        frames=args.frames,
        allow_missing=args.allow_missing,
    )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
