"""Cost of the report at some numbers of classes and epochs, in time and size, and of the live report.

    python -m benchmarks.training.report_cost [--classes 19 106 1000] [--epochs 18 100 300]
    python -m benchmarks.training.report_cost --work-dir WORK_DIR --validation-seconds 4.2

Without a work directory, runs are made up (seeded): a history, a class list and a dump of 20 clips a class. The time is
that from files to page: reading, counting with 1000 bootstrap draws, rendering, writing; of the processor, so that
other work on the machine does not count, and by the clock. Live is the page that training writes after a validation,
from the history alone.
"""

from __future__ import annotations

import pickle
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness.measuring import timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video.difficulty.history import HISTORY_NAME, append_lines
from cdb_video.difficulty.records import Derived, Header, Record
from cdb_video.report.insight.insight import build_insight
from cdb_video.report.pages.files import write_live_page, write_report
from cdb_video.report.sources.run_files import DUMP_NAME
from cdb_video.report.sources.source import read_run

CLIPS_PER_CLASS = 20
VALIDATION_CLIPS = 15
REPEATS = 5


def make_run(folder: Path, num_classes: int, num_epochs: int, seed: int) -> None:
    """Write a history and a dump of a made-up run."""
    generator = np.random.default_rng(seed)
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


@dataclass(frozen=True)
class Cost:
    """What a run's report costs.

    Attributes:
        processor: Seconds of the processor from files to page.
        clock: The same by the clock.
        page_bytes: Size of the page.
        live: Seconds of the processor for a live page, median.
    """

    processor: float
    clock: float
    page_bytes: int
    live: float


def measure(work_dir: Path, out: Path) -> Cost:
    """Write the report of a run once, and its live page `REPEATS` times."""
    seconds, files = timed(lambda: write_report(build_insight(read_run(work_dir)), out))
    live = [timed(lambda: write_live_page(work_dir / HISTORY_NAME, out / 'live.html'))[0] for _ in range(REPEATS)]
    median = statistics.median(one.cpu for one in live)
    return Cost(seconds.cpu, seconds.wall, files[-1].stat().st_size, median)


def page(costs: dict[str, Cost], validation_seconds: float | None) -> str:
    """A row a run, as Markdown."""
    rows = [
        [
            name,
            f'{cost.processor:.2f}',
            f'{cost.clock:.2f}',
            f'{cost.page_bytes / 1e6:.1f}',
            f'{cost.live:.3f}',
            f'{cost.live / validation_seconds:.2%}' if validation_seconds else '-',
        ]
        for name, cost in costs.items()
    ]
    header = ['run', 'processor s', 'clock s', 'page MB', 'live s', 'share of a validation']
    return f"""# Cost of the report

From files to page, once; a live page in processor time, median of {REPEATS}. {CLIPS_PER_CLASS} test clips a class.

{markdown_table(header, rows)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--classes', nargs='+', type=int, default=[19, 106, 1000])
    parser.add_argument('--epochs', nargs='+', type=int, default=[18, 100, 300])
    parser.add_argument('--work-dir', type=Path, help='measure a real run')
    parser.add_argument('--validation-seconds', type=float, help='to give the live report as a share of it')
    parser.add_argument('--pages', type=Path, help='keep the pages here')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        runs = {str(args.work_dir): args.work_dir} if args.work_dir else {}
        for size, epochs in zip(args.classes, args.epochs, strict=True) if not runs else ():
            folder = runs[f'{size} classes, {epochs} epochs'] = Path(scratch, f'run_{size}_{epochs}')
            folder.mkdir()
            make_run(folder, size, epochs, args.seed)
        pages = args.pages or Path(scratch, 'pages')
        costs = {name: measure(work_dir, pages / work_dir.name) for name, work_dir in runs.items()}
    write_results('report_cost', args, page(costs, args.validation_seconds), costs)
    return 0


if __name__ == '__main__':
    sys.exit(main())
