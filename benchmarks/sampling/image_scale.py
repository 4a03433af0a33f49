"""CDBSampler beside torch's WeightedRandomSampler on lists of millions of images in mmpretrain.

    python -m benchmarks.sampling.image_scale [--sizes 1280000x1000 14000000x21000] [--rounds 5] [--per-list 3500000]
        [--folder DIR]

In an environment with mmpretrain (`tools/setup_env.sh images`). Lists of lines `path label`, with names of
ImageNet's form and the laws of `sampler_scale`, are read by mmpretrain's CustomDataset; lists of more than
`--per-list` lines are divided and join in a ConcatDataset, since reading takes about 750 bytes a line. Then
both samplers take turns in rounds, each time in a fresh process that is handed the dataset: the label pass
(`dataset_labels`; for WeightedRandomSampler mmpretrain's `get_gt_labels`), setting up, the draw (until the first
image is there), the iteration (all others, as Python integers), and the peak memory of each. Disk: 150 bytes an
image below `--folder`, which go in the end.

Exit code 1 if CDBSampler is less than 4 times as fast as the other in draw and iteration, at one of the sizes.
"""

from __future__ import annotations

import argparse
import gc
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.measuring import in_fresh_process, peak_memory, resident_memory, spread, timed
from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.sampling.label_passes import make_labels
from benchmarks.sampling.sampler_scale import (
    EPOCH,
    GOAL,
    build,
    first_clip,
    refusal,
    speed_table,
    times_as_fast,
    use_up,
)
from cdb_video.data.labels import dataset_labels
from cdb_video.difficulty.formulas import IntVector

Size = tuple[int, int]
"""Images, classes."""
KINDS = ('WeightedRandomSampler', 'CDBSampler')
PHASES = ('label pass', 'set-up', *EPOCH)
SMALL = 1000
SPARSEST = 10
"""Images a class that leave at least one to the rarest."""
TOO_MANY = 2**24 + 1
"""Images that are more than torch.multinomial takes."""
COMPARED = {
    'label pass': ('label pass',),
    'draw and iteration': EPOCH,
    'from the dataset to the end of the first epoch': PHASES,
}


def size_of(text: str) -> Size:
    """Images and classes, of an argument such as 1280000x1000."""
    parts = text.split('x')
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        images, classes = map(int, parts)
        if 0 < SPARSEST * classes <= images:
            return images, classes
    raise argparse.ArgumentTypeError(
        f'{text!r}: must be IMAGESxCLASSES, as 1280000x1000, with at least {SPARSEST} images a class in the mean'
    )


def write_lists(folder: Path, size: Size, per_list: int, seed: int) -> list[Path]:
    """The lists of a size; names are of ImageNet's form."""
    labels = make_labels(*size, seed)
    paths = []
    for first in range(0, len(labels), per_list):
        paths.append(folder / f'{first}.txt')
        with paths[-1].open('w') as file:
            for number, label in enumerate(labels[first : first + per_list].tolist(), first):
                name = f'n{1440764 + label:08}'
                file.write(f'{name}/{name}_{number}.JPEG {label}\n')
    return paths


def read_lists(paths: Sequence[Path]) -> Any:
    """A CustomDataset, or a ConcatDataset of several."""
    from mmengine.dataset import ConcatDataset
    from mmpretrain.datasets import CustomDataset

    parts = [CustomDataset(ann_file=str(path), data_prefix='data/imagenet/train') for path in paths]
    return parts[0] if len(parts) == 1 else ConcatDataset(parts)


def measure_reading(folder: Path, size: Size, per_list: int, seed: int) -> dict[str, Any]:
    """Write the lists and read them, in this process; the dataset is left in `folder`."""
    small = write_lists(folder, (SMALL, 10), SMALL, seed)
    read_lists(small)
    paths = write_lists(folder, size, per_list, seed)
    gc.collect()
    before = resident_memory()
    peak, (seconds, dataset) = peak_memory(lambda: timed(lambda: read_lists(paths)), before)
    gc.collect()
    kept = resident_memory() - before
    with (folder / 'dataset.pkl').open('wb') as file:
        pickle.dump(dataset, file)
    list_bytes = sum(path.stat().st_size for path in paths)
    for path in paths:
        path.unlink()
    return {'lists': len(paths), 'list_bytes': list_bytes, 'seconds': seconds, 'peak_bytes': peak, 'kept_bytes': kept}


def labels_by(kind: str, dataset: Any) -> IntVector:
    """The labels of a dataset as users of one of the samplers take them."""
    if kind == 'CDBSampler':
        return dataset_labels(dataset)
    return np.concatenate([part.get_gt_labels() for part in parts_of(dataset)])


def parts_of(dataset: Any) -> list[Any]:
    """The datasets that mmpretrain made."""
    return list(getattr(dataset, 'datasets', [dataset]))


