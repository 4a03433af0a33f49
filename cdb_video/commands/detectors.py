"""What the commands that need one class a sample say of a detector, which finds many objects in an image."""

from __future__ import annotations

_REFUSALS = {
    'predict': (
        'predict names one class of a video or an image, and {what} is of a detector, which finds many objects: '
        'mmdet.apis.DetInferencer shows what it finds in images, and cdb-video test --dump what it calls labelled '
        'objects'
    ),
    'edit-classifier': (
        'edit-classifier changes the layer that scores one class a sample, and {what} is of a detector, whose scores '
        "include the background: adjust them in training, by dict(type='CDBLoss', logit_adjustment=1.0, background=1.0)"
    ),
}


def refuse_detector(command: str, what: object) -> None:
    """Refuse to work on a detector, before anything is loaded.

    Args:
        command: The sub-command.
        what: What was given that is of a detector, for the message.

    Raises:
        ValueError: Always; the message says what to use instead.
    """
    raise ValueError(_REFUSALS[command].format(what=what))
