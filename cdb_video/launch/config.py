"""The words of a command line of a host and the config that they name -> the config to run.

What the host asserts of the words, or fails at while it reads the config, is said here with the word and the remedy.
"""

from __future__ import annotations

import os
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from mmengine.config import Config

from cdb_video.launch.detection import merge_detection_words
from cdb_video.launch.scope import CONFIG_ENDINGS, take_own_words
from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.configs.shipped import PACKAGE, SCOPE, find_config

_SEEDS = 2**32


def parse_arguments(host: ModuleType, lacking: str | None = None) -> Namespace:
    """What a command of the host makes of the words in `sys.argv`; the name of a shipped config becomes its path.

    Args:
        host: Its module.
        lacking: 'train' or 'test' of mmpretrain or mmdet, which lack some words; None = of MMAction2.

    Raises:
        ValueError: If a word of --cfg-options is no KEY=VALUE, or --seed cannot be one.
        FileNotFoundError: If no config of that name was shipped.
    """
    own = Namespace() if lacking is None else take_own_words(lacking)
    try:
        with _nearest_option_said():
            args: Namespace = host.parse_args()
    except ValueError as error:  # argparse itself exits
        words = [word for word in _words_of('--cfg-options') if '=' not in word] or _words_of('--cfg-options')
        raise ValueError(
            f'--cfg-options {" ".join(words)}: each word must be KEY=VALUE, as train_cfg.max_epochs=2 ({error})'
        ) from error
    for name, value in vars(own).items():
        setattr(args, name, value)
    seed = getattr(args, 'seed', None)
    if isinstance(seed, int) and not 0 <= seed < _SEEDS:
        raise ValueError(f'--seed {seed}: must be from 0 to {_SEEDS - 1}')
    if args.config.startswith(SCOPE):
        args.config = str(find_config(args.config))
    return args


@contextmanager
def _nearest_option_said() -> Iterator[None]:
    """Let the host's parser say of an option that it does not have what those of the other commands say."""
    plain = ArgumentParser.parse_args
    ArgumentParser.parse_args = CommandParser.parse_args  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        ArgumentParser.parse_args = plain  # type: ignore[method-assign]


def read_config(name: str, *, import_modules: bool = True) -> Config:
    """Read a config file.

    Args:
        name: The file, or the name of a shipped config.
        import_modules: Whether to import what its `custom_imports` names. Not where several configs are read in one
            process: their modules may register the same names.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it cannot be read as a config; the message has the file and the line at which that ended.
    """
    path = find_config(name) if name.startswith(SCOPE) else Path(name)
    if not path.is_file():
        raise FileNotFoundError(
            f'there is no config {name}: name a file, or a config that comes with cdb-video as '
            f'{SCOPE}egtea/slowfast_cdbs.py; `cdb-video config` lists them'
        )
    if path.suffix not in CONFIG_ENDINGS:
        raise ValueError(f'{name} is no config: its name must end in {", ".join(CONFIG_ENDINGS)}')
    try:
        return Config.fromfile(str(path), import_custom_modules=import_modules)
    except Exception as error:
        raise ValueError(f'{_place(error, name)}: {type(error).__name__}: {error}') from error


def merge_arguments(host: ModuleType, config: Config, args: Namespace) -> Config:
    """The config with the options of the command line in it, as the host merges them; mmdet does so in its `main`.

    Raises:
        ValueError: If an option asks for what the config lacks, or is not what it must be.
    """
    merge = getattr(host, 'merge_args', merge_detection_words)
    try:
        merged: Config = merge(config, args)
    except AttributeError as error:
        lacking = str(error).split("'")[-2]
        raise ValueError(
            f'the config and the options of {" ".join(sys.argv[1:])} do not go together: it has no {lacking}, to which '
            'one of them belongs'
        ) from error
    except AssertionError as error:
        raise ValueError(f'{" ".join(sys.argv[1:])}: {error}') from error
    return merged


def check_lengths(config: Config) -> None:
    """Check that the lengths of a training are numbers; mmengine makes whole ones of them, and asks no more.

    Raises:
        ValueError: If one is not.
    """
    settings = config.get('train_cfg') or {}
    for name in ('max_epochs', 'max_iters'):
        value = settings.get(name, 1)
        try:
            int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f'train_cfg: {name}={value!r}: must be a whole number of at least 1') from error


def check_work_dir(work_dir: str) -> None:
    """Check that a run can write to its work directory, which need not be there yet.

    Raises:
        ValueError: If it, or what it is to lie in, is a file or may not be written to.
    """
    wanted = Path(work_dir).absolute()
    place = next(one for one in (wanted, *wanted.parents) if one.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = 'may not be written to' if place.is_dir() else 'is a file'
        raise ValueError(f'work directory {work_dir}: {place} {why}. Name a folder of your own by --work-dir')


def import_plugin(config: Config) -> None:
    """Let a config import this package, if it does not: what a run dumps can then be trained by any command."""
    settings: dict[str, Any] = dict(config.get('custom_imports') or {})
    given = settings.get('imports') or []
    names = [given] if isinstance(given, str) else list(given)
    if not any(name.partition('.')[0] == PACKAGE for name in names):
        config.custom_imports = {'allow_failed_imports': False, **settings, 'imports': [*names, PACKAGE]}


def _words_of(option: str) -> list[str]:
    """The words behind an option of the command line, up to the next option."""
    words: list[str] = []
    for word in sys.argv[sys.argv.index(option) + 1 :] if option in sys.argv else ():
        if word.startswith('-'):
            break
        words.append(word)
    return words


def _place(error: BaseException, name: str) -> str:
    """The file and line of a config, this one or a base, that raised an error; the file alone if it raised none."""
    lines = [
        f'{frame.filename}, line {frame.lineno}'
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.name == '<module>' and frame.filename.endswith('.py')
    ]
    return lines[-1] if lines else name
