"""Images with objects and detections, drawn at random, and a slow count of what each object is called."""

from fractions import Fraction

import numpy as np

SIDE = 24
"""Width and height: small, so that boxes on whole pixels overlap by all sorts of shares, often exactly 1/2."""


def random_image(rng, num_classes, *, max_objects=6, max_detections=12):
    """Objects and detections of an image: boxes on whole pixels, some empty, scores that often tie.

    Detections lie near objects or anywhere. Some objects are ignored, as crowds are; some images have no objects, no
    detections, or neither.
    """
    num_objects, num_detections = rng.integers(0, max_objects + 1), rng.integers(0, max_detections + 1)
    boxes = _random_boxes(rng, num_objects)
    detections = _random_boxes(rng, num_detections)
    if num_objects and num_detections:
        near = rng.random(num_detections) < 0.8
        moved = boxes[rng.integers(0, num_objects, near.sum())] + rng.integers(-1, 2, (near.sum(), 4))
        detections[near] = moved.clip(0, SIDE)
    return {
        'boxes': boxes,
        'labels': rng.integers(0, num_classes, num_objects),
        'ignored': rng.random(num_objects) < 0.2,
        'detections': detections,
        'scores': rng.integers(0, 5, num_detections) / 4,
        'names': rng.integers(0, num_classes, num_detections),
    }


def _random_boxes(rng, number):
    low = rng.integers(0, SIDE - 4, (number, 2))
    return np.concatenate([low, low + rng.integers(0, 12, (number, 2))], axis=1).clip(0, SIDE)


def pixels_of(box):
    """The pixels of a box, as a set."""
    x1, y1, x2, y2 = (int(value) for value in box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def slow_answer(own, others, scores, names, *, missed, threshold=Fraction(1, 2), lowest=0.0):
    """What an object is called, by sets of pixels and exact fractions, one detection after the other."""
    best, answer = None, missed
    for pixels, score, name in zip(others, scores, names, strict=True):
        union = len(own | pixels)
        overlaps = union > 0 and Fraction(len(own & pixels), union) >= threshold
        if score >= lowest and overlaps and (best is None or score > best):
            best, answer = score, int(name)
    return answer


def slow_rows(image, *, missed, **options):
    """(label, answer) of every object of an image that is not ignored."""
    others = [pixels_of(box) for box in image['detections']]
    return [
        (int(label), slow_answer(pixels_of(box), others, image['scores'], image['names'], missed=missed, **options))
        for box, label, ignored in zip(image['boxes'], image['labels'], image['ignored'], strict=True)
        if not ignored
    ]
