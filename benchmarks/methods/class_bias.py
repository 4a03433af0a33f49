"""A class bias on a checkpoint, fitted on the probabilities that it gives the validation clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.fileio import load

from cdb_video.classifier.class_bias import fit_class_bias
from cdb_video.classifier.edits import with_class_bias
from cdb_video.classifier.validation import ValidationDump


def add_class_bias(first: Path, config: Config, layer: str, out: Path) -> tuple[list[float], Path]:
    """Add to a classifier the bias that favours all classes alike on the validation clips.

    Args:
        first: The checkpoint.
        config: Of its run, with its validation set. It is changed.
        layer: Name of the classifier in the model.
        out: Where the changed checkpoint goes.

    Returns:
        The bias of every class, and `out`.
    """
    checkpoint = torch.load(first, map_location='cpu', weights_only=True)
    answers = load(ValidationDump(config, layer).of(checkpoint))
    probabilities = np.stack([answer['pred_score'].double().numpy() for answer in answers])
    labels = np.array([int(answer['gt_label']) for answer in answers])
    fitted = fit_class_bias(probabilities, labels, 'mean')
    torch.save(with_class_bias(checkpoint, fitted, layer), out)
    return fitted.bias.tolist(), out
