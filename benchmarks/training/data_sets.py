"""What `benchmarks.training.kill` trains on: small sets, their configs, and the host that trains them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import data_prep


@dataclass(frozen=True)
class DataSet:
    """What is trained on, and with what.

    Attributes:
        folder: Of its configs.
        variable: By which they find it.
        leaf: The config that is trained unless asked otherwise: it uses difficulty in the sampler and in the loss.
        make: Makes a small one in a folder.
        host: Modules that a training imports.
        result: Name of the files of results.
    """

    folder: str
    variable: str
    leaf: str
    make: Callable[[Path], None]
    host: tuple[str, ...]
    result: str


def make_mini(root: Path) -> None:
    """A small EGTEA-mini with frames and verb lists."""
    data_prep.run('make_egtea_mini', '--out', root, '--scale', 0.001, '--workers', 1)
    data_prep.run('extract_frames', '--data-root', root, '--workers', 1, '--pack')
    data_prep.run('build_lists', '--data-root', root, *data_prep.VERB_LISTS)


def make_digits(root: Path) -> None:
    """Long-tailed digits."""
    data_prep.run('make_images', '--out', root)


DATA_SETS = {
    'egtea_mini': DataSet(
        'configs/egtea/mini',
        'EGTEA_ROOT',
        'slowfast_cdbws',
        make_mini,
        ('mmaction.engine', 'mmaction.models'),
        'kill_training',
    ),
    'digits_lt': DataSet(
        'configs/images/digits_lt',
        'DIGITS_ROOT',
        'resnet8_cdbws',
        make_digits,
        ('mmpretrain.engine', 'mmpretrain.models'),
        'kill_training_images',
    ),
}
