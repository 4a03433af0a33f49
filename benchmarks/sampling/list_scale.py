"""Lists of millions of clips: mmaction2's RawframeDataset beside FrameListDataset, in time and memory.

    python -m benchmarks.sampling.list_scale [--clips 1000000] [--classes 10000] [--rounds 3] [--huge 10000000]

Measured in fresh processes, which take turns: reading the list (files are not looked for), its peak memory and what
stays, above what was there after a small list; then the pass over all labels (`dataset_labels`) and
the entries one by one in random order. Then a loader with 2 workers, forked and spawned, which reads a million
entries in random order: the memory that belongs to each worker alone (USS) and the share-weighted sum over the
process and its workers (PSS), as /proc/<pid>/smaps_rollup tells them, and what of both a small list does not
take. Finally FrameListDataset alone at `--huge` clips (0 = not).

Exit code 1 if FrameListDataset takes more than 3 s or 150 MB per million clips, or a worker more than 5 MB.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.datasets import RawframeDataset
from torch.utils.data import DataLoader

from benchmarks.harness.measuring import in_fresh_process, peak_memory, resident_memory, spread, timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.sampling.label_passes import make_labels
from cdb_video.data.labels import dataset_labels
from cdb_video.hosts.mmaction.datasets import FrameListDataset

KINDS = ('RawframeDataset', 'FrameListDataset')
SMALL = 1000
READ = 1_000_000
GOALS = {'seconds a million': 3.0, 'peak MB a million': 150.0, 'MB a worker': 5.0}


def write_list(path: Path, num_clips: int, num_classes: int, seed: int) -> None:
    """A frame list with names of EGTEA's form; written in bits, for it may be longer than memory allows."""
    labels = make_labels(num_clips, num_classes, seed)
    with path.open('w') as file:
        for number, label in enumerate(labels.tolist()):
            session = f'P{number % 32:02}-R{number % 7:02}-GreekSalad'
            start = 24 * number
            clip = f'{session}-{start * 1000 // 24}-{start * 1000 // 24 + 2000}-F{start:06}-F{start + 48:06}'
            file.write(f'{session}/{clip} {30 + number % 90} {label}\n')


def build(kind: str, path: Path) -> Any:
    """One of the two datasets; neither looks for files."""
    if kind == 'RawframeDataset':
        return RawframeDataset(str(path), [], data_prefix={'img': 'data/egtea/frames'})
    return FrameListDataset(str(path), [], data_prefix={'img': 'data/egtea/frames'}, check_files=False)


def measure_reading(kind: str, folder: Path, name: str, seed: int) -> dict[str, Any]:
    """Times and memory of one dataset in this process."""
    build(kind, folder / 'small.txt')
    gc.collect()
    before = resident_memory()
    peak, (reading, dataset) = peak_memory(lambda: timed(lambda: build(kind, folder / name)), before)
    gc.collect()
    kept = resident_memory() - before
    labels, found = timed(lambda: dataset_labels(dataset))
    places = np.random.default_rng(seed).integers(len(dataset), size=min(READ, len(dataset))).tolist()
    entries, _ = timed(lambda: [None for place in places if not dataset.get_data_info(place)])
    return {
        'reading': reading,
        'peak_bytes': peak,
        'kept_bytes': kept,
        'labels': labels,
        'entry_seconds': entries.cpu / len(places),
        'sum_of_labels': int(found.sum()),
        'some_entries': [dataset.get_data_info(place) for place in places[:100]],
    }