def measure_epoch(kind: str, folder: Path, size: Size, seed: int) -> dict[str, Any]:
    """Time and peak memory of each phase, in this process; the memory above what was there with the dataset.

    Raises:
        RuntimeError: If the labels are not those of the lists, or an epoch is not as long as the dataset.
    """
    with (folder / 'dataset.pkl').open('rb') as file:
        dataset = pickle.load(file)
    labels_by(kind, parts_of(dataset)[0].get_subset([0]))  # what is imported at first use is no part of it
    use_up(first_clip(build(kind, make_labels(SMALL, 10, seed), seed)))
    expected = make_labels(*size, seed)
    gc.collect()
    before = resident_memory()
    measured: dict[str, dict[str, Any]] = {'times': {}, 'peak_bytes': {}}

    def phase(name: str, work: Callable[[], Any]) -> Any:
        measured['peak_bytes'][name], (measured['times'][name], result) = peak_memory(lambda: timed(work), before)
        return result

    labels = phase('label pass', partial(labels_by, kind, dataset))
    if not np.array_equal(labels, expected):
        raise RuntimeError(f'{kind}: the labels are not those of the lists')
    sampler = phase('set-up', partial(build, kind, labels, seed))
    if len(sampler) != len(dataset):
        raise RuntimeError(f'{kind}: {len(sampler)} draws an epoch for {len(dataset)} images')
    images = phase('draw', partial(first_clip, sampler))
    phase('iteration', partial(use_up, images))
    return measured


def measure_size(size: Size, args: argparse.Namespace) -> dict[str, Any]:
    """All measurements of a size, each in a process of its own, one after the other."""
    with tempfile.TemporaryDirectory(prefix='image_scale_', dir=args.folder) as name:
        folder = Path(name)
        reading = in_fresh_process(measure_reading, folder, size, args.per_list, args.seed)
        rounds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
        loads = []
        for number in range(args.rounds):
            for kind in KINDS if number % 2 else reversed(KINDS):
                rounds[kind].append(in_fresh_process(measure_epoch, kind, folder, size, args.seed))
                loads.append(round(os.getloadavg()[0], 1))
    times = {kind: {phase: [one['times'][phase] for one in rounds[kind]] for phase in PHASES} for kind in KINDS}
    peaks = {kind: {phase: [one['peak_bytes'][phase] for one in rounds[kind]] for phase in PHASES} for kind in KINDS}
    return {
        'images': size[0],
        'classes': size[1],
        'reading': reading,
        'times': times,
        'peak_bytes': peaks,
        'loads': loads,
        'times_as_fast': {name: times_as_fast(times, phases) for name, phases in COMPARED.items()},
    }


def size_section(numbers: dict[str, Any]) -> str:
    """The section of a size as Markdown."""
    reading, number = numbers['reading'], numbers['images']
    kinds = {kind: {phase: max(peaks[phase]) for phase in PHASES} for kind, peaks in numbers['peak_bytes'].items()}
    form = 'a CustomDataset' if reading['lists'] == 1 else f'a ConcatDataset of {reading["lists"]} CustomDatasets'
    rows = [
        [name, faster['wall'].show(digits=1), faster['cpu'].show(digits=1)]
        for name, faster in numbers['times_as_fast'].items()
    ]
    load = spread(numbers['loads'])
    return f"""## {number:,} images, {numbers['classes']:,} classes

mmpretrain reads {reading['list_bytes'] / 1e6:.0f} MB into {form} in {reading['seconds'].wall:.0f} s by the clock,
{reading['seconds'].cpu:.0f} s of the processor, once; at its peak that takes {reading['peak_bytes'] / 2**20:.0f} MiB,
and {reading['kept_bytes'] / 2**20:.0f} MiB stay. Load of the machine in the rounds: {load.show(digits=1)}.

{speed_table(numbers['times'], {kind: {'peak_bytes': peaks} for kind, peaks in kinds.items()})}

How many times CDBSampler is as fast:

{markdown_table(['phases', 'by the clock', 'in processor time'], rows)}
"""


def page(args: argparse.Namespace, numbers: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    sections = '\n'.join(size_section(of_size) for of_size in numbers['sizes'])
    return f"""# Samplers on long lists of images in mmpretrain

Median (quartiles) of {args.rounds} rounds, in which both samplers take turns, each time in a process of its own; of
peak memory the largest, above what was there with the dataset. The label pass is `dataset_labels`, for
WeightedRandomSampler `get_gt_labels` of mmpretrain. Goal: draw and iteration {GOAL:g} times as fast, in processor time.

{sections}
## Where WeightedRandomSampler ends

With {TOO_MANY:,} images its first draw says {numbers['refusal']}.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--sizes', type=size_of, nargs='+', default=[(1_280_000, 1000), (14_000_000, 21_000)])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--per-list', type=int, default=3_500_000, help='lines of a list (default: %(default)s)')
    parser.add_argument('--folder', type=Path, help="for the lists (default: the system's for temporary files)")
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    if find_spec('mmpretrain') is None:
        parser.error('needs mmpretrain, which is not installed here: tools/setup_env.sh images makes an environment')
    sizes = [measure_size(size, args) for size in args.sizes]
    numbers = {'sizes': sizes, 'refusal': in_fresh_process(refusal, TOO_MANY)}
    write_results('image_scale', args, page(args, numbers), numbers)
    return int(any(size['times_as_fast']['draw and iteration']['cpu'].median < GOAL for size in sizes))


if __name__ == '__main__':
    sys.exit(main())
