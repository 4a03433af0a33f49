"""Policies for clips that are too short for a view, those of ClipFrames, against each other.

    python -m benchmarks.methods.short_clips [--seeds 0 1] [--policies loop clamp fit segments uniform]

Trains configs/egtea/mini/slowfast_ce.py on an EGTEA-mini whose lengths are EGTEA's own up to 350 frames, with
views of 16 frames, 4 apart: they span 61 frames, as those of 32 x 2 span 63. Nothing but the policy changes
between runs. 'uniform' is the mini configs' own UniformSample, which spreads the frames over clips of every
length; it is no policy for short clips, and is shown beside them. Every run is tested with its best checkpoint
(by validation), with 1 view and with 10 views. Makes the data if they are missing.

Each result is added to --results as it comes, and what is there is not run again; an interrupted training
goes on. The table is printed at the end. A run takes about 6 minutes on one core.
"""

from __future__ import annotations

import json
import os
import pickle
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.harness import data_prep
from benchmarks.harness.results import REPOSITORY, RESULTS, command_parser, current_commit

CONFIG = 'configs/egtea/mini/slowfast_ce.py'
CLIP_LEN, FRAME_INTERVAL = 16, 4
MAX_FRAMES = 350
SHORT = 64
"""Frames below which a clip is counted as short, as in the facts about EGTEA: 56 % of its clips."""
POLICIES = ('loop', 'clamp', 'fit', 'segments', 'uniform')
VIEWS = (1, 10)
GROUPS = ('all', 'short', 'long')

Record = dict[str, Any]


def frame_sampling(policy: str, num_clips: int, test_mode: bool) -> dict[str, Any]:
    """The first transform of a pipeline."""
    common = {'clip_len': CLIP_LEN, 'num_clips': num_clips, 'test_mode': test_mode}
    if policy == 'uniform':
        return {'type': 'UniformSample', **common}
    return {'type': 'ClipFrames', 'frame_interval': FRAME_INTERVAL, 'short_clips': policy, **common}


def overrides(policy: str, num_views: int) -> list[str]:
    """The values of --cfg-options that put a policy in the place of the config's frame sampling."""
    options = []
    for part, num_clips in (('train', 1), ('val', 1), ('test', num_views)):
        sampling = frame_sampling(policy, num_clips, test_mode=part != 'train')
        options += [f'{part}_dataloader.dataset.pipeline.0.{key}={value}' for key, value in sampling.items()]
    return options


