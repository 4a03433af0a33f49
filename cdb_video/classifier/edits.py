"""Changes to a trained classifier, without training: tau-normalisation, logit adjustment after training, class bias.

All are a change of its last linear layer, so an edited checkpoint is tested, dumped and reported as any other.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from torch import Tensor

from cdb_video.classifier.class_bias import ClassBias
from cdb_video.classifier.validation import load_weights, validation_runner
from cdb_video.difficulty.frequency import log_prior
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video_files.atomic import write_atomically

Layer = tuple[Tensor, Tensor | None]
"""Weight (C, D) and bias (C,) of a linear layer."""
EDIT_KEY = 'classifier_edit'
CLASS_BIAS = 'balance-classes'
_KEPT = ('meta', CHECKPOINT_KEY)
_MOST_NAMED = 5


def normalize_rows(layer: Layer, tau: float, checkpoint: Mapping[str, Any]) -> Layer:
    """tau-normalisation (arXiv 1910.09217): the rows become w_c / ||w_c||^tau, and there is no bias.

    Args:
        layer: Weight and bias.
        tau: >= 0. 0 leaves the rows as they are, 1 makes them equally long.
        checkpoint: Not read.

    Raises:
        ValueError: If tau is out of range, or a row is 0.
    """
    if not 0 <= tau < float('inf'):
        raise ValueError(f'tau={tau!r}: must be a finite number >= 0 (0 to 1 is usual)')
    weight, bias = layer
    length = weight.double().norm(dim=1, keepdim=True)
    if not (length > 0).all():
        raise ValueError(f'row {int(length.argmin())} of the classifier is 0, so it has no direction to scale')
    return (weight.double() / length**tau).to(weight.dtype), None if bias is None else torch.zeros_like(bias)


def adjust_bias(layer: Layer, strength: float, checkpoint: Mapping[str, Any]) -> Layer:
    """Logit adjustment after training (arXiv 2007.07314): the scores lose t log pi_c, which here the bias does.

    Args:
        layer: Weight and bias.
        strength: t >= 0.
        checkpoint: Its class_difficulty entry has the training counts; `ClassDifficultyHook` wrote it.

    Raises:
        ValueError: If t is out of range, the layer has no bias, or the counts are missing or of other classes.
    """
    if not 0 <= strength < float('inf'):
        raise ValueError(f't={strength!r}: must be a finite number >= 0 (1 is usual)')
    weight, bias = layer
    if bias is None:
        raise ValueError('the classifier has no bias to adjust: it is a normalised one')
    if CHECKPOINT_KEY not in checkpoint:
        raise ValueError(
            'the checkpoint has no training counts: train with '
            "custom_hooks=[dict(type='ClassDifficultyHook', observe_only=True)]"
        )
    prior = log_prior(DifficultyState.from_checkpoint(checkpoint[CHECKPOINT_KEY]).train_counts)
    if len(prior) != len(bias):
        raise ValueError(f'the checkpoint has training counts of {len(prior)} classes, its classifier {len(bias)}')
    return weight, (bias.double() - strength * torch.from_numpy(prior)).to(bias.dtype)


EDITS: dict[str, Callable[[Layer, float, Mapping[str, Any]], Layer]] = {
    'tau-norm': normalize_rows,
    'adjust-logits': adjust_bias,
}


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """Read a checkpoint as mmengine does for training and testing: before torch 2.6, only files that you trust.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no checkpoint, torn, or, from torch 2.6 on, holds more than tensors and plain values.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger=None)
    except OSError:
        raise
    except Exception as error:  # torch raises a dozen kinds for a file that is torn or something else
        reason = _reason(error)
        raise ValueError(
            f'{path} cannot be read as a checkpoint ({type(error).__name__}: {reason}): it is torn, refused as unsafe, '
            'or something else; name a checkpoint that mmengine wrote'
        ) from error
    if not isinstance(checkpoint, Mapping) or not isinstance(checkpoint.get('state_dict'), Mapping):
        raise ValueError(f"{path} is no checkpoint of mmengine: it has no 'state_dict'")
    return checkpoint


def _reason(error: Exception) -> str:
    """The first line of torch's message, or what it refuses; without its advice and colours."""
    text = re.sub(r'\x1b\[[0-9;]*m', '', str(error)).strip()
    refused = text.partition('WeightsUnpickler error: ')[2].partition(' Please ')[0]
    return next((line.strip() for line in (refused, text) if line.strip()), 'no reason is given').partition('\n')[0]


def edited(checkpoint: Mapping[str, Any], kind: str, value: float, layer: str) -> dict[str, Any]:
    """A checkpoint with another classifier, to be tested or trained on from, but not resumed from.

    Args:
        checkpoint: As mmengine wrote it. It is not changed.
        kind: One of `EDITS`.
        value: Of tau or t.
        layer: Name of the classifier in the model.

    Returns:
        Weights, meta and class difficulty, and what was done as 'classifier_edit'; no optimizer.

    Raises:
        ValueError: If the checkpoint has no such layer, or the edit cannot be made.
    """
    changed = EDITS[kind](linear_layer(checkpoint, layer), value, checkpoint)
    return _with_layer(checkpoint, layer, changed, {'kind': kind, 'value': float(value)})


