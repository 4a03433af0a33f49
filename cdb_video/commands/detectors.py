"""Detectors in the commands that are made for one class a sample: how predict serves them, and what others say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdb_video.inference.detection.detector import Detector
    from cdb_video.inference.detection.results import Found
    from cdb_video.inference.inputs import Inputs
    from cdb_video.inference.results import Failure

_REFUSALS = {
    'edit-classifier': (
        'edit-classifier changes the layer that scores one class a sample, and {what} is of a detector, whose scores '
        "include the background: adjust them in training, by dict(type='CDBLoss', logit_adjustment=1.0, background=1.0)"
    ),
}
_USUAL_THRESHOLD = 0.3
_OTHERS = {
    'window': 'is of videos',
    'stride': 'is of videos',
    'no_html': 'is of videos',
    'views': 'is of models that name one class of a sample',
    'batch': 'is not of detectors, which look at images one by one, since those of a batch are filled up to one size',
}
"""Words of predict that say nothing to a detector."""


def refuse_detector(command: str, what: object) -> None:
    """Refuse to work on a detector, before anything is loaded.

    Args:
        command: The sub-command.
        what: What was given that is of a detector, for the message.

    Raises:
        ValueError: Always; the message says what to use instead.
    """
    raise ValueError(_REFUSALS[command].format(what=what))


@dataclass
class DetectorRun:
    """What a detector is to look at, and what it has found: predict for a work directory of mmdet."""

    args: argparse.Namespace
    inputs: Inputs
    detector: Detector
    places: Mapping[str, Path]
    say: Callable[[str, Any], None]
    found: list[Found | Failure] = field(default_factory=list)
    drawn: int = 0
    failures: int = 0
    status: int = 0

    @classmethod
    def of(cls, args: argparse.Namespace, say: Callable[[str, Any], None]) -> DetectorRun:
        """Look for all that can be known to be wrong, the cheapest first.

        Args:
            args: Of the command.
            say: Prints a line to a stream, beside a progress bar if there is one.

        Raises:
            ValueError: If a word does not go with detectors, or nothing can be looked at with this work directory.
            FileNotFoundError: If something is not there.
            ImportError: If mmdet cannot be imported.
        """
        from cdb_video.inference.detection.detector import load_detector
        from cdb_video.inference.detection.drawing import places_in
        from cdb_video.inference.inputs import PICTURES, find_inputs

        for name, why in _OTHERS.items():
            if getattr(args, name) not in (None, False):
                raise ValueError(
                    f'--{name.replace("_", "-")} {why}, and {args.work_dir} is of a detector: leave it out'
                )
        inputs = find_inputs(args.inputs, args.root, PICTURES)
        places = {} if args.draw is None else places_in(args.draw, inputs.paths)
        detector = load_detector(args.work_dir, args.checkpoint, config=args.config, device=args.device)
        config = 'the one in it' if detector.config == detector.checkpoint else detector.config
        print(f'{detector.checkpoint} ({detector.reason}), config: {config}')
        for note in inputs.notes:
            print(f'predict: {note}', file=sys.stderr)
        return cls(args, inputs, detector, places, say)

    @property
    def score_threshold(self) -> float:
        """Below which nothing is shown."""
        given: float | None = self.args.score_threshold
        return _USUAL_THRESHOLD if given is None else given

    def outcomes(self) -> Iterator[Found | Failure]:
        """What is found in each image."""
        yield from self.detector.detect_all(
            self.inputs.paths, score_threshold=self.score_threshold, topk=self.args.topk
        )

    def add(self, outcome: Found | Failure) -> None:
        """Say what was found in an image, and draw it."""
        from cdb_video.inference.results import Failure

        self.found.append(outcome)
        if isinstance(outcome, Failure):
            self._fail(f'{outcome.path}: {outcome.cause}')
            return
        self.say(f'{outcome.path}: {self._said(outcome)}', sys.stdout)
        if self.places:
            self._draw(outcome)

    def write(self) -> None:
        """Write the file; an earlier one stays where nothing could be looked at."""
        from cdb_video.inference.detection.files import write_found
        from cdb_video.inference.results import Failure
        from cdb_video.report.pages.console import write_files

        out: Path | None = self.args.out
        if out is None or not self.found:
            return
        if out.exists() and all(isinstance(outcome, Failure) for outcome in self.found):
            print(f'predict: {out} is left as it was, since no image could be looked at', file=sys.stderr)
            return
        written = write_files('predict', lambda: [write_found(out, self.found, self.detector, self.score_threshold)])
        for line in written.lines:
            print(line)
        if written.problem:
            print(written.problem, file=sys.stderr)
        self.status = self.status or written.status

    def summarize(self) -> None:
        """Say how many images were drawn, and how many failed."""
        if self.drawn:
            print(f'drawn: {self.drawn} in {self.args.draw}')
        if self.failures:
            print(f'predict: {self.failures} of {len(self.found)} could not be predicted whole', file=sys.stderr)

    def _said(self, found: Found) -> str:
        if not found.objects:
            return f'nothing with a score of {self.score_threshold:g} or more'
        return ', '.join(
            f'{one.name} {one.score:.3f} ({" ".join(f"{corner:.0f}" for corner in one.box)})' for one in found.objects
        )

    def _draw(self, found: Found) -> None:
        from cdb_video.inference.detection.drawing import draw_found

        try:
            draw_found(found, self.places)
        except (OSError, ValueError) as error:
            self._fail(f'{found.path} could not be drawn: {error}')
        else:
            self.drawn += 1

    def _fail(self, line: str) -> None:
        self.failures += 1
        self.status = 1
        self.say(f'predict: {line}', sys.stderr)
