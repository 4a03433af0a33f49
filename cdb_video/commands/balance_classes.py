"""Fit a class bias on the validation set of a config, and see that the checkpoint with it answers as was predicted.

For `cdb_video.commands.edit_classifier`, which has the command line.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.class_names import check_same_names, class_label, counted
from cdb_video.classifier.class_bias import FEW_CLIPS, ClassBias, biased_probabilities, fit_class_bias
from cdb_video.classifier.edits import check_takes_bias, linear_layer, with_class_bias
from cdb_video.classifier.validation import ValidationDump, missing_parts
from cdb_video.data.labels import dataset_class_names, dataset_labels, describe
from cdb_video.difficulty.counts import ClassCounts, accuracy_numbers
from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import sample, samples
from cdb_video.report.sources.dump import Predictions, read_dump

# Another device or another precision moves probabilities by less, another checkpoint or other views by more.
_LARGEST_DIFFERENCE = 0.03
_NEAR_TIE = 0.01
_MOST_NAMED = 10


@dataclass(frozen=True)
class Balanced:
    """A checkpoint with a class bias.

    Attributes:
        checkpoint: To be saved.
        lines: What to say of it.
        warnings: What to warn of.
    """

    checkpoint: dict[str, Any]
    lines: list[str]
    warnings: list[str]


def balance(
    config_path: Path, checkpoint: Mapping[str, Any], aim: str, *, layer: str, predictions: Path | None = None
) -> Balanced:
    """Fit a class bias, put it into the classifier, and run the validation set on the result.

    Args:
        config_path: Of the run; its val_dataloader gives one view of each clip.
        checkpoint: As mmengine wrote it. It is not changed.
        aim: 'mean' or 'worst'.
        layer: Name of the classifier in the model.
        predictions: A dump of the validation set by this checkpoint; None = the set is run on it first.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the classifier takes no bias, the predictions are of other clips or classes, or the edited
            checkpoint does not answer as was predicted.
    """
    from cdb_video.launch.config import read_config

    weights = linear_layer(checkpoint, layer)
    check_takes_bias(weights, layer)
    config = read_config(str(config_path))
    missing = [name for name in missing_parts(config) if name != 'val_evaluator']
    if missing:
        raise ValueError(f'{config_path} has no {", ".join(missing)} to see what the edit does: give that of the run')
    # Torn or something else: before a network is built.
    given = None if predictions is None else read_dump(predictions)
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        dump = ValidationDump(config, layer)
        names = dataset_class_names(dump.dataset)
        check_same_names(names, _names_of(checkpoint), 'the validation set', 'the checkpoint')
        before = read_dump(dump.of(checkpoint)) if given is None else given
        _check_set(before, dump.dataset, len(weights[0]), predictions)
        fitted = fit_class_bias(before.scores, before.labels, aim)
        edited = with_class_bias(checkpoint, fitted, layer)
        after = read_dump(dump.of(edited))
    _check_answers(before, fitted, after, layer, predictions)
    warnings = [*_losses(before, after), *_warnings(fitted, names)]
    return Balanced(edited, _lines(before, after, fitted, names), warnings)


def _names_of(checkpoint: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of the classes that it was trained on; None if it does not say."""
    classes = ((checkpoint.get('meta') or {}).get('dataset_meta') or {}).get('classes')
    return tuple(map(str, classes)) if classes else None


def _check_set(before: Predictions, dataset: Any, num_classes: int, path: Path | None) -> None:
    """Raise a ValueError if predictions are not of the clips of a dataset, or of other classes than the classifier."""
    whose = path or 'the validation'
    if before.num_classes != num_classes:
        raise ValueError(
            f'{whose} has scores of {before.num_classes} classes, the classifier {num_classes}: dump the validation '
            'set with this checkpoint, or name the last layer with --layer'
        )
    labels = dataset_labels(dataset)
    if path is None and len(labels) != len(before.labels):
        raise ValueError(
            f'the validation has run {len(before.labels)} of the {len(labels)} {samples()} of its set: leave out '
            f'drop_last=True in val_dataloader, or the sampler that passes over some: {describe(dataset)}'
        )
    remedy = f'predict that set, or leave out --predictions, which lets it be run: {describe(dataset)}'
    if len(labels) != len(before.labels):
        raise ValueError(f'{whose} has {len(before.labels)} {samples()}, the validation set {len(labels)}: {remedy}')
    others = np.flatnonzero(labels != before.labels)
    if others.size:
        raise ValueError(
            f'{sample()} {others[0]} has label {before.labels[others[0]]} in {whose} and {labels[others[0]]} in the '
            f'validation set ({others.size} such {samples()}): {remedy}'
        )


