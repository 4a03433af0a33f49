"""How long ObjectAccuracy takes to evaluate detections, beside mmdet's LVISMetric, on a made-up set of LVIS's size.

    python -m benchmarks.detection.object_accuracy_speed [--images 20000] [--classes 1203] [--objects 245000]
        [--detections 300] [--lvis-images N] [--seed 0]
    python -m benchmarks.detection.object_accuracy_speed --tiny --out DIR

Both are given the same samples, by boxes, one image at a time as a validation does, and are timed from the first image
to their results; to make the samples, and for LVISMetric to read the annotations, is not counted. Each runs in a
process of its own, and its peak memory is what it adds to that of the samples. The classes are long-tailed; a third of
the objects is missed, some are called by another name. LVISMetric keeps every detection as a dict: where the memory
does not suffice, --lvis-images has it evaluate the first N images, and its time is scaled by the number of images,
which favours it.

Exit code 1 if ObjectAccuracy takes more than a twentieth of LVISMetric's time. Needs mmdet and lvis; mmcv-lite will do.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tests.support.mmcv_operators  # noqa: F401  for mmcv-lite, before mmdet; neither metric uses an operator
from benchmarks.harness.measuring import in_fresh_process, peak_memory, resident_memory, timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results

GOAL = 20
"""How many times as fast as LVISMetric it shall be."""
SIDE = 640
TINY = {'images': 40, 'classes': 12, 'objects': 300, 'detections': 30}


@dataclass(frozen=True)
class Size:
    """Of the set that is evaluated.

    Attributes:
        images: Number of images.
        classes: C.
        objects: In all images.
        detections: An image.
    """

    images: int
    classes: int
    objects: int
    detections: int


@dataclass(frozen=True)
class Found:
    """What the evaluation by one metric took.

    Attributes:
        images: That were evaluated.
        seconds: By the clock on the wall.
        cpu: Of processor time.
        peak_bytes: Memory above that of the samples.
        results: What the metric returned.
    """

    images: int
    seconds: float
    cpu: float
    peak_bytes: int
    results: dict[str, float]


def make_samples(size: Size, seed: int) -> list[dict[str, Any]]:
    """Samples as mmdet's runner hands them to a metric, with boxes on whole pixels."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, size.classes + 1)
    labels = rng.choice(size.classes, size.objects, p=chance / chance.sum())
    owners = np.sort(rng.integers(0, size.images, size.objects))
    samples = []
    for number, own in enumerate(np.split(labels, np.searchsorted(owners, np.arange(1, size.images)))):
        boxes = _boxes(rng, len(own))
        samples.append(
            {
                'img_id': number + 1,
                'ori_shape': (SIDE, SIDE),
                'gt_instances': {'bboxes': torch.from_numpy(boxes), 'labels': torch.from_numpy(own)},
                'pred_instances': _detections(rng, boxes, own, size),
            }
        )
    return samples


def _boxes(rng: np.random.Generator, number: int) -> np.ndarray:
    low = rng.integers(0, SIDE - 100, (number, 2))
    return np.concatenate([low, low + rng.integers(10, 100, (number, 2))], axis=1).astype(np.float32)


def _detections(rng: np.random.Generator, boxes: np.ndarray, labels: np.ndarray, size: Size) -> dict[str, Any]:
    """Detections best first: near two thirds of the objects, a fifth of them with another class, the rest anywhere."""
    found, names = _boxes(rng, size.detections), rng.integers(0, size.classes, size.detections)
    seen = np.flatnonzero(rng.random(len(boxes)) < 2 / 3)
    if seen.size:
        near = rng.permutation(size.detections)[: size.detections // 3]
        of = seen[rng.integers(0, seen.size, near.size)]
        found[near] = boxes[of] + rng.integers(-2, 3, (near.size, 4))
        names[near] = np.where(rng.random(near.size) < 0.8, labels[of], names[near])
    scores = np.sort(rng.random(size.detections).astype(np.float32))[::-1].copy()
    return {
        'bboxes': torch.from_numpy(found),
        'labels': torch.from_numpy(names),
        'scores': torch.from_numpy(scores),
    }


def write_annotations(samples: Sequence[dict[str, Any]], num_classes: int, file: Path) -> None:
    """The objects of the samples in LVIS's format; what an image does not show is not known to be absent."""
    annotations: list[dict[str, Any]] = []
    for sample in samples:
        objects = sample['gt_instances']
        for (x1, y1, x2, y2), label in zip(objects['bboxes'].tolist(), objects['labels'].tolist(), strict=True):
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': sample['img_id'],
                    'category_id': label + 1,
                    'bbox': [x1, y1, x2 - x1, y2 - y1],
                    'area': (x2 - x1) * (y2 - y1),
                }
            )
    federated: dict[str, list[int]] = {'neg_category_ids': [], 'not_exhaustive_category_ids': []}
    images = [{'id': sample['img_id'], 'width': SIDE, 'height': SIDE} | federated for sample in samples]
    categories = [{'id': label + 1, 'name': f'class {label}', 'frequency': 'f'} for label in range(num_classes)]
    file.write_text(json.dumps({'images': images, 'annotations': annotations, 'categories': categories}))


