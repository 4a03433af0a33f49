"""What an evaluation by objects cannot work with in mmdet, refused before the first step."""

from __future__ import annotations

from typing import Any


def refuse_resized_objects(dataset: Any) -> None:
    """Objects must be loaded behind the resizing of the image: detections have the size of the original.

    Where they are resized with it, the overlaps are wrong and most objects seem missed. What stands in the pipeline of
    a set without objects does not matter.

    Args:
        dataset: That is evaluated, or a wrapper; None = there is none.

    Raises:
        ValueError: If something behind LoadAnnotations resizes.
    """
    inner = [*getattr(dataset, 'datasets', ()), *([dataset.dataset] if hasattr(dataset, 'dataset') else ())]
    for part in inner:
        refuse_resized_objects(part)
    names = [type(step).__name__ for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ())]
    if 'LoadAnnotations' not in names:
        return
    resizing = next((name for name in names[names.index('LoadAnnotations') :] if 'Resize' in name), None)
    if resizing is not None:
        raise ValueError(
            f'{resizing} stands behind LoadAnnotations in the pipeline of the evaluated {type(dataset).__name__}, so '
            'objects are resized, and detections have the size of the original image: put LoadAnnotations behind it'
        )
