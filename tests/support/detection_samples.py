"""Random images as mmdet hands them to a metric, and ObjectAccuracy over them in several processes."""

import numpy as np
import torch

import tests.support.mmcv_operators  # noqa: F401  before mmdet is imported
from cdb_video.hosts.mmdet.object_accuracy import ObjectAccuracy
from tests.support.object_images import SIDE, pixels_of, random_image, slow_answer

NUM_CLASSES = 5
CLASSES = tuple('abcde')


def masks_of(boxes, rng):
    """(M, SIDE, SIDE) uint8: of every box about four fifths of its pixels."""
    masks = np.zeros((len(boxes), SIDE, SIDE), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = (rng.random((SIDE, SIDE)) < 0.8)[y1:y2, x1:x2]
    return masks


def random_images(number, seed):
    """Images of `random_image`, with masks for objects and detections."""
    rng = np.random.default_rng(seed)
    images = [random_image(rng, NUM_CLASSES) for _ in range(number)]
    for image in images:
        image['masks'], image['found_masks'] = masks_of(image['boxes'], rng), masks_of(image['detections'], rng)
    return images


def as_sample(image, *, polygons=False, runs=False):
    """What a metric of mmdet is given: packed by PackDetInputs, which sets ignored objects aside.

    Args:
        image: Of `random_images`.
        polygons: Whether the objects have polygons, of their boxes, in the place of pixels.
        runs: Whether the detector gives run lengths.
    """
    from mmdet.datasets.transforms import PackDetInputs
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks, PolygonMasks, encode_mask_results
    from mmengine.structures import InstanceData

    masks = BitmapMasks(image['masks'], SIDE, SIDE)
    if polygons:
        corners = [[np.array([x1, y1, x2, y1, x2, y2, x1, y2], float)] for x1, y1, x2, y2 in image['boxes']]
        masks = PolygonMasks(corners, SIDE, SIDE)
    packed = PackDetInputs(meta_keys=('img_id', 'ori_shape')).transform(
        {
            'gt_bboxes': HorizontalBoxes(image['boxes'].astype(np.float32)),
            'gt_bboxes_labels': image['labels'],
            'gt_ignore_flags': image['ignored'].astype(int),
            'gt_masks': masks,
            'img_id': image.get('id', 7),
            'ori_shape': (SIDE, SIDE),
        }
    )['data_samples']
    found = image['found_masks'].astype(bool)
    packed.pred_instances = InstanceData(
        bboxes=torch.as_tensor(image['detections'], dtype=torch.float32),
        scores=torch.as_tensor(image['scores'], dtype=torch.float32),
        labels=torch.as_tensor(image['names']),
        masks=encode_mask_results(found) if runs else torch.as_tensor(found),
    )
    return packed.to_dict()


def slow_rows_by_masks(image, **options):
    """(label, answer) of every object of an image by its mask, see `slow_answer`."""
    found, own = ([set(zip(*np.nonzero(mask), strict=True)) for mask in image[key]] for key in ('found_masks', 'masks'))
    return [
        (int(label), slow_answer(pixels, found, image['scores'], image['names'], missed=NUM_CLASSES, **options))
        for pixels, label, ignored in zip(own, image['labels'], image['ignored'], strict=True)
        if not ignored
    ]


def evaluated(images, rank=0, world_size=1, **options):
    """The metrics, counts and outcomes of a process, which has the images that DefaultSampler gives it."""
    metric = ObjectAccuracy(**options)
    metric.dataset_meta = {'classes': CLASSES}
    share = -(-len(images) // world_size)
    padded = (images * 2)[: share * world_size]  # with round_up
    own = [as_sample(image) for image in padded[rank::world_size]]
    for start in range(0, len(own), 3):
        metric.process(None, own[start : start + 3])
    metrics = metric.evaluate(len(images))
    return metrics, metric.counts_, metric.outcomes_


def evaluated_in_process(rank, world_size, number, seed, options):
    """`evaluated` for `in_processes`, counts and outcomes as lists."""
    metrics, counts, outcomes = evaluated(random_images(number, seed), rank, world_size, **options)
    listed = None if outcomes is None else [column.tolist() for column in outcomes]
    return metrics, [vector.tolist() for vector in (counts.num_clips, counts.num_correct, counts.num_missed)], listed


def dumped_in_process(rank, world_size, path, number, seed):
    """What DumpObjects returns in a process, which has the images that DefaultSampler gives it."""
    from cdb_video.hosts.mmdet.dump_objects import DumpObjects

    metric = DumpObjects(path)
    metric.dataset_meta = {'classes': CLASSES}
    images, share = random_images(number, seed), -(-number // world_size)
    metric.process(None, [as_sample(image) for image in (images * 2)[: share * world_size][rank::world_size]])
    return metric.evaluate(number)


def fails_in_process(rank, world_size):
    """The error with which each process ends an evaluation in which one of them meets an unknown class."""
    from tests.support.parallel import error_of

    images = random_images(4, 3)
    if rank == 1:
        for image in images:
            image['names'] = image['names'] + NUM_CLASSES
    return error_of(lambda: evaluated(images, rank, world_size))


__all__ = ['CLASSES', 'NUM_CLASSES', 'pixels_of']
