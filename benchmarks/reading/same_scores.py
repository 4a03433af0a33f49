"""Whether a clip has the same scores by every road: predict, mmaction2's own tools for one video, and the test.

    python -m benchmarks.reading.same_scores WORK_DIR --data-root DIR [--clips 50]

WORK_DIR is of a training of a leaf of configs/egtea/mini on packs. DIR is its EGTEA-mini, with packs and lists of both:

    python data_prep/make_egtea_mini.py --out DIR
    python data_prep/extract_frames.py --data-root DIR --pack
    python data_prep/build_lists.py --data-root DIR --label verb --split 1 --hold-out subjects:P20-P26 --source both

Clips of the test list, evenly spread over it, are predicted on by `cdb_video.load(WORK_DIR, views='single')`,
`inference_recognizer`, `MMAction2Inferencer`, and by the test of mmengine's Runner with the leaf's own pipelines for
videos and for packs. A pack holds JPEG files of the frames, so scores from packs are others; all from videos are to
agree to 1e-6. Exit code 1 if they do not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from numpy.typing import NDArray

import cdb_video
from benchmarks.harness.results import REPOSITORY, add_common_arguments, command_parser, markdown_table, write_results
from cdb_video.inference.predict import Predictor
from cdb_video.inference.results import Failure
from cdb_video.inference.work_dir import check_folder, find_config

LIST = 'lists/verb_split1_subjects-P20-P26'
OURS = "cdb_video.load(views='single')"
VIDEO_TEST, PACK_TEST = 'test, videos', 'test, packs'
TOLERANCE = 1e-6


def predicted(predictor: Predictor, paths: list[str]) -> NDArray[np.float64]:
    """(N, C) scores of our own prediction.

    Raises:
        ValueError: If a clip cannot be read.
    """
    rows = []
    for found in predictor.predict_all(paths):
        if isinstance(found, Failure):
            raise ValueError(f'{found.path}: {found.cause}')
        rows.append([one.score for one in sorted(found.ranked, key=lambda one: one.label)])
    return np.array(rows)


def by_recognizer(predictor: Predictor, paths: list[str]) -> NDArray[np.float64]:
    """(N, C) scores of mmaction2's inference_recognizer."""
    from mmaction.apis import inference_recognizer, init_recognizer

    model = init_recognizer(str(predictor.config), str(predictor.checkpoint), device='cpu')
    return np.array([inference_recognizer(model, path).pred_score.numpy() for path in paths])


def by_inferencer(predictor: Predictor, paths: list[str]) -> NDArray[np.float64]:
    """(N, C) scores of mmaction2's MMAction2Inferencer."""
    from mmaction.apis.inferencers import MMAction2Inferencer

    inferencer = MMAction2Inferencer(rec=str(predictor.config), rec_weights=str(predictor.checkpoint), device='cpu')
    return np.array([one['rec_scores'][0] for one in inferencer(paths)['predictions']])


def by_test(predictor: Predictor, root: Path, lines: list[str], reader: str) -> NDArray[np.float64]:
    """(N, C) scores of the Runner's test, with the leaf's own pipeline for a reader."""
    os.environ.update(EGTEA_ROOT=str(root), EGTEA_READER=reader)
    config = Config.fromfile(REPOSITORY / 'configs/egtea/mini' / predictor.config.name)
    scores: list[NDArray[np.float64]] = []
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, 'clips.txt')
        listed.write_text('\n'.join(lines) + '\n')
        config.test_dataloader.dataset.ann_file = str(listed)
        config.test_dataloader.update(num_workers=0, persistent_workers=False)
        config.update(work_dir=folder, experiment_name=uuid.uuid4().hex, load_from=str(predictor.checkpoint))
        config.update(log_level='WARNING', visualizer=None, custom_hooks=[])
        runner = Runner.from_cfg(config)
        runner.model.register_forward_hook(lambda _model, _given, samples: scores.extend(map(_scores, samples)))
        runner.test()
    return np.array(scores)


def _scores(sample: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = sample.pred_score.numpy()
    return found


def chosen_lines(root: Path, name: str, number: int) -> list[str]:
    """`number` lines of a list, evenly spread over it."""
    lines = (root / LIST / name).read_text().splitlines()
    places = np.linspace(0, len(lines) - 1, min(number, len(lines))).round().astype(int)
    return [lines[place] for place in places]


def page(scores: dict[str, NDArray[np.float64]], labels: list[int]) -> str:
    """A row a road."""
    rows = [
        [
            name,
            f'{np.abs(found - scores[OURS]).max():.2g}',
            f'{np.abs(found - scores[OURS]).mean():.2g}',
            f'{int((found.argmax(1) != scores[OURS].argmax(1)).sum())}',
            f'{int((found.argmax(1) == labels).sum())}',
        ]
        for name, found in scores.items()
    ]
    head = ['road', f'largest difference to {OURS}', 'mean difference', 'other class first', 'right']
    return (
        f'# The same scores by every road\n\nScores of {len(labels)} clips of EGTEA-mini, {scores[OURS].shape[1]} '
        f'classes, in [0, 1].\n\n{markdown_table(head, rows)}'
    )


def main() -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('work_dir', type=Path, metavar='WORK_DIR')
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--clips', type=int, default=50, help='how many (default 50)')
    add_common_arguments(parser)
    args = parser.parse_args()
    try:
        scores, labels = _compared(args)
    except (OSError, ValueError) as error:
        print(f'benchmarks.reading.same_scores: {error}', file=sys.stderr)
        return 2
    largest = {name: float(np.abs(found - scores[OURS]).max()) for name, found in scores.items()}
    write_results('same_scores', args, page(scores, labels), {'clips': len(labels), 'largest_difference': largest})
    return int(max(value for name, value in largest.items() if name != PACK_TEST) > TOLERANCE)


def _compared(args: argparse.Namespace) -> tuple[dict[str, NDArray[np.float64]], list[int]]:
    check_folder(args.work_dir)
    # A file, which mmaction2's tools need too.
    config = find_config(args.work_dir)
    predictor = cdb_video.load(args.work_dir, config=config, device='cpu', views='single')
    root = args.data_root.resolve()
    videos, packs = (chosen_lines(root, name, args.clips) for name in ('test_videos.txt', 'test.txt'))
    paths = [str(root / 'cropped_clips' / line.rsplit(maxsplit=1)[0]) for line in videos]
    scores = {
        OURS: predicted(predictor, paths),
        'inference_recognizer': by_recognizer(predictor, paths),
        'MMAction2Inferencer': by_inferencer(predictor, paths),
        VIDEO_TEST: by_test(predictor, root, videos, 'video'),
        PACK_TEST: by_test(predictor, root, packs, 'pack'),
    }
    return scores, [int(line.split()[-1]) for line in videos]


if __name__ == '__main__':
    sys.exit(main())
