"""The config that a prediction follows: one that is named, else that in the checkpoint, else the work directory's."""

from __future__ import annotations

import ast
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video.hosts.host import host_named
from cdb_video.inference.checkpoint import Checkpoint
from cdb_video.inference.work_dir import configs_in, find_config
from cdb_video.report.sources.run_config import settings_in, settings_of
from cdb_video_files.configs.text import read_config_text
from cdb_video_files.video.errors import first_line

_LOG = logging.getLogger('cdb_video')

_LOADERS = ('test_dataloader', 'val_dataloader', 'train_dataloader')
_READ = ('model', *_LOADERS, 'test_pipeline', 'custom_imports', 'default_scope')
"""What a prediction reads of a config."""


@dataclass(frozen=True, eq=False)
class Settings:
    """A config, and where it comes from.

    Attributes:
        values: `mmengine.config.Config`.
        path: The file that holds it: a config, or the checkpoint.
        called: What to call it in messages.
    """

    values: Any
    path: Path
    called: str


def find_settings(work_dir: Path, named: Path | None, checkpoint: Checkpoint, *, of_objects: bool = False) -> Settings:
    """The config to predict with, and what its `custom_imports` name imported.

    The file in the work directory is that of the last training or test there, whose options may have been others; the
    checkpoint has the one that it was trained with. Where the two differ in what a prediction reads, the log says so.

    Args:
        work_dir: Of a training.
        named: A file that is to be taken; None = none is named.
        checkpoint: That is to be predicted with.
        of_objects: Whether a detector is to be made, and not what names one class of a sample.

    Raises:
        FileNotFoundError: If neither the checkpoint nor the work directory holds one.
        ImportError: If the host of the config cannot be imported.
        ValueError: If it cannot be read, or the work directory holds several and the checkpoint none.
    """
    if named is not None or checkpoint.config is None:
        return _of_file(named or find_config(work_dir), of_objects)
    try:
        values = read_config_text(checkpoint.config)
    except ValueError as error:
        path = find_config(work_dir)
        _LOG.warning(f'the config in {checkpoint.path} cannot be read ({error}): {path} is taken')
        return _of_file(path, of_objects)
    _say_what_differs(work_dir, checkpoint)
    return _of_checkpoint(values, checkpoint.path, of_objects)


def _check_host(scope: object, of_objects: bool) -> None:
    """See that the host of a config can be imported, before what the config imports fails for want of it."""
    host = host_named(scope if isinstance(scope, str) and scope != 'mmengine' else 'mmaction')
    if host is not None and host.words.has_objects and not of_objects:
        raise ValueError(
            f'the config is of {host.name}, a detector that finds many objects in an image, and a Predictor names one '
            'class of each: let cdb-video predict look at the images, for which the config must lie in the work '
            'directory, or use mmdet.apis.DetInferencer'
        )
    if host is not None and host.fault is not None:
        raise ImportError(f'prediction needs {host.name}, which cannot be imported: {host.fault}. {host.remedy}')


def _scope_in(settings: Mapping[str, ast.expr]) -> object:
    """The value of `default_scope` in the text of a config; None = it has none there, as where a base has it."""
    node = settings.get('default_scope')
    return node.value if isinstance(node, ast.Constant) else None


def _of_file(path: Path, of_objects: bool) -> Settings:
    from mmengine.config import Config

    _check_host(_scope_in(settings_of(path)), of_objects)
    try:
        return Settings(Config.fromfile(path), path, f'the config {path}')
    except Exception as error:  # a config is a program
        raise _unreadable(str(path), error) from error


def _of_checkpoint(values: dict[str, Any], path: Path, of_objects: bool) -> Settings:
    from mmengine.config import Config
    from mmengine.utils import import_modules_from_strings

    _check_host(values.get('default_scope'), of_objects)
    try:
        settings = Config(values)
        import_modules_from_strings(**(settings.get('custom_imports') or {'imports': None}))
    except Exception as error:  # so is whatever it imports
        raise _unreadable(f'the config in {path}', error) from error
    return Settings(settings, path, f'the config in {path}')


def _unreadable(called: str, error: Exception) -> ValueError:
    return ValueError(
        f'{called} cannot be read as a config ({type(error).__name__}: {first_line(error)}): name that of the '
        'training by --config, and install or put on PYTHONPATH what its custom_imports name'
    )


def _say_what_differs(work_dir: Path, checkpoint: Checkpoint) -> None:
    """Log which configs of the work directory would have a prediction read clips, or be made, in another way."""
    trained = settings_in(checkpoint.config or '')
    for path in configs_in(work_dir):
        found = settings_of(path)
        names = [name for name in _READ if _written(found.get(name)) != _written(trained.get(name))]
        if names:
            _LOG.warning(
                f'{path} differs from the config in {checkpoint.path} in {", ".join(names)}. That in the checkpoint, '
                f'which it was trained with, is taken; to take the other, name it: --config {path.name}'
            )


def _written(node: ast.expr | None) -> str | None:
    return None if node is None else ast.dump(node)