def _check_answers(
    before: Predictions, fitted: ClassBias, after: Predictions, layer: str, predictions: Path | None
) -> None:
    """Raise a ValueError if the edited checkpoint does not answer as predicted; rounding may decide near ties."""
    names = [one.clip_names for one in (before, after)]
    if None not in names and names[0] != names[1]:
        raise ValueError(
            f'{predictions} names other {samples()} than the validation set: predict that set, or leave out '
            '--predictions'
        )
    expected = biased_probabilities(before.scores, fitted.bias)
    apart = np.abs(expected - after.scores).max(axis=1)
    wanted, answered = expected.argmax(axis=1), after.predicted
    clips = np.arange(len(wanted))
    gap = expected[clips, wanted] - expected[clips, answered]
    wrong = np.flatnonzero((apart > _LARGEST_DIFFERENCE) | (gap > _NEAR_TIE))
    if not wrong.size:
        return
    clip = wrong[0]
    causes = f'{layer} is not the last layer (--layer), or chance decides in the pipeline of the validation'
    if predictions is not None:
        causes = (
            f'{predictions} is of another checkpoint, or with the average of several views, as test pipelines have '
            f'them (leave out --predictions), or {causes}'
        )
    had, was_to_have = after.scores[clip, answered[clip]], expected[clip, wanted[clip]]
    raise ValueError(
        f'the edited checkpoint does not answer as predicted: {wrong.size} of {len(wanted)} {samples()}, such as '
        f'{sample()} '
        f'{clip}: class {answered[clip]} with {had:.3f} in the place of class {wanted[clip]} with {was_to_have:.3f}; '
        f'nothing is written. Either {causes}'
    )


def _lines(before: Predictions, after: Predictions, fitted: ClassBias, names: Sequence[str] | None) -> list[str]:
    """What the edit did, in Markdown."""
    numbers = [_numbers(one.labels, one.predicted, one.num_classes) for one in (before, after)]
    rows = [f'| acc/{name} | {" | ".join(f"{one[name]:.4f}" for one in numbers)} |' for name in numbers[0]]
    low, high = int(fitted.bias.argmin()), int(fitted.bias.argmax())
    how = '' if fitted.penalty is None else f', lambda {fitted.penalty:g}'
    return [
        f'{len(before.labels)} validation {samples()}; the bias was fitted on them, so test it on others',
        '| | before | after |',
        '|---|---|---|',
        *rows,
        f'bias from {fitted.bias[low]:+.3f} ({class_label(names, low)}) to {fitted.bias[high]:+.3f} '
        f'({class_label(names, high)}){how}',
    ]


def _numbers(labels: IntVector, predicted: IntVector, num_classes: int) -> dict[str, float]:
    counts = ClassCounts.of(labels, predicted, labels == predicted, num_classes)
    return accuracy_numbers(counts.num_clips, counts.num_correct)


def _losses(before: Predictions, after: Predictions) -> list[str]:
    """What the bias costs on the very clips that it was fitted on, where it should gain."""
    numbers = [_numbers(one.labels, one.predicted, one.num_classes) for one in (before, after)]
    lost = [name for name in ('mean1', 'hmean', 'worst') if numbers[1][name] < numbers[0][name]]
    if not lost:
        return []
    said = ', '.join(f'acc/{name} {numbers[0][name]:.4f} -> {numbers[1][name]:.4f}' for name in lost)
    return [
        f'on the {samples()} that the bias was fitted on it makes worse: {said}. Keep CHECKPOINT, unless a test on '
        f'others says that OUT is better; with few validation {samples()} the fit follows single ones'
    ]


def _warnings(fitted: ClassBias, names: Sequence[str] | None) -> list[str]:
    """What a user must know of a fit."""
    warnings = []
    if not fitted.bias.any():
        warnings.append('the bias is 0 for every class: OUT answers as CHECKPOINT does')
    if fitted.unmeasured:
        warnings.append(f'no validation {samples()}, so the mean bias, 0: {_listed(fitted.unmeasured, names)}')
    few = [int(index) for index in np.flatnonzero((fitted.num_clips > 0) & (fitted.num_clips < FEW_CLIPS))]
    if few and fitted.penalty is not None:
        warnings.append(
            f'under {FEW_CLIPS} validation {samples()}, so lambda is {fitted.penalty:g} for all: {_listed(few, names)}'
        )
    if not fitted.converged:
        warnings.append(
            f'the fit had not converged after {counted(fitted.steps, "step")}; its bias may not be the best'
        )
    return warnings


def _listed(classes: Sequence[int], names: Sequence[str] | None) -> str:
    shown = ', '.join(class_label(names, index) for index in classes[:_MOST_NAMED])
    more = len(classes) - _MOST_NAMED
    return f'{shown} and {more} others' if more > 0 else shown
