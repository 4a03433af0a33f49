"""What mmdet's commands do with their words in their own `main`, and what they lack: a seed, a dump of objects."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cdb_video.launch.scope import add_dump, metrics_in, set_seed

_OF_ANSWERS = ('by', 'iou_thr', 'score_thr', 'num_classes')
"""The settings of ObjectAccuracy by which an object is called."""


def merge_detection_words(config: Config, args: Namespace) -> Config:
    """The config with the words of mmdet's train.py or test.py in it.

    Args:
        config: Is changed.
        args: What the command made of its words.

    Raises:
        ValueError: If a word asks for what the config lacks, or for what these commands do not do.
    """
    config.launcher = args.launcher
    if args.cfg_options is not None:
        config.merge_from_dict(args.cfg_options)
    config.work_dir = args.work_dir or config.get('work_dir') or f'./work_dirs/{Path(args.config).stem}'
    if getattr(args, 'amp', False):
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.loss_scale = 'dynamic'
    if getattr(args, 'auto_scale_lr', False):
        settings = config.get('auto_scale_lr') or {}
        if 'base_batch_size' not in settings:
            raise ValueError(
                '--auto-scale-lr: the config has no auto_scale_lr.base_batch_size, the batch its learning rate is for: '
                'set auto_scale_lr=dict(base_batch_size=16)'
            )
        config.auto_scale_lr.enable = True
    if getattr(args, 'resume', None) is not None:
        config.resume, config.load_from = True, args.resume
    for word in ('tta', 'show', 'show_dir'):
        if getattr(args, word, None):
            raise ValueError(
                f'--{word.replace("_", "-")} is of mmdet alone: run `mim test mmdet` for it, on the same config and '
                'checkpoint'
            )
    return config


def finish_detection_config(config: Config, args: Namespace) -> None:
    """Set in a merged config what mmdet's commands leave out, and the metrics that dump.

    Args:
        config: Is changed.
        args: What mmdet's command made of its words, with those of `take_own_words`.

    Raises:
        ValueError: If a dump has another ending than .pkl.
    """
    set_seed(config, args)
    if getattr(args, 'dump', None) is not None:
        answering: dict[str, Any] = next((one for one in metrics_in(config) if one.get('type') == 'ObjectAccuracy'), {})
        settings = {name: answering[name] for name in _OF_ANSWERS if name in answering}
        add_dump(config, 'DumpObjects', args.dump, '--dump', **settings)
    if getattr(args, 'out', None) is not None:
        add_dump(config, 'DumpDetResults', args.out, '--out')
