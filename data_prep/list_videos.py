"""Your own videos -> lists that mmaction2 trains from.

Takes a CSV with one line a video, or folders named after the classes, and writes train_videos.txt,
val_videos.txt, test_videos.txt, classes.txt and summary.json into --out; with --frames, for which
extract_frames has made frames, train.txt and so on beside them.

    python data_prep/list_videos.py --videos data/mine/videos --csv data/mine/labels.csv --out data/mine/lists
    python data_prep/list_videos.py --videos data/mine/videos --out data/mine/lists

The CSV has the columns path (relative to --videos) and label; perhaps split (train, val or test) and
group, subject or session. The folders are <class>/<video>, or <train|val|test>/<class>/<video>.

Exit code: 0 the lists are there; 2 they are not, for the reason given; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from build_lists import write_folder
from clip_media import check_made_alike, look_for_clip
from command_parts import first_few
from data_root import videos_below
from divide_clips import divide
from frame_folder import FolderError, Manifest, Options
from list_report import counts_table
from own_clips import OwnClip, OwnClipsError, OwnLine, class_names, read_class_folders
from own_csv import Columns, read_csv
from own_report import own_warnings
from split_clips import PARTS, summarise
from tqdm import tqdm
from video_header import VideoError, announced_frames

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list

_FORMAT = 1
_DEFAULT_SHARE = 0.15


@dataclass(frozen=True)
class Labelled:
    """A clip and its class, counted from 0."""

    clip: OwnClip
    label: int


@dataclass
class Found:
    """What of the videos and frames is there.

    Attributes:
        lengths: Frames of each clip: decoded ones where there are frames, else what the header states.
        missing: Clips that cannot be used, each with the reason.
        unbounded: Clips that announce neither a number of frames nor a duration, so that a cut cannot be seen.
    """

    lengths: dict[OwnClip, int] = field(default_factory=dict)
    missing: dict[OwnClip, str] = field(default_factory=dict)
    unbounded: int = 0


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
    args.videos = videos_below(args.videos)
    if not args.videos.is_dir():
        raise OwnClipsError(f'{args.videos} is not a folder. Name the folder of your videos with --videos')
    lines = _read(args)
    names = class_names(lines, read_class_names(args.classes) if args.classes else None)
    _divided(lines, args)  # what does not fit is said before ten thousand files are opened
    found = _look(lines, args)
    _check_missing(found, lines, args.allow_missing)
    lines = [line for line in lines if line.clip not in found.missing]
    lines, hold_out = _divided(lines, args)
    parts = _parts(lines, names)
    summary = {
        'format': _FORMAT,
        'label': 'folder' if args.csv is None else args.label_column,
        'split': 'none',
        'hold_out': hold_out,
        'source': 'videos' if args.frames is None else 'both',
        **summarise(parts, dict(enumerate(names)), found.lengths),
        'missing_clips': {clip.path: why for clip, why in found.missing.items()},
    }
    grouped = lines[0].clip.group is not None
    if not grouped:  # then every clip would stand here as its own subject
        summary['subjects'] = {part: [] for part in parts}
    news = write_folder(args.out, _writer(parts, found.lengths, args.frames), names, summary, args.overwrite)
    print(counts_table(summary, 'as the headers state' if args.frames is None else 'decoded'))
    print(f'held out: {hold_out}\nvideos: relative to {args.videos}\n{args.out}: {news}')
    warnings = own_warnings(summary, lines)
    if found.unbounded:
        warnings.append(f'{found.unbounded} clips announce no frame count and no duration; a cut cannot be seen')
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)


def _read(args: argparse.Namespace) -> list[OwnLine]:
    if args.csv is not None:
        return read_csv(args.csv, Columns(args.path_column, args.label_column, args.split_column, args.group_column))
    if args.out.resolve().is_relative_to(args.videos.resolve()):
        raise OwnClipsError(
            f'--out {args.out} lies in --videos {args.videos}, where every folder is a class. Put the lists elsewhere'
        )
    return read_class_folders(args.videos)


def _look(lines: Sequence[OwnLine], args: argparse.Namespace) -> Found:
    """Open every video, and look at its frames if they are wanted.

    Raises:
        FolderError: If the frames were not all extracted with the same options.
    """
    found = Found()
    options: Counter[Options] = Counter()
    for line in tqdm(lines, desc='opening', unit='video', leave=False, disable=None):
        clip, video = line.clip, args.videos / line.clip.path
        frames = None if args.frames is None else args.frames / clip.frame_dir
        manifest, why = look_for_clip(video, frames)
        try:
            if why is None:
                found.lengths[clip], is_bounded = _length(video, manifest)
                found.unbounded += not is_bounded
        except VideoError as error:
            why = str(error)
        if why is not None:
            found.missing[clip] = why
        elif manifest is not None:
            options[manifest.options] += 1
    check_made_alike(options)
    return found


def _length(video: Path, manifest: Manifest | None) -> tuple[int, bool]:
    announced, is_bounded = announced_frames(video)
    if manifest is None:
        return announced, is_bounded
    if manifest.source.name != video.name:
        raise VideoError(f'its frames were made from {manifest.source.name}')
    return manifest.frames, is_bounded


def _check_missing(found: Found, lines: Sequence[OwnLine], allowed: bool) -> None:
    missing = [f'{line.where}: {line.clip.path} ({why})' for line in lines if (why := found.missing.get(line.clip))]
    if missing and not allowed:
        raise FolderError(
            f'{len(missing)} of {len(lines)} clips cannot be used: {first_few(missing)}. Correct --videos or the '
            'paths, or leave these out and have them listed with --allow-missing'
        )
    if len(missing) == len(lines):
        raise FolderError(f'none of the {len(lines)} clips is there: {first_few(missing)}. Is --videos right?')


def _divided(lines: Sequence[OwnLine], args: argparse.Namespace) -> tuple[list[OwnLine], str]:
    """Give every clip a part; also say how, in words.

    Where the split is given, its parts stay as they are, and what it lacks is drawn from its training
    clips: val always, since difficulty is measured there, test only if a share is asked for.
    """
    given = {line.part for line in lines} - {None}
    if given and 'train' not in given:
        raise OwnClipsError(f'the split has {", ".join(sorted(map(str, given)))} but no train: nothing to train on')
    asked = {'val': args.val_share, 'test': args.test_share}
    for part, share in asked.items():
        if part in given and share is not None:
            raise OwnClipsError(f'--{part}-share {share:g}, but the split has a {part} part. Give one of the two')
    usual = {'val': _DEFAULT_SHARE, 'test': 0.0 if given else _DEFAULT_SHARE}
    shares = {p: usual[p] if share is None else share for p, share in asked.items() if p not in given}
    if sum(shares.values()) >= 1:
        raise OwnClipsError(f'the shares {shares} leave nothing to train on. Their sum must be below 1')
    open_ones = [line for line in lines if line.part in (None, 'train')]
    drawn = dict(zip((line.clip for line in open_ones), divide(open_ones, shares, args.seed), strict=True))
    divided = [replace(line, part=drawn.get(line.clip, line.part)) for line in lines]
    return divided, _words(given, shares, args.seed, lines[0].clip.group is not None)


def _words(given: set[str | None], shares: Mapping[str, float], seed: int, grouped: bool) -> str:
    words = [f'{part} as given' for part in ('val', 'test') if part in given]
    drawn = [f'{part} {share:g}' for part, share in shares.items() if share > 0]
    if drawn:
        words.append(f'{", ".join(drawn)} of {"the groups" if grouped else "every class"}, seed {seed}')
    return '; '.join(words) or 'none'


def _parts(lines: Sequence[OwnLine], names: Sequence[str]) -> dict[str, list[Labelled]]:
    label_of = {name: label for label, name in enumerate(names)}
    parts = {
        part: sorted(
            (Labelled(line.clip, label_of[line.label]) for line in lines if line.part == part),
            key=lambda entry: entry.clip.path,
        )
        for part in PARTS
    }
    return {part: entries for part, entries in parts.items() if entries}


def _writer(
    parts: Mapping[str, Sequence[Labelled]], lengths: Mapping[OwnClip, int], frames: Path | None
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for part, entries in parts.items():
            write_video_list(folder / f'{part}_videos.txt', [VideoEntry(e.clip.path, e.label) for e in entries])
            if frames is not None:
                listed = [FrameEntry(e.clip.frame_dir, lengths[e.clip], e.label) for e in entries]
                write_frame_list(folder / f'{part}.txt', listed)

    return write


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
