"""A test pipeline at work on image files: one sample an image, in the place of `ClipPipeline`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from cdb_video.host_words import IMAGES
from cdb_video.hosts.mmpretrain.loading import ImageFileError
from cdb_video.inference.reading import Read
from cdb_video_files.images.faults import UNDECODABLE, picture_fault
from cdb_video_files.video.errors import ClipError, first_line, raise_for_the_file

_LOADER = 'LoadImageFromFile'


class ImagePipeline:
    """The transforms of a pipeline that reads images.

    Sets that keep their images in one archive, such as CIFAR and Fashion-MNIST, have pipelines without a loader. Then a
    file is read as these keep theirs: RGB, or grey where the network takes one channel.

    Args:
        steps: The transforms, built.
        channels: Of the images that the network takes.
        packing: The transform that makes inputs for the model, for messages.
    """

    def __init__(self, steps: Sequence[Any], channels: int = 3, packing: str = IMAGES.packing) -> None:
        self._steps = tuple(steps)
        self._channels = channels
        self._packing = packing

    def read(self, path: str) -> Read:
        """The sample of an image.

        Raises:
            ImageFileError: If the file is missing, no image, damaged or cut off, or has more than 8 bits a channel.
            ValueError: If the pipeline makes no inputs for the model.
        """
        result: Any = {'img_path': path, 'gt_label': -1}  # the label stands for none
        _check_file(path)
        if not any(type(step).__name__ == _LOADER for step in self._steps):
            result |= _loaded(path, self._channels)
        for step in self._steps:
            try:
                result = step(result)
            except ClipError:  # of a loader that is watched
                raise
            except Exception as error:
                if type(step).__name__ == _LOADER:
                    _raise_unreadable(path, error)
                raise
        if not isinstance(result, Mapping) or 'inputs' not in result:
            raise ValueError(f'the test pipeline makes no inputs for the model: it must end with {self._packing}')
        return Read(result, 1, None)

    def windows(self, path: str, window: float, stride: float) -> Iterator[Read]:
        """Nothing: an image has no length.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f'{path}: windows are of videos, and this model was trained on images: leave them out')


def _check_file(path: str) -> None:
    try:
        with Path(path).open('rb') as file:
            if not file.read(1):
                raise ImageFileError(path, 'the file is empty')
    except OSError as error:
        try:
            raise_for_the_file(path, error)
        except ClipError as found:
            raise ImageFileError(path, found.rule) from error
        raise


def _loaded(path: str, channels: int) -> dict[str, Any]:
    """An image as sets of one archive have it: (H, W, 3) uint8 RGB, or (H, W) uint8 grey."""
    import cv2

    content = Path(path).read_bytes()
    if fault := picture_fault(content):
        raise ImageFileError(path, fault)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR)
    if image is None:
        raise ImageFileError(path, UNDECODABLE)
    if channels != 1:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return {'img': image, 'img_shape': image.shape[:2], 'ori_shape': image.shape[:2]}


def _raise_unreadable(path: str, error: Exception) -> NoReturn:
    raise ImageFileError(path, f'is damaged, or no image ({type(error).__name__}: {first_line(error)})') from error