def evaluate(metric: Any, samples: Sequence[dict[str, Any]]) -> Found:
    """Evaluate the samples one by one, and take the time and the memory."""

    def work() -> Any:
        for sample in samples:
            metric.process(None, [sample])
        return metric.evaluate(len(samples))

    peak, (seconds, results) = peak_memory(lambda: timed(work), resident_memory())
    return Found(len(samples), seconds.wall, seconds.cpu, peak, {name: float(value) for name, value in results.items()})


def by_objects(size: Size, seed: int) -> Found:
    """What ObjectAccuracy takes."""
    from cdb_video.hosts.mmdet.object_accuracy import ObjectAccuracy

    return evaluate(ObjectAccuracy(num_classes=size.classes), make_samples(size, seed))


def by_lvis(size: Size, seed: int, images: int) -> Found:
    """What LVISMetric takes for the first of the images."""
    import cdb_video  # noqa: F401  mends lvis

    logging.disable(logging.INFO)
    from mmdet.evaluation.metrics import LVISMetric

    samples = make_samples(size, seed)[:images]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'lvis.json')
        write_annotations(samples, size.classes, file)
        metric = LVISMetric(ann_file=str(file), metric='bbox')
        metric.dataset_meta = {'classes': [f'class {label}' for label in range(size.classes)]}
        return evaluate(metric, samples)


def page(size: Size, ours: Found, lvis: Found, ratio: dict[str, float]) -> str:
    """Both metrics, and how many times as fast ours is."""
    rows = [
        [name, f'{one.images:,}', f'{one.seconds:.2f}', f'{one.cpu:.2f}', f'{one.peak_bytes / 2**20:,.0f}']
        for name, one in (('LVISMetric', lvis), ('ObjectAccuracy', ours))
    ]
    header = ['metric', 'images', 'seconds', 'CPU s', 'peak memory, MiB']
    scaled = '' if lvis.images == ours.images else ' an image'
    shares = ', '.join(f'{name} {ours.results[f"obj/{name}"]:.1%}' for name in ('top1', 'missed', 'confused'))
    return f"""# ObjectAccuracy beside LVISMetric

{size.images:,} made-up images, {size.classes:,} classes, {size.objects:,} objects, {size.detections} detections an
image, by boxes; mmdet {version('mmdet')}, lvis {version('lvis')}.

{markdown_table(header, rows)}

ObjectAccuracy is {ratio['wall']:.0f} times as fast{scaled}, {ratio['cpu']:.0f} times by processor time; the goal is
{GOAL}. What they found: {shares} of the objects; AP {lvis.results['lvis/bbox_AP']:.3f}.
"""


def parse_arguments() -> argparse.Namespace:
    """The arguments; with --tiny small ones for all sizes that are not given."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--images', type=int, default=None, help='default: 20,000')
    parser.add_argument('--classes', type=int, default=None, help='default: 1,203')
    parser.add_argument('--objects', type=int, default=None, help='default: 245,000')
    parser.add_argument('--detections', type=int, default=None, help='an image (default: 300)')
    parser.add_argument('--lvis-images', type=int, default=None, help='images for LVISMetric (default: all)')
    parser.add_argument('--tiny', action='store_true', help='small sizes, in seconds')
    add_common_arguments(parser)
    args = parser.parse_args()
    full = {'images': 20_000, 'classes': 1203, 'objects': 245_000, 'detections': 300}
    for name, value in (TINY if args.tiny else full).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def main() -> int:
    """Run the command; see the module docstring."""
    args = parse_arguments()
    size = Size(args.images, args.classes, args.objects, args.detections)
    ours: Found = in_fresh_process(by_objects, size, args.seed)
    lvis: Found = in_fresh_process(by_lvis, size, args.seed, args.lvis_images or size.images)
    scale = ours.images / lvis.images
    ratio = {'wall': scale * lvis.seconds / ours.seconds, 'cpu': scale * lvis.cpu / ours.cpu}
    numbers = {'size': size, 'ObjectAccuracy': ours, 'LVISMetric': lvis, 'times_as_fast': ratio}
    write_results('object_accuracy_speed', args, page(size, ours, lvis, ratio), numbers)
    return 0 if ratio['cpu'] >= GOAL else 1


if __name__ == '__main__':
    sys.exit(main())
