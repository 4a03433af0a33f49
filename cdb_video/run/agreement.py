"""What the processes of a run must have alike, and the check that they do."""

from __future__ import annotations

import hashlib
import platform
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from cdb_video.data.labels import dataset_class_names
from cdb_video.data.units import dataset_units
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking.consumers import class_prior, consumer_array, consumer_tau, prior_array
from cdb_video.host_words import units, worded
from cdb_video.processes import from_all
from cdb_video.run.fingerprints import DIGEST_BYTES, Print, digest_of, disagreement, overall
from cdb_video.run.parts import RunParts
from cdb_video.samplers.class_sampler import ClassSampler
from cdb_video.version import __version__

_ROLES = {'train': 'training', 'val': 'validation'}
_SAME_FILE = (
    'The processes have loaded different files, or not all of them one: let the work directory and load_from lie in a '
    'folder that all machines share, or copy the file from the machine of process 0'
)
_SAME_LIST = 'Give every machine the same list of {samples}: compare ann_file of the datasets on them'
_SAME_SEED = (
    'Give every process the same seed: leave seed out of the sampler, and set --seed or randomness alike everywhere'
)
_SAME_LENGTH = (
    'Processes with more steps would wait for ever for those with fewer: set round_up=True in the sampler, the same '
    'batch_size everywhere, or another num_samples'
)
_SAME_MACHINE = (
    'Start every process with the same config and the same versions of cdb_video and numpy, on processors of one '
    'kind; if they are, please report this'
)


def check_agreement(prints: Callable[[], list[Print]], moment: str) -> str:
    """Make the hashes in every process, and check that all have the same.

    Some hundred bytes a process are exchanged, in about a millisecond.

    Args:
        prints: Makes those of this process.
        moment: When this is, for the message: 'before training'.

    Returns:
        The hash of all of them, 16 hexadecimal digits, the same in every process.

    Raises:
        RuntimeError: In every process, if two differ; the message names what differs, where, and the remedy.
        Exception: In every process, what `prints` raised in one of them.
    """
    by_process = from_all(prints)
    found = disagreement(by_process)
    if found is None:
        return overall(by_process[0])
    # All processes have come to the same conclusion, so all of them ask this too.
    machines = from_all(_this_machine)
    kinds = '; '.join(f'process {rank}: {machine}' for rank, machine in enumerate(machines[:8]))
    raise RuntimeError(f'the processes of this run disagree {moment} on {found}. ({kinds})')


def state_prints(parts: RunParts, state: DifficultyState) -> Iterator[Print]:
    """Hashes of what difficulty, loss and sampler act on; those of the cause come before those of the effect.

    All parts that derive something are among them, handed difficulty or not. The order of an epoch is drawn from the
    sampler's seed, epoch, labels and probabilities, so it needs no hash.
    """
    sampler = parts.sampler
    prior = class_prior(sampler, state.train_counts)
    yield Print('the position in training', digest_of(parts.loop.epoch, parts.loop.iteration), _SAME_FILE)
    yield Print('the class names', digest_of(state.class_names), worded(_SAME_LIST))
    yield Print(f'the training {units()} per class', digest_of(state.train_counts), worded(_SAME_LIST))
    yield Print(
        'the counts of the validation', digest_of(state.num_clips, state.num_correct, state.iteration), _SAME_FILE
    )
    yield Print('the class difficulty', digest_of(state.difficulty, state.measured), _SAME_MACHINE)
    for name, consumer in parts.class_parts.items():
        kind, vector = consumer_array(consumer) or ('vector', None)
        value = digest_of(consumer_tau(consumer), vector, prior_array(consumer))
        yield Print(f'the {kind} of {name}', value, _SAME_MACHINE)
    yield Print('the class prior', digest_of(np.asarray(prior)), _SAME_MACHINE)
    drawn = digest_of(getattr(sampler, 'seed', None), getattr(sampler, 'epoch', None))
    yield Print(f'seed and epoch of {type(sampler).__name__}', drawn, _SAME_SEED)


def start_prints(parts: RunParts, loaded: Any) -> Iterator[Print]:
    """Hashes of what can differ from the start on: files that were loaded, lists of clips, lengths of an epoch.

    DistributedDataParallel gives all processes the weights of the first when it is made, but a checkpoint is
    loaded later, by each process for itself.

    Args:
        parts: Of a run with everything built and loaded.
        loaded: This process's own entry of the checkpoint, None if it has none.
    """
    yield Print('the class difficulty in the checkpoint', digest_of(*_flat(loaded)), _SAME_FILE)
    yield Print('the parameters and buffers of the model', model_digest(parts.model), _SAME_FILE)
    for role, dataset in parts.counted_sets.items():
        labels = digest_of(*dataset_units(dataset).content, dataset_class_names(dataset))
        yield Print(f'the labels of the {_ROLES[role]} {units()}', labels, worded(_SAME_LIST))
    # Slicing samplers of mmengine have one rank's draws in num_samples, ours those of all.
    draws = getattr(parts.sampler, 'num_samples', None) if isinstance(parts.sampler, ClassSampler) else None
    yield Print('the steps in an epoch', digest_of(len(parts.train_loader), draws), _SAME_LENGTH)


def model_digest(model: nn.Module) -> str:
    """The hash of all parameters and buffers in the state dict of a model, 16 hexadecimal digits.

    It takes about a second for 1 GB.
    """
    made = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, value in model.state_dict().items():
        if isinstance(value, torch.Tensor):
            made.update(f'{name}{value.dtype}{tuple(value.shape)}'.encode())
            made.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return made.hexdigest()


def _flat(entry: Any) -> Iterator[Any]:
    """What an entry of a checkpoint holds, or whatever it is if it is none."""
    for key, value in entry.items() if isinstance(entry, Mapping) else [('', entry)]:
        yield key
        yield value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def _this_machine() -> str:
    versions = f'cdb_video {__version__}, numpy {np.__version__}, torch {torch.__version__}'
    return f'{socket.gethostname()}, {platform.machine()}, {versions}'
