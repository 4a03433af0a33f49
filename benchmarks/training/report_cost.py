"""Time and size of the report at some numbers of classes and epochs, and the cost of the live report.

    python benchmarks/training/report_cost.py [--classes 19 106 1000] [--epochs 18 100 300] [--out DIR]
    python benchmarks/training/report_cost.py --work-dir WORK_DIR --validation-seconds 4.2

Without a work directory, runs are made up (seeded): a history, a class list and a dump of 20 clips a class. The time is
that from files to page: reading, counting with 1000 bootstrap draws, rendering, writing; of the processor, so that
other work on the machine does not count, and by the clock. Live is the page that
training writes after a validation, from the history alone; the median of five. Prints a Markdown table.
"""

import argparse
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from cdb_video.difficulty.history import HISTORY_NAME, append_lines
from cdb_video.difficulty.records import Derived, Header, Record
from cdb_video.report.insight.insight import build_insight
from cdb_video.report.pages.files import write_live_page, write_report
from cdb_video.report.sources.run_files import DUMP_NAME
from cdb_video.report.sources.source import read_run

CLIPS_PER_CLASS = 20
VALIDATION_CLIPS = 15
REPEATS = 5


def make_run(folder: Path, num_classes: int, num_epochs: int) -> None:
    """Write a history and a dump of a made-up run."""
    generator = np.random.default_rng(0)
    counts = np.maximum(3, 2000 / np.arange(1, num_classes + 1) ** 1.1).astype(int).tolist()
    names = tuple(f'class name {i}' for i in range(num_classes))
    records = []
    chance = generator.random(num_classes)
    for epoch in range(1, num_epochs + 1):
        correct = generator.binomial(VALIDATION_CLIPS, chance * epoch / num_epochs)
        accuracy = (correct / VALIDATION_CLIPS).tolist()
        difficulty = 1 - correct / VALIDATION_CLIPS
        record = Record(
            epoch=epoch,
            iteration=100 * epoch,
            num_clips=[VALIDATION_CLIPS] * num_classes,
            num_correct=correct.tolist(),
            accuracy=accuracy,
            difficulty=difficulty.tolist(),
            consumers={'CDBSampler': Derived(1.0, probability=(difficulty / difficulty.sum()).tolist())},
            metrics={f'acc/{key}': float(np.mean(accuracy)) for key in ('top1', 'mean1')},
        )
        records.append(record)
    append_lines(folder / HISTORY_NAME, Header('benchmark', num_classes, names, counts), *records)
    samples = []
    for index in range(CLIPS_PER_CLASS * num_classes):
        logits = generator.normal(size=num_classes)
        logits[index % num_classes] += 3
        name = f'P{index % 30 + 1:02d}-R01-Pizza-{index}-{index + 1}-F{index:06d}-F{index + 1:06d}'
        scores = torch.softmax(torch.from_numpy(logits).float(), 0)
        label = torch.tensor([index % num_classes])
        samples.append({'frame_dir': f'frames/{name}', 'total_frames': 20, 'gt_label': label, 'pred_score': scores})
    (folder / DUMP_NAME).write_bytes(pickle.dumps(samples, protocol=2))


def measure(work_dir: Path, out: Path) -> tuple[float, float, int, float]:
    """Seconds of processor and clock from files to page, bytes of the page, seconds (clock) of a live page."""
    start, processor = time.perf_counter(), time.process_time()
    page = write_report(build_insight(read_run(work_dir)), out)[-1]
    clock, processor = time.perf_counter() - start, time.process_time() - processor
    live = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        write_live_page(work_dir / HISTORY_NAME, out / 'live.html')
        live.append(time.perf_counter() - start)
    return processor, clock, page.stat().st_size, statistics.median(live)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--classes', nargs='+', type=int, default=[19, 106, 1000])
    parser.add_argument('--epochs', nargs='+', type=int, default=[18, 100, 300])
    parser.add_argument('--work-dir', type=Path, help='measure a real run')
    parser.add_argument('--validation-seconds', type=float, help='to give the live report as a share of it')
    parser.add_argument('--out', type=Path, help='keep the pages here')
    options = parser.parse_args(argv)
    print('| run | processor s | clock s | page MB | live s | share of a validation |\n|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as scratch:
        runs = [(str(options.work_dir), options.work_dir)] if options.work_dir else []
        for size, epochs in zip(options.classes, options.epochs, strict=True) if not runs else ():
            runs.append((f'{size} classes, {epochs} epochs', Path(scratch) / f'run_{size}_{epochs}'))
            runs[-1][1].mkdir()
            make_run(runs[-1][1], size, epochs)
        for name, work_dir in runs:
            out = (options.out or Path(scratch) / 'pages') / work_dir.name
            processor, clock, size, live = measure(work_dir, out)
            share = f'{live / options.validation_seconds:.2%}' if options.validation_seconds else '-'
            print(f'| {name} | {processor:.2f} | {clock:.2f} | {size / 1e6:.1f} | {live:.3f} | {share} |')
    return 0


if __name__ == '__main__':
    sys.exit(main())
