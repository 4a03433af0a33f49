"""The command `cdb-video`: its own help and version, or the sub-command that is named.

What a sub-command needs is imported when it is called, so that to ask for help costs nothing.
"""

from __future__ import annotations

import difflib
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from cdb_video_command.ending import run
from cdb_video_command.table import SUB_COMMANDS, SubCommand
from cdb_video_files.configs.shipped import PACKAGE, shipped

NAME = 'cdb-video'
_USAGE = f"""usage: {NAME} COMMAND [arguments]
       {NAME} COMMAND --help
       {NAME} --version

Train video classifiers by class difficulty, with MMAction2.
"""


def command() -> NoReturn:
    """Run the command line and exit: the entry point of the package."""
    run(main)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: The words behind `cdb-video`; None = those of this process.

    Returns:
        The exit status: 2 if no such command can be run.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        print(f'{_help()}\n{NAME}: no command: name one of these', file=sys.stderr)
        return 2
    if words[0] in ('-h', '--help', 'help'):
        print(_help())
        return 0
    if words[0] == '--version':
        print(f'{NAME} {version()}')
        return 0
    if words[0] not in SUB_COMMANDS:
        print(f'{NAME}: {unknown(words[0])}', file=sys.stderr)
        return 2
    return start(words[0], words[1:])


def start(name: str, words: Sequence[str]) -> int:
    """Run a sub-command, whose usage then names `cdb-video` too.

    Returns:
        Its exit status; 2 if a package is missing that it needs.
    """
    chosen, outer = SUB_COMMANDS[name], sys.argv
    sys.argv = [f'{NAME} {name}', *words]
    try:
        return load(chosen)(words)
    except ModuleNotFoundError as error:
        if _is_ours(error.name or '', chosen):
            raise
        print(
            f"{NAME} {name}: {error.name} is not installed, which this needs: pip install 'cdb-video[{chosen.extra}]'",
            file=sys.stderr,
        )
        return 2
    finally:
        sys.argv = outer


def load(chosen: SubCommand) -> Callable[[Sequence[str]], int]:
    """Import what does a sub-command."""
    if chosen.of_data_prep:
        folder = str(shipped('data_prep'))
        if folder not in sys.path:
            sys.path.insert(0, folder)  # as `python data_prep/NAME.py` has it; worker processes get this path as well
    main: Callable[[Sequence[str]], int] = import_module(chosen.module).main
    return main


def unknown(word: str) -> str:
    """What is said of a word that is no command: the nearest one, and all."""
    nearest = difflib.get_close_matches(word.replace('_', '-'), SUB_COMMANDS, 1)
    hint = f', perhaps {nearest[0]!r}' if nearest else ''
    return f'there is no command {word!r}{hint}: it must be one of {", ".join(SUB_COMMANDS)}'


def version() -> str:
    """The version of the package, whose import would bring torch."""
    path = Path(__file__).resolve().parents[1] / PACKAGE / 'version.py'
    return str(runpy.run_path(str(path))['__version__'])


def _help() -> str:
    width = max(map(len, SUB_COMMANDS)) + 2
    return '\n'.join([_USAGE, *(f'  {name:{width}}{row.help}' for name, row in SUB_COMMANDS.items())])


def _is_ours(module: str, chosen: SubCommand) -> bool:
    """Whether a module that is missing should have come along: that is our fault, not one of the installation."""
    return module.partition('.')[0] in (PACKAGE, f'{PACKAGE}_files', 'prep') or module == chosen.module
