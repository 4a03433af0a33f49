"""The clips and lists that all variants train on."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.gpu.variants import Plan, batch_shape
from benchmarks.harness.egtea_clips import MEAN_FRAMES, make_pool
from cdb_video_files.cores import count_cores

CLASSES, TINY_CLASSES = 19, 2
"""As many as the verbs of EGTEA."""
CLIPS, TINY_CLIPS = 16, 2
"""Videos; the list names each of them several times."""
TINY_FRAMES = 12
MODEL_SECONDS = 2.0


def long_tailed_labels(number: int, num_classes: int, seed: int) -> list[int]:
    """Labels of `number` clips: every class has one at least, and class c in proportion to 1 / (c + 1)."""
    share = 1 / np.arange(1, num_classes + 1)
    rng = np.random.default_rng(seed)
    return [*range(num_classes), *rng.choice(num_classes, number - num_classes, p=share / share.sum()).tolist()]


def make_plan(args: argparse.Namespace, folder: Path) -> Plan:
    """Encode the clips and write the lists."""
    count, length = (TINY_CLIPS, TINY_FRAMES) if args.tiny else (CLIPS, MEAN_FRAMES)
    num_classes = TINY_CLASSES if args.tiny else CLASSES
    batch_size, workers = batch_shape(args.tiny)
    bursts = max(workers, 1)
    plan = Plan(
        clips=str(folder / 'clips'),
        train_list=str(folder / 'train.txt'),
        val_list=str(folder / 'val.txt'),
        num_classes=num_classes,
        epochs=1 + args.rounds,
        warm_batches=bursts,
        timed_batches=bursts if args.tiny else 2 * bursts,
        model_seconds=0 if args.tiny else MODEL_SECONDS,
        device=args.device,
        tiny=args.tiny,
        seed=args.seed,
    )
    videos = make_pool(Path(plan.clips), [length] * count, args.footage, args.seed, 1 if args.tiny else count_cores())
    number = batch_size * (plan.warm_batches + plan.timed_batches)
    labels = long_tailed_labels(number, num_classes, args.seed)
    for path, listed in ((plan.train_list, labels), (plan.val_list, range(num_classes))):
        lines = [f'{videos[index % count].name} {label}\n' for index, label in enumerate(listed)]
        Path(path).write_text(''.join(lines))
    return plan
