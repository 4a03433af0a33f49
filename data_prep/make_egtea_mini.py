"""Make EGTEA-mini: a small synthetic data set in EGTEA Gaze+'s own layout and annotation format.

    python data_prep/make_egtea_mini.py --out data/egtea_mini

It writes real, encoded mp4 clips (24 fps, square) to cropped_clips/<session>/ and three splits
with index files to action_annotation/. Verbs are motions, nouns are appearances; verb counts are
long-tailed like EGTEA's, and how hard a verb is does not follow its count. The same options give
the same bytes in the same environment, whatever the number of workers. A run that was interrupted
is completed by the same command.

Exit code: 0 the data set is there; 2 the options or the folder do not fit; 130 Ctrl-C or SIGTERM.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from prep.mini.clip import MAX_FRAMES, MIN_FRAMES, Options, pick_codec

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c
from cdb_video_files.cores import count_cores


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    # Imported here, since each worker process imports this file anew and needs none of it.
    from prep.mini.data_set import make_data_set

    arguments = _parse(argv)
    options = Options(
        arguments.seed,
        arguments.size,
        arguments.scale,
        pick_codec(),
        arguments.max_frames,
        arguments.few_sessions,
    )
    try:
        with sigterm_as_ctrl_c():
            print(make_data_set(arguments.out, options, arguments.workers))
    except BrokenProcessPool:
        print(
            'make_egtea_mini: a worker process died, most likely for want of memory; use fewer --workers.',
            file=sys.stderr,
        )
        return 2
    except (OSError, ValueError) as error:
        print(f'make_egtea_mini: {error}.', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('make_egtea_mini: interrupted; the same command goes on from here.', file=sys.stderr)
        return 130
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder to write, new or empty')
    add('--seed', type=int, default=0, help='decides everything (default: 0)')
    add('--workers', type=int, default=count_cores(), help='processes (default: one per core)')
    add('--size', type=int, default=64, help='side of the frame in pixels (default: 64)')
    add(
        '--scale',
        type=float,
        default=1.0,
        help='factor on the number of clips (default: 1); 0.05 makes a set for a quick try',
    )
    add(
        '--max-frames',
        type=int,
        default=MAX_FRAMES,
        help=f'cut longer clips to this (default: {MAX_FRAMES}); 350 leaves 95 %% of the lengths as EGTEA has them',
    )
    add(
        '--few-sessions',
        action='store_true',
        help='let every second verb have its training clips of split 1 from two sessions, validation clips aside: '
        'counts of clips then promise more than there is to learn from',
    )
    arguments = parser.parse_args(argv)
    if arguments.seed < 0:
        parser.error(f'--seed {arguments.seed} is negative; give 0 or more')
    if arguments.workers < 1:
        parser.error(f'--workers {arguments.workers} is less than 1; give 1 or more')
    if arguments.size < 32 or arguments.size % 32:
        parser.error(f'--size {arguments.size} is not a multiple of 32; give 32, 64, 96, ...')
    if not 0 < arguments.scale <= 1:
        parser.error(f'--scale {arguments.scale} is outside (0, 1]; give 1 for the full set')
    if arguments.max_frames < MIN_FRAMES:
        parser.error(f'--max-frames {arguments.max_frames} is less than {MIN_FRAMES}; give {MIN_FRAMES} or more')
    return arguments


if __name__ == '__main__':
    sys.exit(main())
