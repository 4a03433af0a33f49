"""Full recordings + raw annotations -> trimmed clips, for those who do not have EGTEA's own.

Reads action_annotation/raw_annotations/action_labels.csv and the split files, and cuts
cropped_clips/<session>/<clip>.mp4 under the names that the split files use, to the frame. A clip appears
when it is complete, so an interrupted run goes on where it stopped; damage costs only the clips in it.

    python data_prep/cut_clips.py --data-root data/egtea --recordings DIR

Exit code: 0 all clips are there; 1 some cannot be cut; 2 nothing was done, or the run stopped, because
of something that you have to decide or mend; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from prep.command import whole_number
from prep.cut.session import CutOutcome, Recording, cut_recording
from prep.cut.writer import PART_SUFFIX, CutOptions
from prep.frames.data_root import CLIPS, CUT_RECORD, clips_folder
from prep.frames.video_tree import read_video_tree
from prep.workers.pool import Lost, PoolError, run_tasks
from tqdm import tqdm

from cdb_video_files.commands.folder_lock import lock_folder
from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c
from cdb_video_files.cores import count_cores

ANNOTATIONS = 'action_annotation'
RAW = f'{ANNOTATIONS}/raw_annotations/action_labels.csv'
_FORMAT = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    # Imported here, since each worker process imports this file anew, and this brings torch.
    from prep.cut.plan import find_recordings, is_there, plan_cuts, unused_note, wanted_clips

    args = _parse(argv)
    options = CutOptions(args.short_side, args.crf)
    root: Path = args.data_root
    started = time.monotonic()
    try:
        clips = wanted_clips(root, args.labels or root / RAW, args.all)
        videos, notes = find_recordings(args.recordings)
        folder = clips_folder(root)
        with sigterm_as_ctrl_c(), lock_folder(folder):
            _claim(folder, options)
            missing = [clip for clip in clips if not is_there(folder / f'{clip.path}.mp4')]
            recordings, without = plan_cuts(folder, missing, videos, options)
            for note in [*notes, *unused_note(without, clips, videos)]:
                print(f'warning: {note}', file=sys.stderr)
            outcomes = _cut(recordings, args.workers)
    except KeyboardInterrupt:
        print('\nStopped. The finished clips stay; run again to go on.', file=sys.stderr)
        return 130
    except (OSError, ValueError, PoolError) as error:
        print(f'cut_clips: {error}.', file=sys.stderr)
        return 2
    return _report(outcomes, without, len(clips) - len(missing), time.monotonic() - started)


def _claim(clips: Path, options: CutOptions) -> None:
    """Write down how the clips are made; refuse a folder whose clips were made otherwise."""
    record = clips / CUT_RECORD
    wanted = {'format': _FORMAT, **asdict(options)}
    if record.exists():
        if (found := json.loads(record.read_text(encoding='utf-8'))) != wanted:
            raise ValueError(
                f'{clips} holds clips that were cut with {found}, not {wanted}. Use those options, or move it'
            )
    elif read_video_tree(clips).videos:
        raise ValueError(
            f'{clips} holds clips that cut_clips did not make, and would be mixed with its own. Move them away'
        )
    else:
        record.write_text(json.dumps(wanted) + '\n', encoding='utf-8')
    for left in clips.glob(f'*/.*{PART_SUFFIX}'):
        left.unlink()  # of a run that was killed


def _cut(recordings: Sequence[Recording], workers: int) -> list[tuple[Recording, CutOutcome]]:
    outcomes = []
    total = sum(len(recording.cuts) for recording in recordings)
    results = run_tasks(cut_recording, recordings, workers, again_alone=True)
    with closing(results), tqdm(total=total, desc='cutting', unit='clip', disable=None) as bar:
        for recording, result in results:
            outcomes.append((recording, _lost(recording, result) if isinstance(result, Lost) else result))
            bar.update(len(recording.cuts))
    return outcomes


def _lost(recording: Recording, lost: Lost) -> CutOutcome:
    """What becomes of a recording that cost its worker: the clips that are there stay."""
    return CutOutcome(damaged={cut.name: lost.reason for cut in recording.cuts if not cut.path.exists()})


def _report(
    outcomes: Sequence[tuple[Recording, CutOutcome]], without: dict[str, int], kept: int, seconds: float
) -> int:
    for session, count in sorted(without.items()):
        print(f'no recording: {session}: {count} clips', file=sys.stderr)
    for recording, outcome in outcomes:
        for name in sorted(outcome.shorter):
            print(f'shorter: {name}: {outcome.made[name]} frames, then the recording ends', file=sys.stderr)
        for name, why in sorted(outcome.damaged.items()):
            print(f'damaged: {recording.video}: {name}: {why}', file=sys.stderr)
    made = sum(len(outcome.made) for _, outcome in outcomes)
    frames = sum(sum(outcome.made.values()) for _, outcome in outcomes)
    lost = sum(without.values()) + sum(len(outcome.damaged) for _, outcome in outcomes)
    print(f'{made} clips cut ({frames} frames, {seconds:.1f} s), {kept} were there already, {lost} cannot be cut')
    return 1 if lost else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--data-root', type=Path, required=True, help=f'folder that holds {ANNOTATIONS}/ and gets {CLIPS}/')
    add('--recordings', type=Path, required=True, help='folder of the full videos, <session>.mp4')
    add('--labels', type=Path, help=f'the raw annotations (default: {RAW} below the data root)')
    add('--all', action='store_true', help='cut what no split file names too')
    add(
        '--short-side',
        type=whole_number(0),
        default=480,
        help="reduce the shorter side to this many pixels, as EGTEA's own clips; 0 = keep (default %(default)s)",
    )
    add('--crf', type=whole_number(0, 51), default=18, help='rate factor of H.264, 0 is best (default %(default)s)')
    add(
        '--workers',
        type=whole_number(1),
        default=count_cores(),
        help='processes (default: one per core, here %(default)s)',
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
