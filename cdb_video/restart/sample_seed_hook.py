"""The hook that makes what is random in training repeatable: `SampleSeedHook`."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from torch.utils.data import IterableDataset

from cdb_video.processes import from_main, get_dist_info
from cdb_video.restart.seeded_samples import NumberedBatches, SeededDataset, seed_model
from cdb_video.run.loop import Loop
from cdb_video.run.parts import find_sampler


class SampleSeedHook(Hook):
    """Makes the randomness of training a function of the seed, the epoch and the position in the draw.

    mmengine restores no random state: a resumed run augments and drops out otherwise than the run would have
    without the interruption. With this hook they are the same, bit for bit on a CPU in one process:

    - a training sample is read with random numbers of (seed, epoch, position in the draw of all ranks): not of
      the clip, so that its repeats differ, and not of workers or ranks;
    - the model's random numbers, those of dropout for instance, start each epoch from (seed, epoch, rank).

    Reached are Python's `random`, numpy's global generator and torch's; a transform with a generator of its own, or
    that carries something from sample to sample, is not. It costs some 35 microseconds a sample in a worker, and
    some 130 where the training process reads the clips itself (`benchmarks.training.hook_cost`): under 1 % of
    reading a clip.

    A run that is resumed goes on with the seed that its checkpoint holds, the sampler too; by mmengine alone the
    sampler would get the seed of the new command, or a random one. `seed` in the sampler's own config is kept.

    For epoch-based loops::

        default_hooks = dict(sample_seed=dict(type='SampleSeedHook'))

    Raises:
        ValueError: If the loop is by iteration, or the training data cannot be numbered.
    """

    # The last of all: what others do to the generators before an epoch does not count.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._built_with: int | None = None
        self._is_given = False
        self._has_optimizer = True
        self._seed = 0
        self._batches: NumberedBatches | None = None

    def before_run(self, runner: Any) -> None:
        """Note the seed that the sampler was built with, before a checkpoint brings another."""
        self._built_with = runner.seed
        self._is_given = Loop(runner).has_given_seed

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Note whether the run can be continued at all."""
        self._has_optimizer = 'optimizer' in checkpoint

    def before_train(self, runner: Any) -> None:
        """Settle the seed, and wrap dataset and batch sampler of the training loader.

        Raises:
            ValueError: If the loop is by iteration, or the training data cannot be numbered.
        """
        if not Loop(runner).by_epoch:
            raise ValueError(
                'SampleSeedHook needs an epoch-based loop: an iteration-based one reads its first batches before any '
                'hook is asked, and has no epochs to start from. Set train_cfg.by_epoch=True, or remove the hook'
            )
        self._seed = from_main(lambda: runner.seed)  # with diff_rank_seed they differ
        self._settle_seed(runner)
        if Loop(runner).is_resumed and not self._has_optimizer:
            runner.logger.warning(
                'the checkpoint that is resumed holds no state of the optimizer, as those of the best do: the run will '
                'not follow the course of the one before. Resume from epoch_*.pth'
            )
        self._batches = number_and_seed(runner.train_dataloader, self._seed)

    def before_train_epoch(self, runner: Any) -> None:
        """Tell the epoch to the draw."""
        assert self._batches is not None
        self._batches.epoch = runner.epoch

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the model before the first step of an epoch.

        Not before the epoch: starting workers takes from torch's generator, and an uninterrupted run with
        persistent workers starts them once.
        """
        if batch_idx == 0:
            seed_model(self._seed, runner.epoch, get_dist_info()[0])

    def _settle_seed(self, runner: Any) -> None:
        """Let the sampler of a resumed run go on with the run's seed; say it where there is none to rely on."""
        sampler = find_sampler(runner.train_dataloader)
        if runner.seed != self._built_with and getattr(sampler, 'seed', None) == self._built_with:
            sampler.seed = runner.seed
            runner.logger.info(f'the sampler goes on with seed {runner.seed} of the checkpoint')
        elif not self._is_given and not Loop(runner).is_resumed:
            runner.logger.warning(
                f'this run has the random seed {runner.seed}: a restart before the first checkpoint will draw another, '
                'and follow another course. Pass --seed (or set randomness.seed)'
            )


def number_and_seed(loader: Any, seed: int) -> NumberedBatches:
    """Wrap dataset and batch sampler of a loader of torch, in place; its iterators take both from it.

    In place, since a second DataLoader would have to repeat all arguments, of a subclass too, and whoever has
    the first would keep the wrong one. torch refuses to set these two attributes after construction, to keep
    loader.sampler and loader.batch_sampler in step; here both stay what they are.

    Args:
        loader: `torch.utils.data.DataLoader`. One that is wrapped already is left as it is.
        seed: Whole number >= 0.

    Returns:
        The batch sampler, to be told the epoch.

    Raises:
        ValueError: If the loader makes no batches, or its dataset has no indices.
    """
    if isinstance(loader.batch_sampler, NumberedBatches):
        return loader.batch_sampler
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        raise ValueError(
            f'SampleSeedHook cannot number the samples of {type(loader.dataset).__name__}: it needs a dataset with '
            'indices (not an IterableDataset) and a train_dataloader with batch_size or batch_sampler'
        )
    numbered = NumberedBatches(loader.batch_sampler, *get_dist_info())
    vars(loader).update(dataset=SeededDataset(loader.dataset, seed), batch_sampler=numbered)
    # Workers that are kept from an earlier pass have the dataset of then.
    loader._iterator = None
    return numbered