def with_class_bias(checkpoint: Mapping[str, Any], fitted: ClassBias, layer: str) -> dict[str, Any]:
    """A checkpoint whose classifier adds a class bias to its scores, as `edited` returns it.

    Args:
        checkpoint: As mmengine wrote it. It is not changed.
        fitted: The bias and what it was fitted on, which is noted.
        layer: Name of the classifier in the model; a `ScaledLinear` is one too.

    Raises:
        ValueError: If the checkpoint has no such layer, or it has no bias or is of another number of classes.
    """
    weight, bias = linear_layer(checkpoint, layer)
    check_takes_bias((weight, bias), layer)
    if bias is None or len(bias) != len(fitted.bias):
        raise ValueError(f'{layer} has {len(weight)} classes, the class bias {len(fitted.bias)}: fit one on its scores')
    # LWS multiplies the scores, bias and all, by a number for each class.
    scale = checkpoint['state_dict'].get(f'{layer}.class_scale', torch.ones(1)).double()
    if not (scale != 0).all():
        raise ValueError(
            f'{layer}.class_scale has 0, so no bias reaches the scores of that class: edit the checkpoint of the first '
            'stage'
        )
    changed = (bias.double() + torch.from_numpy(fitted.bias) / scale).to(bias.dtype)
    done = {
        'kind': CLASS_BIAS,
        'aim': fitted.aim,
        'penalty': fitted.penalty,
        'converged': fitted.converged,
        'bias': fitted.bias.tolist(),
        'num_clips': fitted.num_clips.tolist(),
    }
    return _with_layer(checkpoint, layer, (weight, changed), done)


def linear_layer(checkpoint: Mapping[str, Any], layer: str) -> Layer:
    """Weight and bias of a linear layer.

    Raises:
        ValueError: If the checkpoint has no such layer, or was edited already.
    """
    weights = checkpoint.get('state_dict', {})
    weight = weights.get(f'{layer}.weight')
    if weight is None or weight.dim() != 2:
        linear = [name.removesuffix('.weight') for name, value in weights.items() if _is_linear(name, value)]
        raise ValueError(
            f'the checkpoint has no linear layer {layer!r}: name the classifier with --layer; '
            + (f'its linear layers are {", ".join(linear[-_MOST_NAMED:])}' if linear else 'it has no linear layer')
        )
    if EDIT_KEY in checkpoint:
        done = {key: value for key, value in checkpoint[EDIT_KEY].items() if not isinstance(value, list)}
        raise ValueError(f'the checkpoint was edited already, {done}: edit the original')
    return weight, weights.get(f'{layer}.bias')


def check_takes_bias(layer: Layer, name: str) -> None:
    """Raise a ValueError if a layer has no bias: the model that loads the checkpoint would have no place for one."""
    if layer[1] is None:
        raise ValueError(
            f'{name} has no bias to which a class bias could be added (LDAM has such a one, whose scores are cosines): '
            'train with a head whose last layer is an nn.Linear with a bias, as SlowFastHead and I3DHead have it'
        )


def _is_linear(name: str, value: Any) -> bool:
    return name.endswith('.weight') and isinstance(value, Tensor) and value.dim() == 2


def _with_layer(checkpoint: Mapping[str, Any], name: str, layer: Layer, done: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint with another layer and a note of what was done."""
    weights = dict(checkpoint['state_dict'])
    weights[f'{name}.weight'] = layer[0]
    if layer[1] is not None:
        weights[f'{name}.bias'] = layer[1]
    kept = {key: checkpoint[key] for key in _KEPT if key in checkpoint}
    return {**kept, 'state_dict': weights, EDIT_KEY: {**done, 'layer': name}}


def validate(
    config: Config, checkpoints: Sequence[Mapping[str, Any]], check: Callable[[Any], None] | None = None
) -> list[dict[str, float]]:
    """The results of the validation set for checkpoints of one model: one pass over the set for each.

    Args:
        config: With model, val_dataloader and val_evaluator, and a work_dir for the log. It is changed.
        checkpoints: As `edited` returns them.
        check: Called with the loop of the validation before the first pass, to raise what can be known then.
    """
    runner = validation_runner(config)
    if check is not None:
        check(runner.test_loop)
    results = []
    for checkpoint in checkpoints:
        load_weights(runner, checkpoint)
        results.append({key: float(number) for key, number in runner.test().items()})
    return results


def save(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        OSError: If writing fails.
    """
    buffer = io.BytesIO()
    torch.save(dict(checkpoint), buffer)
    write_atomically(path, buffer.getvalue())
