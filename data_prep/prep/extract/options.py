"""The command line of extract_frames, and what it says about how the frames look."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.cores import count_cores
from prep.extract.plan import Shard
from prep.frames.manifest import H264, JPEG, MPEG4, Options
from prep.workers.pool import STALL_SECONDS

# codec -> quality that is used without --quality, best and worst
_QUALITY = {JPEG: (90, 1, 100), MPEG4: (3, 1, 31), H264: (20, 0, 51)}


def parse(argv: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = CommandParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_form(parser)
    _add_choice(parser)
    _add_work(parser)
    args = parser.parse_args(argv)
    codec = args.videos or JPEG
    default, lowest, highest = _QUALITY[codec]
    if args.quality is None:
        args.quality = default
    elif not lowest <= args.quality <= highest:
        parser.error(f'--quality {args.quality} is not a whole number {lowest}..{highest}, as {codec} has them')
    if args.dask_scheduler and args.shard.count > 1:
        parser.error('--shard and --dask-scheduler both share out the clips: use one of them')
    return args


def options_of(args: argparse.Namespace) -> Options:
    """How the frames are to look."""
    return Options(args.short_side, args.quality, args.stride, args.fps, args.backend, args.videos or JPEG)


def layout_of(args: argparse.Namespace) -> tuple[str, Path]:
    """In which form the frames lie, and in which folder."""
    root: Path = args.out or args.data_root
    if args.videos:
        return 'videos', root / (f'videos_{args.short_side}' if args.short_side else 'videos')
    return ('packs', root / 'packs') if args.pack else ('frames', root / 'frames')


def _add_form(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--data-root', type=Path, required=True, help='folder that holds cropped_clips/')
    add('--out', type=Path, help='folder that gets frames/, packs/ or videos_*/ (default: the data root)')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--pack', action='store_true', help='one file per clip, in packs/, in place of a folder')
    form.add_argument(
        '--videos',
        choices=(MPEG4, H264),
        nargs='?',
        const=MPEG4,
        help='small videos in place of frames, with a key frame every 12 frames (default %(const)s)',
    )


def _add_choice(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--short-side',
        type=_whole_number(0),
        default=256,
        help='reduce the shorter side to this many pixels, never enlarge; 0 = keep (default 256)',
    )
    add(
        '--quality',
        type=_whole_number(0),
        help='of the JPEGs, 1 to 100 (default 90); of videos the quantiser (mpeg4, default 3) or rate factor '
        '(h264, default 20)',
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--stride', type=_whole_number(1), default=1, help='every n-th frame (default 1, all)')
    which.add_argument('--fps', type=_positive, help='the first frame in every 1/FPS seconds')
    add('--backend', choices=('pyav', 'decord'), default='pyav', help='who decodes (default pyav)')


def _add_work(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--workers',
        type=_whole_number(1),
        default=count_cores(),
        help='processes (default: one per core, here %(default)s)',
    )
    add('--shard', type=_shard, default=Shard(), metavar='I/N', help='do only part I of N, for array jobs')
    add('--dask-scheduler', metavar='ADDRESS', help='let a Dask cluster do the work')
    add(
        '--stall-seconds',
        type=_positive,
        default=STALL_SECONDS,
        help='give a clip up when no frame has come for so long (default %(default)g)',
    )
    add('--overwrite', action='store_true', help='make frames anew that no longer fit')
    add('--verify', action='store_true', help='write nothing; read what is there and compare')


def _shard(text: str) -> Shard:
    match = re.fullmatch(r'(\d{1,6})/(\d{1,6})', text, re.ASCII)
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if shard is None or not 1 <= shard.index <= shard.count:
        raise argparse.ArgumentTypeError(f'{text!r} is not I/N with 1 <= I <= N, such as 3/8')
    return shard


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number > 0')
    return number


def _whole_number(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else None
        if number is None or number < minimum:
            raise argparse.ArgumentTypeError(f'{text!r} is not a whole number >= {minimum}')
        return number

    return parse
