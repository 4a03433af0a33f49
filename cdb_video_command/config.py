"""List the configs that come with the package, or copy one with its bases.

    cdb-video config                                         all of them, with a line each
    cdb-video config egtea/slowfast_cdbs.py                  -> slowfast_cdbs.py, bases in _base_/cdb_video/
    cdb-video config egtea/slowfast_cdbs.py --out mine.py

The copy and its bases are plain files: change them, and train with `cdb-video train` or `mim train`. To change a few
settings no copy is needed: `_base_ = 'cdb_video::egtea/slowfast_cdbs.py'` in a config of yours, which `cdb-video train`
reads, and any program that imports cdb_video before it. Exit code 2 if there is no such config, or a file would be
replaced that is not the same; --force replaces it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.configs.copies import BASES, planned_copies, write_copies
from cdb_video_files.configs.shipped import config_names, config_summary, find_config


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.name is None and (arguments.out is not None or arguments.force):
        parser.error('--out and --force belong to a copy: name a config, as egtea/slowfast_cdbs.py')
    try:
        print(_listing() if arguments.name is None else _copy(arguments.name, arguments.out, arguments.force))
    except (OSError, ValueError) as error:
        print(f'config: {error}', file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', nargs='?', metavar='NAME', help='of a config to copy (default: list all)')
    parser.add_argument('--out', type=Path, metavar='FILE', help='the copy (default: of the same name, in this folder)')
    parser.add_argument('--force', action='store_true', help='replace files that are there')
    return parser


def _listing() -> str:
    """A line for each config: its name, and what its first comment says."""
    names = config_names()
    width = max(map(len, names)) + 2
    return '\n'.join(f'{name:{width}}{config_summary(find_config(name))}' for name in names)


def _copy(name: str, out: Path | None, replace: bool) -> str:
    """Copy a config, and say what became of it.

    Raises:
        ValueError: If `out` is no name of a config.
        OSError: If there is no such config, or a file is in the way or cannot be written.
    """
    place = Path(find_config(name).name) if out is None else out
    if place.suffix != '.py':
        raise ValueError(f'--out {place}: must be a file that ends in .py')
    files = planned_copies(name, place)
    written = write_copies(files, replace=replace)
    news = f'wrote {place}' if place in written else f'{place} is there already, the same'
    return f'{news}; {len(files) - 1} bases are in {place.parent / BASES}\ntrain it: cdb-video train {place} --seed 0'
