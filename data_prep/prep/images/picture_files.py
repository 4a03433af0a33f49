"""Whether files are whole pictures that training reads as they are meant: 8 bits, one picture, nothing cut off.

Training reads with OpenCV (mmcv's default) in three colours. That is taken as it is for grey and palette pictures, for
those that an EXIF mark turns, which come upright, and for CMYK JPEGs, which come as RGB. 16-bit pictures are refused:
OpenCV keeps their upper eight bits, and a camera that uses twelve of them leaves a black picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import simplejpeg
from tqdm import tqdm

from cdb_video_files.cores import count_cores
from cdb_video_files.images.faults import JPEG, PNG, UNDECODABLE, picture_fault, stored_picture
from prep.command import first_few
from prep.images.source import ImagesError

_PNG_KINDS = {0: 'grey', 2: 'colour', 3: 'palette', 4: 'transparent', 6: 'transparent'}
_SMALLEST = {'min_height': 1, 'min_width': 1, 'min_factor': 8}
"""Of a JPEG all is decoded, and drawn at an eighth of its size."""


class PictureError(ValueError):
    """A file is no picture that training could read; the message says why, without the file's name."""


def check_pictures(root: Path, names: Sequence[str]) -> Counter[str]:
    """Decode all pictures, on all cores.

    Returns:
        How many there are of each kind: 'colour', 'grey', 'palette', 'transparent', 'CMYK', and 'flawed', JPEGs with
        bytes that libjpeg complains of and passes over.

    Raises:
        ImagesError: If some cannot be taken; all are counted, the first ones named with the reason.
    """
    looks = dict(zip(names, look_at(root, names), strict=True))
    faults = [f'{name} {fault}' for name, (_, fault) in looks.items() if fault]
    if faults:
        raise ImagesError(
            f'{len(faults)} of {len(names)} pictures below {root} cannot be taken: {first_few(faults)}. Replace or '
            'convert them (8 bits a channel), or leave them out'
        )
    return Counter(kind for kind, _ in looks.values())


def look_at(root: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Decode all pictures, on all cores.

    Yields:
        Of each, in order: its kind, see `check_pictures`, or what is wrong with it; the other one is ''.
    """
    cv2.setNumThreads(0)
    if hasattr(cv2, 'setLogLevel'):
        cv2.setLogLevel(0)  # what is wrong is said here
    with ThreadPoolExecutor(count_cores()) as pool:
        looks = pool.map(lambda name: _look(root / name), names)
        yield from tqdm(looks, 'pictures', len(names), disable=None)


def kind_notes(kinds: Mapping[str, int]) -> list[str]:
    """What to say of the kinds of pictures that are taken, but not as another program shows them."""
    said = {
        'CMYK': 'are CMYK and read as RGB, without their colour profile',
        'transparent': 'have transparency, which training passes over',
        'flawed': 'have bytes that libjpeg passes over; they were decoded to the end',
    }
    return [f'{kinds[kind]} pictures {text}' for kind, text in said.items() if kinds.get(kind)]


def _look(path: Path) -> tuple[str, str]:
    try:
        return picture_kind(path.read_bytes()), ''
    except PictureError as error:
        return '', str(error)
    except OSError as error:
        return '', f'cannot be read ({error.strerror})'


def picture_kind(content: bytes) -> str:
    """What kind of picture a file is; see `check_pictures`.

    Raises:
        PictureError: If it is none, cut off, or has 16 bits.
    """
    if fault := picture_fault(content, checksums=True):
        raise PictureError(fault)
    if content.startswith(JPEG):
        return _jpeg_kind(content)
    image = stored_picture(content)
    if image is None:
        raise PictureError(UNDECODABLE)
    if content.startswith(PNG):
        return _PNG_KINDS.get(content[25], 'colour')
    return {1: 'grey', 4: 'transparent'}.get(1 if image.ndim == 2 else image.shape[2], 'colour')


def _jpeg_kind(content: bytes) -> str:
    try:
        space = simplejpeg.decode_jpeg_header(content)[2]
        simplejpeg.decode_jpeg(content, 'GRAY', fastdct=True, strict=True, **_SMALLEST)
    except ValueError as error:
        if 'remature end' in str(error):
            raise PictureError('is cut off') from None
        # Some JPEGs of ImageNet have bytes too many and are whole.
        if 'extraneous' not in str(error):
            raise PictureError(f'is damaged ({error})') from None
        if stored_picture(content) is None:
            raise PictureError(UNDECODABLE) from None
        return 'flawed'
    return {'Gray': 'grey', 'CMYK': 'CMYK', 'YCCK': 'CMYK'}.get(space, 'colour')
