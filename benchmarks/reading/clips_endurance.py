"""Memory and open files of workers that read clips for long.

    python -m benchmarks.reading.clips_endurance [--samples 10000] [--workers 2] [--reader pack] [--footage FOLDER]

A loader reads training samples, some of them of a damaged clip that another one of its class stands in for. The memory
of its workers and the number of files that they hold open are looked at ten times. Exit code 1 if the most of the last
third of the looks is above the most of the first third, by over 5 % and 20 MB, or by more than a file a worker.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader

from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.reading.clips_data import Footage, make_footage
from benchmarks.reading.clips_readers import READERS, SAMPLING, STEPS, TAIL
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list

NAMES = {'pack': 'PackDecode, 256 q90', 'video': 'VideoDecode'}
_KIND = 2  # MPEG-4, which is decoded fastest
_GROWTH, _BYTES = 1.05, 20 * 2**20


def build_dataset(footage: Footage, reader: str, root: Path) -> Any:
    """A dataset of the clips, and of one of them that was cut off."""
    start, decoder, form, _ = READERS[NAMES[reader]]
    whole = footage.video(_KIND, 0) if form == 'video' else footage.frame_dir(_KIND, 0, form).with_suffix('.pack')
    damaged = whole.with_name(f'damaged{whole.suffix}')
    damaged.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    paths = [damaged, whole, *(whole.with_name(whole.name.replace('000', f'{n:03}')) for n in range(1, footage.count))]
    names = [str(path.relative_to(whole.parents[1]).with_suffix('')) for path in paths]
    settings: dict[str, Any] = {
        'ann_file': str(root / 'list.txt'),
        'on_error': 'resample',
        'pipeline': [
            *({'type': name} for name in start),
            SAMPLING,
            {'type': decoder, 'fused': STEPS},
            *TAIL,
        ],
    }
    if form == 'video':
        write_video_list(root / 'list.txt', [VideoEntry(f'{name}.mp4', 0) for name in names])
        kind = {'type': 'VideoListDataset', 'data_prefix': {'video': str(whole.parents[1])}}
    else:
        write_frame_list(root / 'list.txt', [FrameEntry(name, footage.frames, 0) for name in names])
        kind = {'type': 'FrameListDataset', 'data_prefix': {'img': str(whole.parents[1])}}
    return DATASETS.build(settings | kind)


def look_at(processes: list[int]) -> tuple[int, int]:
    """Resident memory in bytes and number of open files of some processes together."""
    memory, files = 0, 0
    for process in processes:
        lines = Path(f'/proc/{process}/status').read_text().splitlines()
        memory += next(int(line.split()[1]) * 1024 for line in lines if line.startswith('RssAnon:'))
        files += sum(map(_is_file, Path(f'/proc/{process}/fd').iterdir()))
    return memory, files


def _is_file(handle: Path) -> bool:
    """Whether an open handle is a file on a disk, and not a batch on its way or a pipe."""
    try:
        target = os.readlink(handle)
    except FileNotFoundError:  # closed meanwhile
        return False
    return target.startswith('/') and not target.startswith('/dev/')


def read_long(dataset: Any, samples: int, workers: int) -> list[tuple[int, int, int]]:
    """Samples read, memory of their own of all workers, and their open files, ten times."""
    torch.manual_seed(0)
    indices = [index % len(dataset) for index in range(samples)]
    # A forked worker that collected a decoder of this process would wait for ever for threads that it has not got.
    gc.collect()
    loader = DataLoader(dataset, 8, sampler=indices, num_workers=workers, collate_fn=pseudo_collate)
    batches = iter(loader)
    found, read = [], 0
    for number, batch in enumerate(batches, start=1):
        read += len(batch['inputs'])
        if number % max(1, len(loader) // 10) == 0 and number + 2 * workers < len(loader):
            found.append((read, *look_at([worker.pid for worker in batches._workers])))  # type: ignore[attr-defined]
    return found


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    add_common_arguments(parser)
    parser.add_argument('--footage', type=Path, help='folder of videos to make the clips from (default: drawn)')
    parser.add_argument('--samples', type=int, default=10_000)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--reader', choices=tuple(NAMES), default='pack')
    args = parser.parse_args()
    from mmaction.utils import register_all_modules  # late: --help need not wait for it

    register_all_modules(init_default_scope=True)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as name:
        footage = make_footage(Path(name, 'clips'), args.footage, 2, args.seed, kinds=(_KIND,), long=False)
        found = read_long(build_dataset(footage, args.reader, Path(name)), args.samples, args.workers)
    if len(found) < 3:
        raise SystemExit(f'--samples {args.samples}: too few to look three times. Ask for more')
    third = len(found) // 3
    (memory, files), (last_memory, last_files) = (
        (max(look[1] for look in looks), max(look[2] for look in looks)) for looks in (found[:third], found[-third:])
    )
    # A worker may have a clip open at any time.
    grown = last_files > files + args.workers or last_memory > max(_GROWTH * memory, memory + _BYTES)
    rows = [[f'{read:,}', f'{memory / 1e6:.1f}', str(files)] for read, memory, files in found]
    table = markdown_table(['samples', 'memory of the workers (MB)', 'their open files'], rows)
    verdict = 'Grown.' if grown else 'Neither has grown.'
    text = f'# Reading clips for long: {args.reader}, {args.workers} workers\n\n{table}\n\n{verdict}'
    write_results(f'clips_endurance_{args.reader}', args, text, {'seen': found, 'grown': grown})
    return 1 if grown else 0


if __name__ == '__main__':
    sys.exit(main())