def measure_workers(kind: str, path: Path, context: str, seed: int) -> dict[str, Any]:
    """The memory of this process and of two workers that read the list, in bytes."""
    dataset = build(kind, path)
    places = np.random.default_rng(seed).integers(len(dataset), size=min(READ, len(dataset))).tolist()
    loader = DataLoader(
        dataset,
        batch_size=1000,
        sampler=places,
        collate_fn=len,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    if sum(loader) != len(places):
        raise RuntimeError(f'{kind}: the workers did not read all entries')
    memory = [_rollup(str(child.pid)) for child in active_children()]
    if len(memory) != 2:
        raise RuntimeError(f'{kind}: {len(memory)} workers live, not 2')
    return {
        'worker_uss_bytes': [private for _, private in memory],
        'pss_bytes': sum(share for share, _ in memory) + _rollup('self')[0],
    }


def _rollup(process: str) -> tuple[int, int]:
    """PSS and USS of a process in bytes."""
    lines = [line.split() for line in Path(f'/proc/{process}/smaps_rollup').read_text().splitlines()[1:]]
    entry = {line[0]: int(line[1]) * 1024 for line in lines}
    return entry['Pss:'], entry['Private_Clean:'] + entry['Private_Dirty:']


def measure_all(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All measurements, each in a process of its own, one after the other."""
    write_list(folder / 'small.txt', SMALL, 10, args.seed)
    write_list(folder / 'list.txt', args.clips, args.classes, args.seed)
    reading: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for _ in range(args.rounds):
        for kind in KINDS:
            reading[kind].append(in_fresh_process(measure_reading, kind, folder, 'list.txt', args.seed))
    told = [(round_['sum_of_labels'], round_.pop('some_entries')) for kind in KINDS for round_ in reading[kind]]
    if any(entry != told[0] for entry in told):
        raise RuntimeError('the datasets differ in their entries')
    numbers: dict[str, Any] = {'list_bytes': (folder / 'list.txt').stat().st_size, 'reading': reading}
    numbers['workers'] = {
        context: {
            kind: {
                name: in_fresh_process(measure_workers, kind, folder / f'{name}.txt', context, args.seed)
                for name in ('small', 'list')
            }
            for kind in KINDS
        }
        for context in args.contexts
    }
    if args.huge:
        write_list(folder / 'list.txt', args.huge, args.classes, args.seed)
        numbers['huge'] = in_fresh_process(measure_reading, 'FrameListDataset', folder, 'list.txt', args.seed)
        del numbers['huge']['some_entries']
    return numbers


def reached(args: argparse.Namespace, numbers: dict[str, Any]) -> dict[str, float]:
    """What FrameListDataset takes, by the names of the goals."""
    millions = args.clips / 1e6
    rounds = numbers['reading']['FrameListDataset']
    workers = [of_list(kinds['FrameListDataset'])[0] for kinds in numbers['workers'].values()]
    return {
        'seconds a million': spread(round_['reading'].wall for round_ in rounds).median / millions,
        'peak MB a million': max(round_['peak_bytes'] for round_ in rounds) / 1e6 / millions,
        'MB a worker': max(workers) / 1e6,
    }


def of_list(measured: dict[str, Any]) -> tuple[float, float]:
    """Bytes that the list takes beyond a small one: the larger USS of the workers, and the PSS of all processes."""
    uss = max(measured['list']['worker_uss_bytes']) - max(measured['small']['worker_uss_bytes'])
    return uss, measured['list']['pss_bytes'] - measured['small']['pss_bytes']


def reading_table(reading: dict[str, list[dict[str, Any]]]) -> str:
    """Reading, label pass and entries as Markdown."""
    rows = [
        [
            kind,
            *(spread(getattr(round_['reading'], clock) for round_ in rounds).show() for clock in ('wall', 'cpu')),
            *(spread(round_[key] for round_ in rounds).show(1e-6, 0) for key in ('peak_bytes', 'kept_bytes')),
            spread(round_['labels'].cpu for round_ in rounds).show(digits=3),
            spread(round_['entry_seconds'] for round_ in rounds).show(1e6, 1),
        ]
        for kind, rounds in reading.items()
    ]
    header = ['dataset', 'wall s', 'CPU s', 'peak MB', 'kept MB', 'label pass CPU s', 'entry CPU us']
    return markdown_table(header, rows)


def workers_table(workers: dict[str, dict[str, Any]]) -> str:
    """The memory of the workers as Markdown."""
    rows = []
    for context, kinds in workers.items():
        for kind, measured in kinds.items():
            uss, pss = of_list(measured)
            values = [max(measured['list']['worker_uss_bytes']), uss, measured['list']['pss_bytes'], pss]
            rows.append([context, kind, *(f'{value / 1e6:.0f}' for value in values)])
    header = ['workers by', 'dataset', 'worker USS MB', 'of the list', 'PSS of all three MB', 'of the list']
    return markdown_table(header, rows)


def page(args: argparse.Namespace, numbers: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    goals = '; '.join(f'{name}: **{numbers["reached"][name]:.1f}** (goal {goal:g})' for name, goal in GOALS.items())
    text = f"""# Lists of {args.clips:,} clips and {args.classes:,} classes

The list has {numbers['list_bytes'] / 1e6:.0f} MB. Median (quartiles) of {args.rounds} rounds, each in a process of
its own; memory is above what was there after a list of {SMALL:,} clips.

{reading_table(numbers['reading'])}

FrameListDataset: {goals}.

## Two workers of a loader

USS: memory of the worker alone, the larger of the two. PSS: the process and its workers, what they share counted
once. "Of the list": more than with a list of {SMALL:,} clips.

{workers_table(numbers['workers'])}
"""
    if not args.huge:
        return text
    table = reading_table({'FrameListDataset': [numbers['huge']]})
    return f'{text}\n## FrameListDataset at {args.huge:,} clips, once\n\n{table}\n'


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--clips', type=int, default=1_000_000)
    parser.add_argument('--classes', type=int, default=10_000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--contexts', nargs='+', choices=['fork', 'spawn'], default=['fork', 'spawn'])
    parser.add_argument('--huge', type=int, default=10_000_000)
    add_common_arguments(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        numbers = measure_all(args, Path(folder))
    numbers['reached'] = reached(args, numbers)
    write_results('list_scale', args, page(args, numbers), numbers)
    return 0 if all(numbers['reached'][name] <= goal for name, goal in GOALS.items()) else 1


if __name__ == '__main__':
    sys.exit(main())
