"""Change the classifier of a trained model without training, and choose by how much on the validation set.

    cdb-video edit-classifier tau-norm CONFIG CHECKPOINT OUT [--values 0 0.25 0.5 0.75 1]
    cdb-video edit-classifier adjust-logits CONFIG CHECKPOINT OUT --values 1
    cdb-video edit-classifier balance-classes CONFIG CHECKPOINT OUT --aim mean [--predictions validation.pkl]

tau-norm divides each row of the last layer by its length to the power tau, and drops the bias; adjust-logits takes
t log(share of the class among the training samples) from its scores. With several values each is validated as CONFIG
has it, and the best by --metric is written to OUT, the first of equal ones; with one value nothing is run.

balance-classes adds a number to the score of every class, fitted on the probabilities that CHECKPOINT gives the
validation samples, one view each: for the mean of the classes, or for the worst ones at some cost of the mean. CONFIG
is run on its validation set to get them, or --predictions has them, as `cdb-video test --dump` wrote them with the
pipeline of the validation. The edited checkpoint is then run there too, and OUT is written only if it answers as was
predicted.

OUT is a checkpoint as any other: test it with `cdb-video test CONFIG OUT`. Exit code 2 if it cannot be made. In a
checkout, python tools/edit_classifier.py is the same command.
"""

import argparse
import difflib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.classifier.class_bias import AIMS
from cdb_video.classifier.edits import CLASS_BIAS, EDITS, edited, read_checkpoint, save, validate
from cdb_video.classifier.last_layer import last_layer
from cdb_video.classifier.validation import missing_parts
from cdb_video.commands.balance_classes import balance
from cdb_video.commands.detectors import refuse_detector
from cdb_video.commands.host_command import say_failure
from cdb_video.data.labels import dataset_class_names, dataset_labels
from cdb_video.launch.scope import DETECTION_SCOPE, scope_in
from cdb_video.run.refusals.expected_results import expected_results
from cdb_video_files.commands.parser import CommandParser

METRIC = 'acc/mean1'
VALUES = {'tau-norm': [0.1 * k for k in range(11)], 'adjust-logits': [1.0]}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parser().parse_args(argv)
    try:
        _check_options(arguments)
        if scope_in(str(arguments.config)) == DETECTION_SCOPE:
            refuse_detector('edit-classifier', arguments.config)
        _check_out(arguments.checkpoint, arguments.out)
        done = _balance(arguments) if arguments.edit == CLASS_BIAS else _edit(arguments)
    except (OSError, ValueError) as error:
        print(f'edit_classifier: {error}', file=sys.stderr)
        return 2
    except Exception as error:  # of the host, while it builds what the config names
        return say_failure('edit_classifier', error)
    print(f'wrote {arguments.out}: {arguments.edit} with {done}')
    return 0


def _edit(arguments: argparse.Namespace) -> str:
    """Make and write the best of the edits that have a value; what was written, in words."""
    checkpoint = read_checkpoint(arguments.checkpoint)
    values = [round(value, 6) for value in arguments.values or VALUES[arguments.edit]]
    layer = arguments.layer or last_layer(checkpoint['state_dict'])
    made = [edited(checkpoint, arguments.edit, value, layer) for value in values]
    best = 0
    if len(made) > 1:
        metric = arguments.metric or METRIC
        scores = _scores(arguments.config, made, metric)
        best = max(range(len(scores)), key=scores.__getitem__)
        print(_table('tau' if arguments.edit == 'tau-norm' else 't', values, metric, scores))
    save(made[best], arguments.out)
    return f'{values[best]:g}'


def _balance(arguments: argparse.Namespace) -> str:
    """Fit, check and write a class bias; what was written, in words."""
    checkpoint = read_checkpoint(arguments.checkpoint)
    layer = arguments.layer or last_layer(checkpoint['state_dict'])
    balanced = balance(
        arguments.config, checkpoint, arguments.aim or AIMS[0], layer=layer, predictions=arguments.predictions
    )
    for line in balanced.lines:
        print(line)
    for line in balanced.warnings:
        print(f'edit_classifier: {line}', file=sys.stderr)
    save(balanced.checkpoint, arguments.out)
    return f'aim {arguments.aim or AIMS[0]}'


