"""The validation set of a config, run on checkpoints of its model, without the training that mmengine would build."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from cdb_video.host_words import samples

_NEEDED = ('model', 'val_dataloader', 'val_evaluator')


def missing_parts(config: Config) -> list[str]:
    """What a config lacks for a validation."""
    return [name for name in _NEEDED if not config.get(name)]


def validation_runner(config: Config) -> Runner:
    """A runner whose test is the validation of a config.

    Args:
        config: With model, val_dataloader and val_evaluator, and a work_dir for the log. It is changed.
    """
    # By the test loop, on the validation set: mmengine's validation by itself builds the whole training, and fails
    # with save_best. What the config would load is not what is validated, and its hooks would report.
    config.update(
        test_dataloader=config.val_dataloader, test_evaluator=config.val_evaluator, test_cfg=dict(type='TestLoop')
    )
    config.update(load_from=None, resume=False, custom_hooks=[])
    # mmengine names runs by the second, and takes two of one second for one.
    config.experiment_name = uuid.uuid4().hex
    return Runner.from_cfg(config)


def load_weights(runner: Runner, checkpoint: Mapping[str, Any]) -> None:
    """Give the model the weights of a checkpoint, all of them.

    Raises:
        ValueError: If they are of another model.
    """
    try:
        runner.model.load_state_dict(checkpoint['state_dict'])
    except RuntimeError as error:
        raise ValueError(
            f'the checkpoint does not fit the model of the config ({" ".join(str(error).split())[:300]}): give the '
            'config of its run'
        ) from error


class ValidationDump:
    """Dumps of the validation set, as `cdb-video test --dump` writes them, for checkpoints of one model.

    Args:
        config: With model and val_dataloader, and a work_dir, where the dump goes. It is changed.
        layer: Name of the classifier in the model. A ValueError ends the run at the first batch in which the module
            that has it gives several rows of scores a clip: there are several views, and their average is no softmax.
    """

    def __init__(self, config: Config, layer: str) -> None:
        self._path = Path(config.work_dir) / 'validation.pkl'
        config.val_evaluator = dict(type='DumpResults', out_file_path=str(self._path))
        self._runner = validation_runner(config)
        self._runner.register_hook(_OneView(self._runner.model, layer), priority='LOWEST')

    @property
    def dataset(self) -> Any:
        """The validation set."""
        return self._runner.test_loop.dataloader.dataset

    def of(self, checkpoint: Mapping[str, Any]) -> Path:
        """Run the set on a checkpoint: the file with what it answers, which the next call writes anew.

        Raises:
            ValueError: If the checkpoint is of another model, or clips have several views.
        """
        load_weights(self._runner, checkpoint)
        self._runner.test()
        return self._path


class _OneView(Hook):
    """Ends a test in which the head gives several rows of scores a clip; heads that are not called say nothing."""

    def __init__(self, model: nn.Module, layer: str) -> None:
        self._rows = 0
        head, _, _ = layer.rpartition('.')
        named = dict(model.named_modules())
        if head in named:
            named[head].register_forward_hook(self._count)

    def _count(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 2:
            self._rows += len(output)

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Compare the rows of the batch with its clips."""
        rows, self._rows = self._rows, 0
        if rows > len(outputs):
            raise ValueError(
                f'the validation gives {rows} rows of scores for {len(outputs)} {samples()}: each has several views, '
                'whose probabilities are averaged, and no bias of the classifier does to an average what it does to '
                'one view; set one view in the pipeline of val_dataloader (num_clips=1, CenterCrop)'
            )
