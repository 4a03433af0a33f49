"""Whose commands a command line is for, and what those of mmpretrain and mmdet lack: a seed, a dump by its name.

Their train.py has no --seed, and mmpretrain's test.py calls --out what MMAction2's calls --dump. A command serves all
hosts with the same words, so they are taken out here before the host reads its own. What mmdet's commands do with their
words is in :mod:`cdb_video.launch.detection`.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.configs.shipped import SCOPE, find_config

VIDEO_SCOPE, IMAGES_SCOPE, DETECTION_SCOPE = 'mmaction', 'mmpretrain', 'mmdet'
"""The scopes of the hosts in mmengine's registries, which are their packages."""
UNKNOWN = '?'
CONFIG_ENDINGS = ('.py', '.yml', '.yaml', '.json')
_DUMPS = ('.pkl', '.pickle')
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def named_scope() -> str:
    """The host of the config among the words in `sys.argv`, by its `default_scope`; MMAction2 where it has none.

    Of a config that cannot be read this says no more than which host is installed: reading it to run it says why.
    """
    words = [word for word in sys.argv[1:] if word.endswith(CONFIG_ENDINGS) and '=' not in word]
    scope = scope_in(words[0]) if words else UNKNOWN
    if scope == UNKNOWN:
        scopes = (VIDEO_SCOPE, IMAGES_SCOPE, DETECTION_SCOPE)
        return next((one for one in scopes if find_spec(one) is not None), VIDEO_SCOPE)
    return scope if scope in (IMAGES_SCOPE, DETECTION_SCOPE) else VIDEO_SCOPE


def scope_in(name: str) -> str | None:
    """The `default_scope` of a config; None = it has none, `UNKNOWN` = it cannot be read.

    Args:
        name: A file, or the name of a shipped config.
    """
    try:
        path = find_config(name) if name.startswith(SCOPE) else Path(name)
        scope: str | None = Config.fromfile(path, import_custom_modules=False).get('default_scope')
    except Exception:  # whatever it is: reading the config to run it says so
        return UNKNOWN
    return scope


def take_own_words(command: str) -> Namespace:
    """Take out of `sys.argv` what the command of mmpretrain or mmdet does not know.

    Args:
        command: 'train' or 'test'.

    Returns:
        `seed`, `diff_rank_seed` and `deterministic` of 'train', `dump` of 'test'.

    Raises:
        ValueError: If --seed is no whole number.
    """
    parser = CommandParser(add_help=False, allow_abbrev=False)
    if command == 'train':
        parser.add_argument('--seed')
        parser.add_argument('--diff-rank-seed', action='store_true')
        parser.add_argument('--deterministic', action='store_true')
    else:
        parser.add_argument('--dump')
    found, rest = parser.parse_known_args(sys.argv[1:])
    sys.argv[1:] = rest
    if getattr(found, 'seed', None) is not None:
        if not found.seed.isdecimal():
            raise ValueError(f'--seed {found.seed}: must be a whole number >= 0')
        found.seed = int(found.seed)
    return found


def finish_image_config(config: Config, args: Namespace) -> None:
    """Set in a config, merged as mmpretrain does it, what its commands leave out.

    Args:
        config: Is changed: the seed, the workers of loaders, the metric that dumps.
        args: What mmpretrain's command made of its words, with those of `take_own_words`.

    Raises:
        ValueError: If the words for a dump contradict each other, or it has another ending than .pkl.
    """
    set_seed(config, args)
    for name in _LOADERS:
        loader = config.get(name)
        # mmpretrain lets workers last unless told otherwise, which torch refuses where there are none.
        if loader is not None and not loader.get('num_workers', 0):
            loader['persistent_workers'] = False
    if hasattr(args, 'out'):
        _set_dump(config, args)


def set_seed(config: Config, args: Namespace) -> None:
    """Set in a config what the words of a training say of chance; without them it keeps its own."""
    given = {
        name: value for name in ('seed', 'diff_rank_seed', 'deterministic') if (value := getattr(args, name, None))
    }
    if getattr(args, 'seed', None) is not None:
        given['seed'] = args.seed
    if given:
        config.randomness = {**(config.get('randomness') or {}), **given}


def _set_dump(config: Config, args: Namespace) -> None:
    """Let a test dump its predictions, for --dump FILE and for --out FILE [--out-item pred]."""
    if args.out is None and args.out_item is not None:
        raise ValueError(f'--out-item {args.out_item} needs --out FILE, the file that it is of')
    if args.dump is not None and args.out is not None and args.out_item != 'metrics':
        raise ValueError(f'--dump {args.dump} and --out {args.out} both dump the predictions: give one of them')
    file = args.dump or (None if args.out_item == 'metrics' else args.out)
    if file is None:
        return
    add_dump(config, 'DumpResults', file, '--out' if args.dump is None else '--dump')


def add_dump(config: Config, kind: str, file: str, option: str, **settings: Any) -> None:
    """Let a test dump its predictions by one metric more.

    Args:
        config: Is changed.
        kind: The metric.
        file: Where to.
        option: That names the file, for messages.
        settings: Of the metric.

    Raises:
        ValueError: If the file has another ending than .pkl.
    """
    if not file.endswith(_DUMPS):
        raise ValueError(f'{option} {file}: a dump of predictions must end in {" or ".join(_DUMPS)}')
    config.test_evaluator = [*metrics_in(config), {'type': kind, 'out_file_path': file, **settings}]


def metrics_in(config: Config) -> list[Any]:
    """The metrics of the test of a config."""
    metrics: Any = config.get('test_evaluator')
    return list(metrics) if isinstance(metrics, list | tuple) else [] if metrics is None else [metrics]