def _check_options(arguments: argparse.Namespace) -> None:
    """See that no option is of another edit."""
    others = ('values', 'metric') if arguments.edit == CLASS_BIAS else ('aim', 'predictions')
    for name in others:
        if getattr(arguments, name) is not None:
            whose = CLASS_BIAS if name in ('aim', 'predictions') else ' and '.join(EDITS)
            raise ValueError(f'--{name} is of {whose}, and {arguments.edit} has no use for it: leave it out')


def _check_out(checkpoint: Path, out: Path) -> None:
    """See that OUT can be written, and is not CHECKPOINT: an edited one cannot be edited again or resumed from."""
    if not out.parent.is_dir():
        raise ValueError(f'OUT {out}: there is no folder {out.parent}: make it first')
    if out.exists() and checkpoint.exists() and out.samefile(checkpoint):
        raise ValueError(f'OUT is CHECKPOINT, {checkpoint}, which would be lost: name another file')


def _scores(path: Path, made: Sequence[dict[str, object]], metric: str) -> list[float]:
    """The metric of every edited checkpoint on the validation set of a config."""
    from cdb_video.launch.config import read_config

    config = read_config(str(path))
    missing = missing_parts(config)
    if missing:
        raise ValueError(
            f'{path} has no {", ".join(missing)}, so several values cannot be compared: give the config of '
            'the run, or one value with --values'
        )
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        results = validate(config, made, lambda loop: _check_metric(loop, metric))
    if metric not in results[0]:
        raise ValueError(_no_metric(metric, list(results[0])))
    return [result[metric] for result in results]


def _check_metric(loop: Any, metric: str) -> None:
    """See that a validation will return the result to choose by, as far as that is known before it."""
    dataset = loop.dataloader.dataset
    num_clips = np.bincount(dataset_labels(dataset), minlength=len(dataset_class_names(dataset) or ()))
    expected = expected_results('val_evaluator', loop.evaluator.metrics, num_clips)
    if not expected.may_have(metric):
        raise ValueError(_no_metric(metric, expected.numbers))


def _no_metric(metric: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(metric, known, 1)
    hint = f', perhaps {nearest[0]}' if nearest else ''
    return f'--metric {metric}: the validation has no such result{hint}; it returns {", ".join(known)}'


def _table(name: str, values: Sequence[float], metric: str, scores: Sequence[float]) -> str:
    """Value and score of every edit, in Markdown."""
    lines = [f'| {value:g} | {score:.4f} |' for value, score in zip(values, scores, strict=True)]
    return '\n'.join([f'| {name} | {metric} |', '|---|---|', *lines])


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'edit', choices=sorted([*EDITS, CLASS_BIAS]), metavar='EDIT', help='tau-norm, adjust-logits or balance-classes'
    )
    parser.add_argument('config', type=Path, metavar='CONFIG', help='of the run, for model and validation set')
    parser.add_argument('checkpoint', type=Path, metavar='CHECKPOINT')
    parser.add_argument('out', type=Path, metavar='OUT', help='the checkpoint to write')
    parser.add_argument('--values', type=float, nargs='+', help='of tau (default: 0 to 1 by 0.1) or t (default: 1)')
    parser.add_argument('--metric', help=f'the validation result to choose by (default: {METRIC})')
    parser.add_argument('--aim', choices=AIMS, help=f'of balance-classes (default: {AIMS[0]})')
    parser.add_argument('--predictions', type=Path, metavar='FILE', help='of CHECKPOINT on the validation set')
    parser.add_argument('--layer', help='name of the classifier in the model (default: found in CHECKPOINT)')
    return parser
