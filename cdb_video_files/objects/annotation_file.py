"""A file of annotated objects, in the JSON that COCO and LVIS share: images, annotations, categories."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video_files.records import AnnotationError, PathName

_LISTS = ('images', 'annotations', 'categories')


@dataclass(frozen=True)
class ObjectAnnotations:
    """What such a file holds; only that these are lists of JSON objects is certain.

    Attributes:
        images: Pictures, each with an id, a file and a size.
        annotations: Objects, each with the ids of its image and of its category, a box and perhaps a mask.
        categories: Classes, each with an id and a name.
    """

    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    categories: list[dict[str, Any]]


def read_object_annotations(path: PathName) -> ObjectAnnotations:
    """Read a file of annotated objects.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not JSON with the three lists, each of JSON objects.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'there is no file {path}: name a JSON file of COCO or LVIS') from error
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            f'not JSON ({error})', 'Name a file of annotated objects as of COCO or LVIS; one that is cut off, load anew'
        ).at(path) from error
    remedy = 'Name a file of annotated objects as of COCO or LVIS, such as instances_train2017.json'
    if not isinstance(content, dict):
        raise AnnotationError('no images, annotations and categories in it', remedy).at(path)
    for name in _LISTS:
        values = content.get(name)
        if not isinstance(values, list):
            found = ', '.join(sorted(map(str, content))[:5]) or 'nothing'
            raise AnnotationError(f'no list of {name} in it, but {found}', remedy).at(path)
        odd = next((place for place, value in enumerate(values) if not isinstance(value, dict)), None)
        if odd is not None:
            raise AnnotationError(f'entry {odd} of {name} is {values[odd]!r:.80}, no JSON object', remedy).at(path)
    return ObjectAnnotations(*(content[name] for name in _LISTS))
