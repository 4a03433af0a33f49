"""Some frames of a clip for the report, from a folder of images, a pack or a video, and why there are not more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video_files.images.pictures import by_number, is_picture
from cdb_video_files.packs import PACK_SUFFIX, PackError, PackReader
from cdb_video_files.video.containers import video_path
from cdb_video_files.video.errors import first_line

Image = NDArray[np.uint8]
NUMBER = 6
"""Of frames that are shown of a clip."""
_PLAYED = ('.mp4', '.m4v', '.webm', '.mov', '.mkv', '.ogv')


@dataclass(frozen=True)
class ClipPictures:
    """What there is to see of a clip.

    Attributes:
        frames: Up to `NUMBER` frames, spread over the length of the clip, (H, W, 3) uint8 BGR each.
        fault: Why there are none, or not all, with the place; None where nothing is wrong, and where there is no clip.
    """

    frames: list[Image] = field(default_factory=list)
    fault: str | None = None

    @property
    def is_missing(self) -> bool:
        """Whether there is no folder, pack or video of that name."""
        return not self.frames and self.fault is None


def pictures_of(folder: Path, path: str) -> ClipPictures:
    """Read some frames of a clip. Needs OpenCV.

    Args:
        folder: The work directory.
        path: As a dump names the sample: a folder of images or one above it, a pack with or without its suffix, a
            video, of whose name '.mp4' may be left out, or an image, which is shown alone. A relative one is taken from
            the current folder, from the work directory, or from up to four folders above it; the first of these that
            has the sample counts. In it a folder with images goes before a pack.
    """
    fault = None
    for root in _roots(folder):
        for place, read in _places(root / path):
            pictures = _read(place, read)
            fault = fault or pictures.fault
            if pictures.frames:
                return ClipPictures(pictures.frames, fault)
        if fault is not None:
            break
    return ClipPictures(fault=fault)


def playable_video(folder: Path, path: str) -> Path | bool:
    """Where a clip lies as a video of a kind that browsers play.

    Args:
        folder: The work directory.
        path: As for `pictures_of`, which looks in the same order.

    Returns:
        The file; else whether there is a clip of another kind.
    """
    for root in _roots(folder):
        for place, read in _places(root / path):
            return place if read is _video and place.suffix.lower() in _PLAYED else True
    return False


def _roots(folder: Path) -> Iterator[Path]:
    """The folders that a relative path is taken from."""
    yield from (Path(), folder, *list(folder.resolve().parents)[:4])


# Yields frames, and sentences on those that cannot be had.
_Reader = Callable[[Path], Iterator[Image | str]]


def _places(place: Path) -> Iterator[tuple[Path, _Reader]]:
    """Where a clip of that name lies, and how to read it."""
    is_folder = os.path.isdir(place)
    has_images = is_folder and _may_hold_images(place)
    if has_images:
        yield place, _images
    # By hand: a clip's name may hold a dot that is no suffix.
    pack = Path(f'{str(place).removesuffix(PACK_SUFFIX)}{PACK_SUFFIX}')
    if os.path.isfile(pack):
        yield pack, _packed
    if is_picture(place.name) and os.path.isfile(place):
        yield place, _image
        return
    video = Path(video_path(str(place)))
    if video != pack and os.path.isfile(video):
        yield video, _video
    if is_folder and not has_images:
        yield place, _images


def _read(place: Path, read: _Reader) -> ClipPictures:
    import cv2

    frames: list[Image] = []
    fault = None
    try:
        for found in read(place):
            if isinstance(found, str):
                fault = fault or found
            else:
                frames.append(found)
    except (OSError, ValueError, cv2.error) as error:
        # What a PackError and most an OSError say names the place already.
        said = first_line(error)
        fault = fault or (said if str(place) in said else f'{place}: {said}')
    return ClipPictures(frames, fault)


def _may_hold_images(folder: Path) -> bool:
    try:
        return bool(_files_of(folder))
    except OSError:
        return True  # `_images` says what is wrong


def _files_of(folder: Path) -> list[Path]:
    """The images in a folder, by number; or those in the folder below that has most: colour, say, beside masks."""
    own = [file for file in folder.iterdir() if is_picture(file.name)]
    if not own:
        below = [[file for file in one.iterdir() if is_picture(file.name)] for one in folder.iterdir() if one.is_dir()]
        own = max(below, key=len, default=[])
    return sorted(own, key=lambda file: by_number(file.name))


def _images(folder: Path) -> Iterator[Image | str]:
    import cv2

    files = _files_of(folder)
    if not files:
        yield f'{folder} holds no image'
    for place in _spread(len(files)):
        image = cv2.imread(str(files[place]))
        yield f'{files[place]} is damaged, or no image' if image is None else image


def _image(file: Path) -> Iterator[Image | str]:
    import cv2

    image = cv2.imread(str(file))
    yield f'{file} is damaged, or no image' if image is None else image


def _packed(file: Path) -> Iterator[Image | str]:
    import cv2

    with PackReader(file) as pack:
        for place in _spread(len(pack)):
            try:
                content = pack.read(place)
            except PackError as error:
                yield str(error)
                continue
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
            yield f'{file}: frame {place} is no JPEG file' if image is None else image


def _video(file: Path) -> Iterator[Image | str]:
    import cv2

    video: Any = cv2.VideoCapture(str(file))
    try:
        places = _spread(int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
        if not places:
            yield f'{file} is damaged, no video, or does not say how many frames it has'
        for place in places:
            video.set(cv2.CAP_PROP_POS_FRAMES, place)
            found, image = video.read()
            # Its number of frames may be a guess of the container's, and the file sound.
            yield image if found else f'{file}: nothing was decoded at frame {place}'
    finally:
        video.release()


def _spread(number: int) -> list[int]:
    """`NUMBER` places over 0..number-1, from the middle of equal parts: 6 of 12 are 1, 3, 5, 7, 9, 11."""
    if number <= 0:
        return []
    return sorted({int((part + 0.5) * number / NUMBER) for part in range(NUMBER)})
