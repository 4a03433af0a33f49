"""What the benchmarks share: clocks, peak memory, spread, and results with all that is needed to repeat them."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / 'benchmarks' / 'results'
_PACKAGES = (('numpy',), ('torch',), ('mmengine', 'onedl-mmengine'), ('mmcv-lite', 'mmcv'), ('mmaction2',))
"""Distributions whose versions are recorded; of those that stand for each other the one that is installed."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of `number` measurements."""

    median: float
    lower: float
    upper: float
    number: int

    def show(self, scale: float = 1.0, digits: int = 2) -> str:
        """'median (lower to upper)', multiplied by `scale`; the median alone for a single measurement."""
        median, lower, upper = (f'{value * scale:.{digits}f}' for value in (self.median, self.lower, self.upper))
        return median if self.number == 1 else f'{median} ({lower} to {upper})'


def spread(values: Iterable[float]) -> Spread:
    """Median and quartiles."""
    numbers = np.asarray(list(values), dtype=np.float64)
    lower, median, upper = np.quantile(numbers, [0.25, 0.5, 0.75])
    return Spread(float(median), float(lower), float(upper), len(numbers))


@dataclass(frozen=True)
class Seconds:
    """What a piece of work took: by the clock on the wall, and of processor time of this process."""

    wall: float
    cpu: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)


def timed(work: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Run `work` once; its time and its result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu), result


def take_turns(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Seconds]]:
    """The times of each work in `rounds` rounds, in changing order, after one to warm up."""
    times: dict[str, list[Seconds]] = {name: [] for name in works}
    names = list(works)
    for number in range(rounds + 1):
        names.append(names.pop(0))
        for name in names:
            seconds, _ = timed(works[name])
            if number > 0:
                times[name].append(seconds)
    return times


def peak_memory(work: Callable[[], Any], baseline: int) -> tuple[int, Any]:
    """Run `work` once; the largest resident memory meanwhile, in bytes above `baseline`, and its result.

    Raises:
        OSError: If the system does not let a process reset its high-water mark, as Linux does.
    """
    Path('/proc/self/clear_refs').write_text('5')
    result = work()
    return _status('VmHWM') - baseline, result


def resident_memory() -> int:
    """Resident memory of this process now, in bytes."""
    return _status('VmRSS')


def in_fresh_process(part: Callable[..., Any], *arguments: Any) -> Any:
    """Call `part` in a new process, so that the memory of other parts is not in its way."""
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
        return pool.submit(part, *arguments).result()


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every benchmark; the commit is taken now, before the measurements."""
    parser.set_defaults(commit=_commit())
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of the results (default: %(default)s)')


def write_results(name: str, args: argparse.Namespace, text: str, numbers: dict[str, Any]) -> None:
    """Write and print ``<name>.md`` and write ``<name>.json``: command, seed, commit, machine, and the numbers."""
    origin = {
        'command': shlex.join(['python', f'benchmarks/{Path(sys.argv[0]).name}', *sys.argv[1:]]),
        'seed': args.seed,
        'date': time.strftime('%Y-%m-%d'),
        'commit': args.commit,
        'machine': _machine(),
    }
    listed = '\n'.join(f'- {key}: {_sentence(value)}' for key, value in origin.items())
    args.out.mkdir(parents=True, exist_ok=True)
    page = f'{text.strip()}\n\n## Where the numbers come from\n\n{listed}\n'
    (args.out / f'{name}.md').write_text(page, encoding='utf-8')
    content = json.dumps(origin | {'numbers': numbers}, indent=1, default=asdict)
    (args.out / f'{name}.json').write_text(content + '\n', encoding='utf-8')
    print(page)


def _sentence(value: Any) -> str:
    return ', '.join(f'{key} {item}' for key, item in value.items()) if isinstance(value, dict) else f'`{value}`'


def _status(key: str) -> int:
    """An entry of /proc/self/status, in bytes."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{key}:'))


def _commit() -> str:
    """The commit of the checkout; '+changes' if files other than results differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(['git', *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return git('rev-parse', '--short', 'HEAD') + (
        '+changes' if git('status', '--porcelain', '--', '.', ':!benchmarks/results') else ''
    )


def _machine() -> dict[str, Any]:
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), 'unknown')
    return {
        'processor': model,
        'cores': os.cpu_count(),
        'torch threads': torch.get_num_threads(),
        'load when done': round(os.getloadavg()[0], 1),
        'Python': platform.python_version(),
        **dict(_installed(names) for names in _PACKAGES),
    }


def _installed(names: tuple[str, ...]) -> tuple[str, str]:
    for name in names[1:]:
        try:
            return name, version(name)
        except PackageNotFoundError:
            continue
    return names[0], version(names[0])
