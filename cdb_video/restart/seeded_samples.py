"""Random numbers of a training sample from (seed, epoch, position in the draw), those of the model from (seed, epoch).

Neither the clip, the worker that reads it, nor the number of workers or ranks has a say: a clip that is drawn
twice in an epoch looks different each time, and a run that is resumed, or has other workers, reads the same.
Needs torch and numpy only; `cdb_video.restart.sample_seed_hook` puts it into a run.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import get_worker_info

from cdb_video.run.generators import kept_generators

_SAMPLE, _MODEL = 0, 1  # so that no sample has the stream of the model


class Draw(NamedTuple):
    """One entry of an epoch's draw, on its way from the batch sampler to the dataset.

    Attributes:
        index: What the sampler drew.
        epoch: Epoch, from 0.
        position: Place in the draw of all ranks together, from 0.
    """

    index: Any
    epoch: int
    position: int


class NumberedBatches:
    """A batch sampler that tells which draw each index is; for the rest it is the one that it wraps.

    Args:
        batches: The batch sampler, of any kind. Its sampler must give rank r of R ranks the entries r, r + R,
            r + 2R, ... of one draw, as all samplers of mmengine and of this package do.
        rank: Of this process.
        world_size: Number of ranks.

    Attributes:
        epoch: To be set before each pass.
    """

    def __init__(self, batches: Any, rank: int = 0, world_size: int = 1) -> None:
        self._batches = batches
        self._rank, self._world_size = rank, world_size
        self.epoch = 0

    def __iter__(self) -> Iterator[list[Draw]]:
        """One pass, of the epoch that is set now."""
        return self._number(iter(self._batches), self.epoch)

    def __len__(self) -> int:
        """Number of batches."""
        return len(self._batches)

    def __getattr__(self, name: str) -> Any:
        """What the wrapped one has, such as `sampler` and `batch_size`."""
        return _forwarded(self, '_batches', name)

    def _number(self, batches: Iterable[Iterable[Any]], epoch: int) -> Iterator[list[Draw]]:
        position = self._rank
        for batch in batches:
            numbered = []
            for index in batch:
                numbered.append(Draw(index, epoch, position))
                position += self._world_size
            yield numbered


class SeededDataset:
    """A dataset that reads a `Draw` with random numbers of its own; for the rest it is the one that it wraps.

    Python's `random`, numpy's global generator and torch's on the CPU are seeded for each sample; in a process
    that also trains they are put back afterwards. Attributes are read from and set on the wrapped dataset.

    Args:
        dataset: A map-style dataset. Transforms with generators of their own are not reached.
        seed: Whole number >= 0, the same on all ranks.
    """

    # torch would ask for whole batches here, of the wrapped dataset.
    __getitems__ = None

    def __init__(self, dataset: Any, seed: int) -> None:
        vars(self).update(_dataset=dataset, _seed=seed)

    def __getitem__(self, index: Any) -> Any:
        """The sample of a `Draw`, seeded; of any other index, as the wrapped dataset gives it."""
        if not isinstance(index, Draw):
            return self._dataset[index]
        with contextlib.nullcontext() if get_worker_info() else kept_generators():
            _seed_generators(self._seed, _SAMPLE, index.epoch, index.position)
            return self._dataset[index.index]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._dataset)

    def __getattr__(self, name: str) -> Any:
        """What the wrapped dataset has, such as `metainfo` and `get_data_info`."""
        return _forwarded(self, '_dataset', name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Change the wrapped dataset, as hooks that exchange a pipeline do."""
        setattr(self._dataset, name, value)

    def __reduce__(self) -> tuple[type[SeededDataset], tuple[Any, int]]:
        """For workers that are spawned."""
        return SeededDataset, (self._dataset, self._seed)


def seed_model(seed: int, epoch: int, rank: int) -> None:
    """Seed Python, numpy and torch, with its GPUs, for the training steps of an epoch.

    Args:
        seed: Whole number >= 0.
        epoch: Epoch, from 0.
        rank: Of this process: ranks drop out different units.
    """
    torch.manual_seed(_seed_generators(seed, _MODEL, epoch, rank))


def _seed_generators(seed: int, *key: int) -> int:
    """Seed the three generators of this process; the seed for torch, whose GPUs are left alone."""
    words = np.random.SeedSequence(seed, spawn_key=key).generate_state(8)
    random.seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(words[2:6])
    for_torch = int(words[6]) << 32 | int(words[7])
    torch.default_generator.manual_seed(for_torch)
    return for_torch


def _forwarded(wrapper: Any, inner: str, name: str) -> Any:
    """An attribute of what is wrapped; special methods are not, and nothing is before there is an inner one."""
    if name.startswith('__') or inner not in vars(wrapper):
        raise AttributeError(f'{type(wrapper).__name__!r} object has no attribute {name!r}')
    return getattr(vars(wrapper)[inner], name)
