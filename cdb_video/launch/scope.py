"""Whose commands a command line is for, and what those of mmpretrain lack: the seed of a training, a dump by its name.

mmpretrain's train.py has no --seed, and its test.py calls --out what MMAction2's calls --dump. A command serves both
hosts with the same words, so they are taken out here before the host reads its own.
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

VIDEO_SCOPE, IMAGES_SCOPE = 'mmaction', 'mmpretrain'
"""The scopes of the hosts in mmengine's registries, which are their packages."""
CONFIG_ENDINGS = ('.py', '.yml', '.yaml', '.json')
_DUMPS = ('.pkl', '.pickle')
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def named_scope() -> str:
    """The host of the config among the words in `sys.argv`, by its `default_scope`; MMAction2 where it has none.

    Of a config that cannot be read this says no more than which host is installed: reading it to run it says why.
    """
    words = [word for word in sys.argv[1:] if word.endswith(CONFIG_ENDINGS) and '=' not in word]
    try:
        path = find_config(words[0]) if words[0].startswith(SCOPE) else Path(words[0])
        scope = Config.fromfile(path, import_custom_modules=False).get('default_scope')
    except Exception:
        has_video = find_spec(VIDEO_SCOPE) is not None or find_spec(IMAGES_SCOPE) is None
        return VIDEO_SCOPE if has_video else IMAGES_SCOPE
    return IMAGES_SCOPE if scope == IMAGES_SCOPE else VIDEO_SCOPE


def take_image_words(command: str) -> Namespace:
    """Take out of `sys.argv` what mmpretrain's command does not know.

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
        args: What mmpretrain's command made of its words, with those of `take_image_words`.

    Raises:
        ValueError: If the words for a dump contradict each other, or it has another ending than .pkl.
    """
    given = {
        name: value for name in ('seed', 'diff_rank_seed', 'deterministic') if (value := getattr(args, name, None))
    }
    if getattr(args, 'seed', None) is not None:
        given['seed'] = args.seed
    if given:
        config.randomness = {**(config.get('randomness') or {}), **given}
    for name in _LOADERS:
        loader = config.get(name)
        # mmpretrain lets workers last unless told otherwise, which torch refuses where there are none.
        if loader is not None and not loader.get('num_workers', 0):
            loader['persistent_workers'] = False
    if hasattr(args, 'out'):
        _set_dump(config, args)


def _set_dump(config: Config, args: Namespace) -> None:
    """Let a test dump its predictions, for --dump FILE and for --out FILE [--out-item pred]."""
    if args.out is None and args.out_item is not None:
        raise ValueError(f'--out-item {args.out_item} needs --out FILE, the file that it is of')
    if args.dump is not None and args.out is not None and args.out_item != 'metrics':
        raise ValueError(f'--dump {args.dump} and --out {args.out} both dump the predictions: give one of them')
    file = args.dump or (None if args.out_item == 'metrics' else args.out)
    if file is None:
        return
    option = '--out' if args.dump is None else '--dump'
    if not file.endswith(_DUMPS):
        raise ValueError(f'{option} {file}: a dump of predictions must end in {" or ".join(_DUMPS)}')
    metrics: Any = config.test_evaluator
    listed = list(metrics) if isinstance(metrics, list | tuple) else [metrics]
    config.test_evaluator = [*listed, {'type': 'DumpResults', 'out_file_path': file}]
