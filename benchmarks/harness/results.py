"""Results of benchmarks: tables and pages, with command, seed, commit and machine; and the arguments of all."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / 'benchmarks' / 'results'
_WRITTEN = ('benchmarks/results', 'benchmarks/methods/frozen.json')
"""What benchmarks write in the checkout."""
_PACKAGES = (
    *(('numpy',), ('torch',), ('mmengine', 'onedl-mmengine'), ('mmcv-lite', 'mmcv', 'onedl-mmcv')),
    ('mmaction2', 'mmpretrain', 'onedl-mmpretrain', 'mmdet'),
)
"""Distributions whose versions are recorded; of those that stand for each other the one that is installed."""


def command_parser(spec: ModuleSpec | None, description: str | None) -> argparse.ArgumentParser:
    """A parser that calls the command as users start it, and shows its docstring.

    Args:
        spec: `__spec__` of the module.
        description: `__doc__` of the module.

    Raises:
        ValueError: If the file was started in another way than by `python -m`.
    """
    if spec is None:
        raise ValueError('this file is a module: start it from the root of the repository by python -m benchmarks.X.Y')
    parser = argparse.ArgumentParser(
        prog=f'python -m {spec.name}', description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(module=spec.name)
    return parser


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every benchmark; the commit is taken now, before the measurements."""
    parser.set_defaults(commit=current_commit())
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of the results (default: %(default)s)')


def write_results(name: str, args: argparse.Namespace, text: str, numbers: dict[str, Any]) -> None:
    """Write and print ``<name>.md`` and write ``<name>.json``: command, seed, commit, machine, and the numbers.

    Args:
        name: Of the files, without suffix.
        args: Of a `command_parser` with `add_common_arguments`.
        text: The page, Markdown.
        numbers: Every single measurement; dataclasses become objects.
    """
    origin = {
        'command': shlex.join(['python', '-m', args.module, *sys.argv[1:]]),
        'seed': args.seed,
        'date': time.strftime('%Y-%m-%d'),
        'commit': args.commit,
        'machine': describe_machine(),
    }
    listed = '\n'.join(f'- {key}: {_sentence(value)}' for key, value in origin.items())
    args.out.mkdir(parents=True, exist_ok=True)
    page = f'{text.strip()}\n\n## Where the numbers come from\n\n{listed}\n'
    (args.out / f'{name}.md').write_text(page, encoding='utf-8')
    content = json.dumps(origin | {'numbers': numbers}, indent=1, default=asdict)
    (args.out / f'{name}.json').write_text(content + '\n', encoding='utf-8')
    print(page)


def current_commit() -> str:
    """The commit of the checkout; '+changes' if files differ from it that are neither results nor hashes of data."""

    def git(*arguments: str) -> str:
        done = subprocess.run(['git', *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return git('rev-parse', '--short', 'HEAD') + (
        '+changes' if git('status', '--porcelain', '--', '.', *(f':!{path}' for path in _WRITTEN)) else ''
    )


def describe_machine() -> dict[str, Any]:
    """Processor, cores, GPU where there is one, load, and versions of what is measured."""
    import torch  # late: what only prepares data need not wait for it

    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), 'unknown')
    return {
        'processor': model,
        'cores': os.cpu_count(),
        **({'GPU': torch.cuda.get_device_name()} if torch.cuda.is_available() else {}),
        'torch threads': torch.get_num_threads(),
        'load when done': round(os.getloadavg()[0], 1),
        'Python': platform.python_version(),
        **dict(_installed(names) for names in _PACKAGES),
    }


def _sentence(value: Any) -> str:
    return ', '.join(f'{key} {item}' for key, item in value.items()) if isinstance(value, dict) else f'`{value}`'


def _installed(names: tuple[str, ...]) -> tuple[str, str]:
    for name in names[1:]:
        try:
            return name, version(name)
        except PackageNotFoundError:
            continue
    return names[0], version(names[0])
