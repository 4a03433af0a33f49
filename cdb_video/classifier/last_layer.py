"""The name of the classifier in a model: found among the names of its parameters."""

from __future__ import annotations

from collections.abc import Iterable

from cdb_video.host_words import IMAGES, VIDEO

LAST_LAYERS = (VIDEO.classifier, IMAGES.classifier, f'{IMAGES.head}.layers.head')
"""Of mmaction2's heads; of mmpretrain's LinearClsHead and its like; of its VisionTransformerClsHead."""


def last_layer(names: Iterable[str]) -> str:
    """The classifier of a model.

    Args:
        names: Of its parameters, with 'module.' of a wrapper before them or without.

    Returns:
        Its name; that of mmaction2 where none is known, for a message to name.
    """
    found = {name.removeprefix('module.').rpartition('.')[0] for name in names}
    return next((layer for layer in LAST_LAYERS if layer in found), VIDEO.classifier)
