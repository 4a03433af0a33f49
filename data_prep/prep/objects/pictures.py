"""Whether the pictures are there, whole, and of the size that is annotated."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cdb_video_files.cores import count_cores
from prep.images.picture_files import PictureError, picture_kind
from prep.objects.findings import Findings
from prep.objects.part import Part


def check_pictures(part: Part, folders: Sequence[Path], findings: Findings) -> None:
    """Decode all pictures of a part, on all cores.

    Args:
        part: See there.
        folders: Where a file is looked for, in this order.
        findings: Gets what is wrong.
    """
    cv2.setNumThreads(0)
    if hasattr(cv2, 'setLogLevel'):
        cv2.setLogLevel(0)  # what is wrong is said here
    numbers = list(part.files)

    def look(number: int) -> tuple[str, str] | None:
        return _look(part.files[number], part.sizes[number], folders)

    with ThreadPoolExecutor(count_cores()) as pool:
        looks = pool.map(look, numbers)
        for found in tqdm(looks, f'{part.name} pictures', len(numbers), disable=None):
            if found is not None:
                findings.add(part.name, *found)


def _look(name: str, size: tuple[int, int], folders: Sequence[Path]) -> tuple[str, str] | None:
    """The rule that a picture breaks, and how; None if it is as it must be."""
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        return 'missing picture', name
    try:
        content = path.read_bytes()
        picture_kind(content)
    except PictureError as error:
        return 'damaged picture', f'{name} {error}'
    except OSError as error:
        return 'damaged picture', f'{name} cannot be read ({error.strerror})'
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return 'damaged picture', f'{name} is none in three colours'
    height, width = image.shape[:2]
    if (width, height) != size:
        return 'picture size', f'{name} is {width}x{height}, annotated as {size[0]}x{size[1]}'
    return None
