"""Clocks, turns, peak memory, and the spread of what was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np


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


def take_turns(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Seconds]]:
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


def _status(key: str) -> int:
    """An entry of /proc/self/status, in bytes."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{key}:'))
