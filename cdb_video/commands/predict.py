"""Name the action in new videos, the class of new images or the objects in them, with the model of a work directory.

    cdb-video predict WORK_DIR clip.mp4 folder_of_clips list.txt --topk 3 --out predictions.csv
    cdb-video predict WORK_DIR long.mp4 --window 2 --stride 0.5 --out timeline.csv
    cdb-video predict WORK_DIR image.png folder_of_images list.txt    a work directory of mmpretrain
    cdb-video predict WORK_DIR folder_of_images --score-threshold 0.5 --draw drawn --out found.csv    of mmdet

Takes the best checkpoint there and the config in it, and reads the files as the test of that config does. A list
(.txt) has a file a line, with its label behind it or not. A detector shows the objects in each image, and --draw
writes copies with their boxes. With --window a long video gets a timeline: the CSV,
and beside it a page, timeline.html, that opens without a network.

A file that cannot be read is named with the cause, and costs the others nothing: exit code 1. Exit code 2 if an
argument cannot be followed; nothing is written then. Files appear whole or not at all.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdb_video.commands.detectors import DetectorRun
from cdb_video.host_words import sample
from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c

if TYPE_CHECKING:
    from cdb_video.inference.files import Outcome
    from cdb_video.inference.inputs import Inputs
    from cdb_video.inference.predict import Predictor

_USUAL_TOPK = 5
_OF_DETECTORS = ('score_threshold', 'draw')
_INTERRUPTED = 130  # as the shell has it for a program that Ctrl-C ends


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parser().parse_args(argv)
    try:
        run = _prepared(args)
    except (OSError, ValueError, ImportError) as error:
        print(f'predict: {error}', file=sys.stderr)
        return 2
    try:
        with sigterm_as_ctrl_c():
            for outcome in _with_progress(run.outcomes(), len(run.inputs.paths)):
                run.add(outcome)
    except KeyboardInterrupt:
        run.status = _INTERRUPTED
        print(f'predict: stopped after {len(run.found)} of {len(run.inputs.paths)}', file=sys.stderr)
    finally:  # whatever ends it, what was found is kept
        run.write()
    run.summarize()
    return run.status


@dataclass
class _Run:
    """What is to be predicted, and what was found."""

    args: argparse.Namespace
    inputs: Inputs
    predictor: Predictor
    topk: int
    found: list[Outcome] = field(default_factory=list)
    failures: int = 0
    status: int = 0

    def outcomes(self) -> Iterator[Outcome]:
        if self.args.window is None:
            yield from self.predictor.predict_all(self.inputs.paths)
            return
        for path in self.inputs.paths:
            yield _timeline(self.predictor, path, self.args.window, self.args.stride)

    def add(self, outcome: Outcome) -> None:
        self.found.append(outcome)
        lines, error = _shown(outcome, self.topk)
        for line in lines:
            _say(line, sys.stdout)
        if error is not None:
            self.failures += 1
            self.status = 1
            _say(f'predict: {outcome.path}: {error}', sys.stderr)

    def write(self) -> None:
        """Write the files; earlier ones stay where nothing was found."""
        from cdb_video.inference.results import Failure
        from cdb_video.report.pages.console import write_files

        out: Path | None = self.args.out
        if out is None or not self.found:
            return
        if out.exists() and all(isinstance(outcome, Failure) for outcome in self.found):
            print(f'predict: {out} is left as it was, since no {sample()} could be predicted', file=sys.stderr)
            return
        written = write_files('predict', lambda: self._write_to(out))
        for line in written.lines:
            print(line)
        if written.problem:
            print(written.problem, file=sys.stderr)
        self.status = self.status or written.status

    def _write_to(self, out: Path) -> list[Path]:
        from cdb_video.inference.files import write_outcomes
        from cdb_video.inference.results import Timeline
        from cdb_video.inference.timeline.page import render_timelines
        from cdb_video_files.atomic import write_atomically

        paths = [write_outcomes(out, self.found, topk=self.topk, labels=self.inputs.labels, predictor=self.predictor)]
        timelines = [outcome for outcome in self.found if isinstance(outcome, Timeline)]
        if timelines and not self.args.no_html:
            page = render_timelines(timelines, str(self.predictor.checkpoint))
            paths.append(write_atomically(out.with_suffix('.html'), page))
        return paths

    def summarize(self) -> None:
        """Say how many failed, and how many have the class of the list."""
        from cdb_video.inference.results import Prediction

        known = [
            outcome.best.label == self.inputs.labels[outcome.path]
            for outcome in self.found
            if isinstance(outcome, Prediction) and outcome.path in self.inputs.labels
        ]
        if known:
            print(f'{sum(known)} of {len(known)} have the class of the list first')
        if self.failures:
            print(f'predict: {self.failures} of {len(self.found)} could not be predicted whole', file=sys.stderr)


def _prepared(args: argparse.Namespace) -> _Run | DetectorRun:
    """All that can be known to be wrong is looked for here, the cheapest first."""
    _check_arguments(args)
    from cdb_video import load  # by way of the face, which says what to install
    from cdb_video.inference.inputs import PICTURES, VIDEOS, find_inputs
    from cdb_video.inference.work_dir import scope_of
    from cdb_video.launch.scope import DETECTION_SCOPE, IMAGES_SCOPE

    scope = scope_of(args.work_dir)
    if scope == DETECTION_SCOPE:
        return DetectorRun.of(args, _say)
    other = next((name for name in _OF_DETECTORS if getattr(args, name) is not None), None)
    if other is not None:
        raise ValueError(
            f'--{other.replace("_", "-")} is of detectors, and {args.work_dir} of no training with mmdet: leave it out'
        )
    kind = PICTURES if scope == IMAGES_SCOPE else VIDEOS
    if kind is PICTURES and args.window is not None:
        raise ValueError(f'--window is of videos, and {args.work_dir} was trained on images: leave it out')
    inputs = find_inputs(args.inputs, args.root, kind)
    predictor = load(
        args.work_dir,
        args.checkpoint,
        config=args.config,
        device=args.device,
        views=args.views or 'test',
        batch_size=args.batch,
    )
    number = len(predictor.class_names)
    if args.topk is not None and args.topk > number:
        raise ValueError(f'--topk {args.topk}: the model has {number} classes, give at most as many')
    config = 'the one in it' if predictor.config == predictor.checkpoint else predictor.config
    print(f'{predictor.checkpoint} ({predictor.reason}), config: {config}')
    for note in inputs.notes:
        print(f'predict: {note}', file=sys.stderr)
    return _Run(args, inputs, predictor, args.topk or min(_USUAL_TOPK, number))


def _check_arguments(args: argparse.Namespace) -> None:
    for name in ('topk', 'batch'):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f'--{name} {value}: must be a whole number >= 1')
    for name in ('window', 'stride'):
        value = getattr(args, name)
        if value is not None and not 0 < value < float('inf'):
            raise ValueError(f'--{name} {value:g}: must be a number of seconds > 0')
    if args.stride is not None and args.window is None:
        raise ValueError('--stride needs --window, the length of the windows in seconds')
    if args.score_threshold is not None and not 0 <= args.score_threshold <= 1:
        raise ValueError(f'--score-threshold {args.score_threshold:g}: must be from 0 to 1')
    if args.out is not None:
        _check_out(args.out)


def _check_out(out: Path) -> None:
    if out.suffix not in ('.csv', '.json'):
        raise ValueError(f'--out {out}: must end in .csv or .json')
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK) or out.is_dir():
        raise ValueError(f'--out {out}: its folder must be there and writable, and it must be no folder itself')


def _timeline(predictor: Predictor, path: str, window: float, stride: float | None) -> Outcome:
    from cdb_video.inference.predict import cause_of
    from cdb_video.inference.results import Failure

    try:
        return predictor.timeline(path, window, stride)
    except Exception as error:  # whatever it is, it is said with the video, and the next one is read
        return Failure(path, cause_of(error, path))


def _shown(outcome: Outcome, topk: int) -> tuple[list[str], str | None]:
    """The lines of an outcome, and what went wrong."""
    from cdb_video.inference.results import Failure, Prediction
    from cdb_video.inference.timeline.page import clock

    if isinstance(outcome, Failure):
        return [], outcome.cause
    note = [] if outcome.note is None else [f'    ({outcome.note})']
    if isinstance(outcome, Prediction):
        return [f'{outcome.path}: {_scores(outcome.ranked[:topk])}', *note], None
    windows = [
        f'    {clock(window.start)} to {clock(window.end)}: {_scores(window.ranked[:topk])}'
        for window in outcome.windows
    ]
    return [outcome.path, *windows, *note], outcome.fault


def _scores(ranked: Sequence[Any]) -> str:
    return ', '.join(f'{score.name} {score.score:.3f}' for score in ranked)


def _with_progress(outcomes: Iterator[Any], total: int) -> Iterator[Any]:
    """The same, with a bar where there is a terminal, and tqdm."""
    tqdm = _tqdm()
    return (
        outcomes if tqdm is None else iter(tqdm(outcomes, total=total, desc='predicting', unit=sample(), leave=False))
    )


def _say(line: str, stream: Any) -> None:
    tqdm = _tqdm()
    if tqdm is None:
        print(line, file=stream)
    else:  # above the bar
        tqdm.write(line, file=stream)


def _tqdm() -> Any:
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog='cdb-video predict', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('work_dir', type=Path, metavar='WORK_DIR', help='of a training')
    add('inputs', type=Path, nargs='+', metavar='FILE', help='videos or images, folders or lists (.txt) of them')
    add('--root', type=Path, help='folder that paths in lists are relative to (default: that of the list)')
    add('--checkpoint', type=Path, metavar='FILE', help='here or in WORK_DIR (default: the best one, or the newest)')
    add('--config', type=Path, metavar='FILE', help='here or in WORK_DIR (default: the one in the checkpoint)')
    add(
        '--topk',
        type=int,
        metavar='K',
        help=f'classes of each sample (default: {_USUAL_TOPK}, or all); objects of each image (default: all)',
    )
    add('--out', type=Path, metavar='FILE', help='a .csv or .json file')
    add('--device', help="such as 'cpu' or 'cuda:0' (default: a GPU where there is one)")
    add('--batch', type=int, metavar='N', help='samples that the network sees at once (default: as in the test)')
    add('--views', help="'test', those of the config (default), or 'single', the middle one")
    add('--window', type=float, metavar='S', help='make a timeline of windows of so many seconds')
    add('--stride', type=float, metavar='S', help='seconds from window to window (default: as --window)')
    add('--no-html', action='store_true', help='of a timeline write no page')
    add('--score-threshold', type=float, metavar='S', help='of objects: leave out lower scores (default: 0.3)')
    add('--draw', type=Path, metavar='DIR', help='of objects: write copies of the images with boxes')
    return parser


if __name__ == '__main__':
    sys.exit(main())
