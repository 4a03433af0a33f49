"""The loops of a run: epochs or iterations, how far training is, when it validates, what it was resumed from.

The only file that reads private attributes of mmengine's runner and its loops.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, find_latest_checkpoint


@dataclass(frozen=True)
class Loop:
    """The training loop of a run, and what the run was started with; every answer is of the moment of the question.

    A step is an epoch, or an iteration where training is by iteration.

    Args:
        runner: mmengine's Runner or FlexibleRunner.
    """

    runner: Any

    @property
    def kind(self) -> str:
        """The name of the loop's class."""
        return type(self.runner.train_loop).__name__

    @property
    def by_epoch(self) -> bool:
        """Whether training is counted in epochs, not in iterations."""
        return not isinstance(self.runner.train_loop, IterBasedTrainLoop)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return int(self.runner.epoch)

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return int(self.runner.iter)

    @property
    def step(self) -> int:
        """Steps done: what the visualizer counts in."""
        return self.epoch if self.by_epoch else self.iteration

    @property
    def max_epochs(self) -> int:
        """Epochs of the run, 1 where training is by iteration."""
        return int(self.runner.train_loop.max_epochs)

    @property
    def max_iterations(self) -> int:
        """Iterations of the run."""
        return int(self.runner.train_loop.max_iters)

    @property
    def last_step(self) -> int:
        """Steps of the run."""
        return self.max_epochs if self.by_epoch else self.max_iterations

    @property
    def val_begin(self) -> int:
        """The step before which there is no validation."""
        return int(self.runner.train_loop.val_begin)

    @property
    def val_interval(self) -> int:
        """Steps from one validation to the next, as of now."""
        return int(self.runner.train_loop.val_interval)

    @property
    def stated_val_interval(self) -> Any:
        """`val_interval` as it was given, which need not be a number of steps."""
        return self.runner.train_loop.val_interval

    @property
    def is_over(self) -> bool:
        """Whether the last step is done."""
        return self.step >= self.last_step

    @property
    def is_built(self) -> bool:
        """Whether the run trains, and the loop is built."""
        return isinstance(self.runner._train_loop, BaseLoop)

    # What the run was started with

    @property
    def asked_to_resume(self) -> bool:
        """Whether the run is to go on with a checkpoint, be there one or not."""
        return bool(self.runner._resume)

    @property
    def has_strategy(self) -> bool:
        """Whether the runner is mmengine's FlexibleRunner, which loads before it asks any hook."""
        return hasattr(self.runner, 'strategy')

    @property
    def has_loaded(self) -> bool:
        """Whether a checkpoint was loaded."""
        return bool(self.runner._has_loaded)

    @property
    def is_resumed(self) -> bool:
        """Whether the run goes on with a checkpoint."""
        return self.asked_to_resume and self.has_loaded

    @property
    def load_from(self) -> str | Path | None:
        """The checkpoint that the run was told to load, as it was told."""
        path: str | Path | None = self.runner._load_from
        return path

    @property
    def resumed_from(self) -> str | None:
        """The checkpoint that the run goes on with; None = with none."""
        if not self.is_resumed:
            return None
        if self.load_from is not None:
            return str(self.load_from)
        found: str | None = find_latest_checkpoint(str(self.runner.work_dir))
        return found

    @property
    def has_given_seed(self) -> bool:
        """Whether the run was given a seed."""
        return self.runner._randomness_cfg.get('seed') is not None

    # Validations

    @property
    def validates(self) -> bool:
        """Whether the run has a validation loop."""
        return self.runner._val_loop is not None

    @property
    def first_validation(self) -> int | None:
        """The step after which the first validation comes; None if there is none, or the run ends before it."""
        return next(self._validated_steps(), None)

    @property
    def planned_validations(self) -> int:
        """How many validations the whole run makes, those before a resume included."""
        return sum(1 for _ in self._validated_steps())

    def _validated_steps(self) -> Iterator[int]:
        """The steps after which the run validates, as the loops of mmengine decide it."""
        if not self.validates:
            return
        loop = self.runner.train_loop
        for step in range(max(1, loop.val_begin), self.last_step + 1):
            interval = loop.dynamic_intervals[bisect.bisect(loop.dynamic_milestones, step + 1) - 1]
            if step % interval == 0 or step == self.last_step:
                yield step

    @property
    def validation_is_due(self) -> bool:
        """Whether the run validates at the point where it stands now, as the loops of mmengine decide it."""
        if not self.validates:
            return False
        loop, step = self.runner.train_loop, self.step
        loop._decide_current_val_interval()
        return bool(step > 0 and step >= loop.val_begin and (step % loop.val_interval == 0 or step == self.last_step))

    def validate_on(self, dataset: Any) -> None:
        """Validate on another dataset, with a new loader that is otherwise as the config says.

        Raises:
            ValueError: If the run was not given that, but a loader.
        """
        config = self.runner._val_dataloader
        if not isinstance(config, Mapping):
            raise ValueError(
                f'the run was given its val_dataloader as a {type(config).__name__}, which has its dataset for good: '
                'give it as a dict, as configs have it, or leave val_subset out'
            )
        diff_rank_seed = self.runner._randomness_cfg.get('diff_rank_seed', False)
        self.runner.val_loop.dataloader = self.runner.build_dataloader(
            {**config, 'dataset': dataset}, seed=self.runner.seed, diff_rank_seed=diff_rank_seed
        )

    def make_up_for_validation(self) -> None:
        """Validate where the run was resumed, as it would have done after the checkpoint."""
        self._remember_checkpoint()
        self.runner.val_loop.run()

    def _remember_checkpoint(self) -> None:
        """Let CheckpointHook take the checkpoint that the run was resumed from for one that it wrote itself.

        After a new best one it saves the newest checkpoint again, so that this knows of the validation; but not in a
        resumed run that has saved none yet.
        """
        for hook in self.runner.hooks:
            if not isinstance(hook, CheckpointHook) or hook.last_ckpt is not None or hook.by_epoch != self.by_epoch:
                continue
            path = hook.file_backend.join_path(hook.out_dir, hook.filename_tmpl.format(self.step))
            if self.runner.message_hub.runtime_info.get('last_ckpt') == path and hook.file_backend.exists(path):
                hook.last_ckpt = path


def vis_backends(visualizer: Any) -> Sequence[Any]:
    """The backends that a visualizer of mmengine hands everything on to."""
    return list(visualizer._vis_backends.values())
