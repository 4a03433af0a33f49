"""Draws of long-tailed Fashion-MNIST: which images train, which validate, and how frequent which class is."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from benchmarks.harness import data_prep

SOURCE = Path(os.environ.get('FASHION_MNIST', '/usr/share/datasets/fashion-mnist'))
"""Folder of the four IDX files: where Debian's dataset-fashion-mnist puts them, or the variable FASHION_MNIST says."""
LARGEST, VAL_PER_CLASS, IMBALANCE, MILD_IMBALANCE = 2000, 15, 100, 10
HARD_FREQUENT, MILD = 'hard classes frequent', f'imbalance {MILD_IMBALANCE}'
VARIANTS = (HARD_FREQUENT, MILD)
"""The order of frequencies is `HARD_FIRST` in place of one that is drawn; another imbalance."""
HARD_FIRST = (6, 2, 4, 0, 3, 7, 9, 5, 8, 1)
"""Labels from those that are easily confused to those that are not: shirt, pullover, coat, T-shirt, dress, sneaker,
ankle boot, sandal, bag, trouser. Fixed before the first run."""


def make_fashion(root: Path, seed: int, variant: str) -> str:
    """Make a draw if it is not there; the SHA-256 of its pictures and lists.

    Args:
        root: Its folder.
        seed: Draws the images, and the order of frequencies over the classes.
        variant: '' or `HARD_FREQUENT`. `MILD` is another list of the same draw.

    Raises:
        FileNotFoundError: Without the source.
    """
    manifest = root / 'manifest.json'
    if not manifest.is_file():
        if not SOURCE.is_dir():
            raise FileNotFoundError(
                f"{SOURCE} is not there: install Debian's dataset-fashion-mnist, or let FASHION_MNIST name the folder "
                'of the four IDX files (docs/data/images.md)'
            )
        order = ','.join(map(str, HARD_FIRST)) if variant == HARD_FREQUENT else seed
        options = ('--largest', LARGEST, '--val-per-class', VAL_PER_CLASS, '--class-order', order, '--seed', seed)
        imbalances = ('--imbalance', IMBALANCE, MILD_IMBALANCE)
        source = ('--source', 'fashion-mnist', '--data', SOURCE)
        data_prep.run('make_images', '--out', root, *source, *options, *imbalances)
    made = json.loads(manifest.read_text(encoding='utf-8'))
    return hashlib.sha256((made['sha256_images'] + made['sha256_lists']).encode()).hexdigest()


def training_list(root: str, variant: str) -> str:
    """The list that trains."""
    return f'{root}/lists/train_imb{MILD_IMBALANCE if variant == MILD else IMBALANCE}.txt'
