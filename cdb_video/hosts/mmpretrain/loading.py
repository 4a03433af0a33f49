"""mmcv's LoadImageFromFile, watched: an image that cannot be read, or would be misread, is named with a remedy.

By itself it asserts that OpenCV has made something of the file, which tells no more than the path; what an older OpenCV
makes of half a JPEG, with a grey rest, it takes; of 16 bits it keeps the upper eight, or with Pillow as the backend
a white picture. Imports no host: predictions use what is here too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from cdb_video_files.images.faults import UNDECODABLE, picture_fault, stored_picture
from cdb_video_files.video.errors import ClipError, first_line, raise_for_the_file

_LOG = logging.getLogger('cdb_video')
_LOCAL = ('local', 'disk', 'LocalBackend', 'HardDiskBackend')
_ANY_DEPTH = 'unchanged'
_OF_PIPELINES = (ArithmeticError, AttributeError, ImportError, LookupError, NameError, TypeError)
"""Errors of Python that say something of a pipeline, and not of a file."""
_OPENCV_NO_MEMORY = -4
FIND_ALL = 'To find all such files: cdb-video check --source images --images FOLDER'


class ImageFileError(ClipError):
    """An image cannot be read as it ought to be; the message names the file, the rule that it breaks and a remedy."""


class WatchedLoading:
    """The `transform` of one LoadImageFromFile; it goes with it into the workers of a loader, forked or spawned.

    Args:
        step: The LoadImageFromFile of mmcv.

    Attributes:
        find_all: Ends the remedy: the command that finds all images that cannot be read.
    """

    def __init__(self, step: Any) -> None:
        self._step = step
        self.find_all = FIND_ALL

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any] | None:
        """What the step makes of a sample.

        Raises:
            ImageFileError: If the image is missing, none, cut off or damaged, or has more than 8 bits a channel and
                the step would cut them.
        """
        step = self._step
        try:
            found: dict[str, Any] | None = type(step).transform(step, sample)
        except Exception as error:
            self._raise_for_image(sample, error)
            raise
        if found is None:  # ignore_empty
            _LOG.warning(
                f'{sample["img_path"]}: missing or empty, and passed over (ignore_empty=True); in training another '
                'image, of any class, stands in for it'
            )
            return None
        path = str(sample['img_path'])
        if _is_local(step, path):
            self.check(path, _content(path))
        return found

    @property
    def passes_over_missing(self) -> bool:
        """Whether the step is to pass over images that are missing or empty."""
        return bool(self._step.ignore_empty)

    def check(self, path: str, content: bytes) -> None:
        """Raise an ImageFileError for an image that was cut off, or whose bits would be."""
        if fault := picture_fault(content, any_depth=self._step.color_type == _ANY_DEPTH):
            raise self._error(path, fault)

    def _error(self, path: str, fault: str) -> ImageFileError:
        ways = 'Mend or replace the file, or take it off the list'
        if fault.endswith('bits a channel'):
            fault += ', of which the upper 8, or none, would be kept'
            ways = (
                "Convert it to 8 bits, or read all images with color_type='unchanged' and scale them in a step of yours"
            )
        return ImageFileError(path, fault, f'{ways}. {self.find_all}')

    def _raise_for_image(self, sample: Mapping[str, Any], error: Exception) -> None:
        """Raise an ImageFileError if an error is the fault of the image; else do nothing."""
        path = sample.get('img_path')
        if path is None or isinstance(error, MemoryError) or getattr(error, 'code', None) == _OPENCV_NO_MEMORY:
            return
        path = str(path)
        try:
            if isinstance(error, OSError):
                raise_for_the_file(path, error)
            content = _content(path) if _is_local(self._step, path) else None
        except ClipError as found:
            raise self._error(path, found.rule) from error
        except OSError:
            return
        if fault := _fault_by(content, error):
            raise self._error(path, fault) from error


def _fault_by(content: bytes | None, error: Exception) -> str:
    """What is wrong with an image, by its bytes as far as these are at hand, or by what its decoder raised."""
    if content is not None:
        if fault := picture_fault(content, any_depth=True, checksums=True):
            return fault
        if stored_picture(content) is None:
            return UNDECODABLE
    if isinstance(error, AssertionError):  # mmcv's
        return UNDECODABLE
    is_mistake = isinstance(error, _OF_PIPELINES) or type(error) is ValueError
    return '' if is_mistake else f'cannot be decoded ({type(error).__name__}: {first_line(error)})'


def _content(path: str) -> bytes:
    with open(path, 'rb', buffering=0) as file:  # half the time of Path.read_bytes, for each image of each epoch
        return file.read()


def _is_local(step: Any, path: str) -> bool:
    """Whether an image lies on a disk of this machine, so that to look at it again costs little."""
    options = step.backend_args or step.file_client_args or {}
    return '://' not in path and options.get('backend', 'local') in _LOCAL


def watch(step: Any) -> None:
    """Watch a LoadImageFromFile that was made, unless it loads in a way of its own."""
    step.transform = WatchedLoading(step)
