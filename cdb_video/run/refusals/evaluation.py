"""What would end an evaluation at its first batch, or when its results are at hand; found before, also in a test."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

from mmengine.evaluator import DumpResults
from torch.utils.data import DataLoader, Dataset, IterableDataset

from cdb_video.data.labels import describe, name_sample
from cdb_video.difficulty.formulas import IntVector
from cdb_video.processes import get_world_size, portable
from cdb_video.run.generators import kept_generators
from cdb_video.run.parts import find_sampler
from cdb_video.run.refusals.expected_results import ExpectedResults, expected_results, joins_results
from cdb_video_files.video.errors import ClipError


def check_evaluation(role: str, evaluator: Any, num_clips: IntVector | None) -> ExpectedResults:
    """Check the metrics of an evaluation against each other and against the disk.

    Args:
        role: 'val_evaluator' or 'test_evaluator', for messages.
        evaluator: The one of mmengine, or one derived from it.
        num_clips: (C,) int >= 0, clips of each class in the evaluated set; None = not known.

    Returns:
        What the evaluation will return, as far as it is known.

    Raises:
        ValueError: If two results have one key, or what a metric writes cannot be written, or would delete files.
    """
    for metric in evaluator.metrics:
        name = f'{role}: {type(metric).__name__}'
        if isinstance(metric, DumpResults):
            check_writable(metric.out_file_path, f'{name}(out_file_path={metric.out_file_path!r})')
        _check_collect_dir(getattr(metric, 'collect_dir', None), name)
    return expected_results(role, evaluator.metrics, num_clips, is_joined=joins_results(evaluator))


def check_loader(loader: Any, name: str) -> None:
    """Check that a dataloader has a batch.

    Args:
        loader: `torch.utils.data.DataLoader`.
        name: As the config calls it.

    Raises:
        ValueError: If a pass over it has none.
    """
    dataset: Any = getattr(loader, 'dataset', None)
    sampler = find_sampler(loader)
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, '__len__'):
        return
    if sampler is not None and not hasattr(sampler, '__len__'):  # one of a user's own, without an end
        return
    if len(loader) or not len(dataset):  # of an empty list others have more to say
        return
    size, number = getattr(loader, 'batch_size', None), len(dataset if sampler is None else sampler)
    raise ValueError(
        f'{name} has no batch: drop_last=True leaves out the last one, and '
        f'the {number} samples of a pass do not fill one of '
        f'batch_size={size}. Lower batch_size, or leave drop_last out'
    )


def check_first_sample(loader: Any) -> None:
    """Read the first sample of the validation set: a step of its pipeline that fails would end the first epoch.

    The random numbers of the training stay what they are. Where the loader has workers, one reads it: what a dataset
    opens with its first sample, forked workers of later would share. Loaders that are not of torch are left alone.

    Args:
        loader: `torch.utils.data.DataLoader` of the validation.

    Raises:
        ValueError: If it cannot be read.
    """
    dataset = getattr(loader, 'dataset', None)
    is_iterated = isinstance(dataset, IterableDataset) or not hasattr(dataset, '__getitem__')
    if is_iterated or not isinstance(loader, DataLoader):
        return
    try:
        with kept_generators():
            error = _read_in_worker(loader) if loader.num_workers else _FirstSample(dataset)[0]
    except Exception as of_worker:  # it died, or could not be started
        error = of_worker
    if error is None:
        return
    if isinstance(error, ClipError):  # it says which file, and what to do
        raise error
    raise ValueError(
        f'the first validation would fail, after the first epoch: {name_sample(dataset, 0)} of {describe(dataset)} '
        f'cannot be read ({type(error).__name__}: {error}). Mend the pipeline of val_dataloader.dataset'
        f'{_hint_at(error)}'
    ) from error


def _hint_at(error: Exception) -> str:
    """What a step lacks that looks for the length of a clip, of which nobody has told it."""
    if not isinstance(error, KeyError) or error.args != ('total_frames',):
        return ''
    return (
        ': its list names videos, and no step opens them, as VideoInit, DecordInit and PyAVInit do. The configs of '
        'EGTEA that came with the package read videos where the environment variable EGTEA_READER=video is set'
    )


class _FirstSample(Dataset[Exception | None]):
    """What reading the first sample of a dataset raises, as the only sample; None = nothing."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Exception | None:
        try:
            self.dataset[index]
        except Exception as error:  # whatever it is, the validation would end with it
            return error
        return None


def _read_in_worker(loader: DataLoader[Any]) -> Exception | None:
    """The same from a worker that is like those of the loader."""
    options = {'worker_init_fn': loader.worker_init_fn, 'multiprocessing_context': loader.multiprocessing_context}
    errors: list[Exception | None] = list(
        DataLoader(_FirstSample(loader.dataset), None, num_workers=1, collate_fn=_carried, **options)
    )
    return errors[0]


def _carried(error: Any) -> Exception | None:
    """What a worker sends: the error, with where it was raised as a note."""
    if error is not None:
        error.add_note(''.join(traceback.format_exception(error)))
    return None if error is None else portable(error)


def check_writable(path: str | os.PathLike[str], what: str) -> None:
    """Check that a file can be written, as far as its folder tells; addresses with '://' are not looked at.

    Args:
        path: Of the file; folders above it need not be there yet.
        what: The option that names it, for the message.

    Raises:
        ValueError: If it cannot.
    """
    written = os.fspath(path)
    if '://' in written:
        return
    file = Path(written).absolute()
    if file.is_dir():
        raise ValueError(f'{what}: that is a folder. Name a file in it')
    folder = next(one for one in file.parents if one.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        why = 'may not be written to' if folder.is_dir() else 'is no folder'
        raise ValueError(f'{what}: {folder} {why}, so the file could not be written. Name a place that can be')


def _check_collect_dir(folder: str | None, name: str) -> None:
    """Mmengine deletes the folder by which processes exchange their results, with all that is in it."""
    if folder is not None and get_world_size() > 1 and os.path.isdir(folder) and os.listdir(folder):
        raise ValueError(
            f'{name}(collect_dir={folder!r}): that folder is not empty, and mmengine deletes it after each evaluation. '
            'Name one that is not there yet, on a disk that all processes share'
        )