def measure(predictions: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Accuracies of a dump of `mim test --dump`, of all clips and of short and long ones apart.

    Returns:
        Group -> number of clips, top1 and mean1 (mean over the classes that have clips there), in [0, 1].
    """
    label = np.array([int(p['gt_label']) for p in predictions])
    hit = np.array([int(p['pred_score'].argmax()) for p in predictions]) == label
    short = np.array([p['total_frames'] < SHORT for p in predictions])
    result = {}
    for group, chosen in zip(GROUPS, (np.ones_like(short), short, ~short), strict=True):
        of_class = [hit[chosen & (label == c)].mean() for c in np.unique(label[chosen])]
        result[group] = {
            'clips': int(chosen.sum()),
            'top1': float(hit[chosen].mean()),
            'mean1': float(np.mean(of_class)),
        }
    return result


def make_data(root: Path) -> None:
    """Make, or complete, the data set."""
    data_prep.run('make_egtea_mini', '--out', root, '--max-frames', MAX_FRAMES)
    data_prep.run('extract_frames', '--data-root', root, '--pack')
    data_prep.run('build_lists', '--data-root', root, *data_prep.VERB_LISTS)


def run_mim(job: str, arguments: Iterable[str], data: Path) -> None:
    """`mim train` or `mim test` of the mini config, on one thread."""
    command = [sys.executable, '-m', 'mim', job, 'mmaction', CONFIG, '--gpus', '0', *arguments]
    environment = {**os.environ, 'EGTEA_ROOT': str(data), 'OMP_NUM_THREADS': '1'}
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)


def train(policy: str, seed: int, folder: Path, data: Path) -> Path:
    """Train, or go on with it; the checkpoint that was best in validation."""
    if not (folder / 'trained').exists():
        resume = ['--resume'] if (folder / 'last_checkpoint').exists() else []
        arguments = ['--work-dir', str(folder), '--seed', str(seed), *resume]
        run_mim('train', [*arguments, '--cfg-options', *overrides(policy, 1)], data)
        (folder / 'trained').touch()
    best = sorted(folder.glob('best_acc_mean1_epoch_*.pth'), key=lambda path: path.stat().st_mtime)
    if not best:
        raise FileNotFoundError(f'no best_acc_mean1_epoch_*.pth in {folder}; remove the folder to train anew')
    return best[-1]


def test(policy: str, num_views: int, checkpoint: Path, data: Path) -> dict[str, dict[str, float]]:
    """Accuracies of a checkpoint on the test set with so many views of a clip."""
    folder = checkpoint.parent / f'test_{num_views}'
    dump = folder / 'predictions.pkl'
    arguments = ['--checkpoint', str(checkpoint), '--work-dir', str(folder), '--dump', str(dump)]
    run_mim('test', [*arguments, '--cfg-options', *overrides(policy, num_views)], data)
    return measure(pickle.loads(dump.read_bytes()))


def describe_run() -> Record:
    """What a number needs beside it."""
    return {
        'commit': current_commit(),
        'machine': f'{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}',
    }


def read_results(path: Path) -> list[Record]:
    """The results so far; none if there is no file."""
    records: list[Record] = json.loads(path.read_text(encoding='utf-8'))['runs'] if path.exists() else []
    return records


def write_results(path: Path, records: list[Record]) -> None:
    """Replace the file of results at once."""
    sampling = f'{CLIP_LEN} frames, {FRAME_INTERVAL} apart'
    about = {'config': CONFIG, 'sampling': sampling, 'max_frames': MAX_FRAMES, 'short': f'under {SHORT} frames'}
    temporary = path.with_suffix('.part')
    temporary.write_text(json.dumps({**about, 'runs': records}, indent=1) + '\n', encoding='utf-8')
    temporary.replace(path)


def format_table(records: Sequence[Record]) -> str:
    """Means over the seeds, with each seed's mean class accuracy of all clips in brackets."""
    titles = [f'{group} {metric}' for metric in ('mean class', 'top-1') for group in GROUPS]
    lines = [f'| policy | views | seeds | {" | ".join(titles)} |', '|' + '---|' * (3 + len(titles))]
    for views in VIEWS:
        for policy in POLICIES:
            runs = [r for r in records if (r['policy'], r['views']) == (policy, views)]
            if not runs:
                continue
            cells = []
            for metric in ('mean1', 'top1'):
                for group in GROUPS:
                    values = [100 * run['test'][group][metric] for run in runs]
                    cells.append(f'{mean(values):.1f} ({", ".join(f"{value:.1f}" for value in values)})')
            lines.append(f'| {policy} | {views} | {len(runs)} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--policies', nargs='+', default=POLICIES, choices=POLICIES)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1])
    parser.add_argument('--data', type=Path, default=Path(f'data/egtea_mini_{MAX_FRAMES}'))
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/short_clips'))
    parser.add_argument('--results', type=Path, default=RESULTS / 'short_clips.json')
    args = parser.parse_args(argv)
    data, work_dir = args.data.resolve(), args.work_dir.resolve()
    records = read_results(args.results)
    wanted = [(policy, seed) for seed in args.seeds for policy in args.policies]
    done = {(r['policy'], r['seed'], r['views']) for r in records}
    if any((*run, views) not in done for run in wanted for views in VIEWS):
        make_data(data)
    for policy, seed in wanted:
        for views in VIEWS:
            if (policy, seed, views) in done:
                continue
            about = describe_run()
            checkpoint = train(policy, seed, work_dir / f'{policy}_seed{seed}', data)
            accuracies = test(policy, views, checkpoint, data)
            records.append({'policy': policy, 'seed': seed, 'views': views, **about, 'test': accuracies})
            write_results(args.results, records)
    print(format_table(records))
    return 0


if __name__ == '__main__':
    sys.exit(main())
