"""Locked versions, as pip takes them; run by tools/setup_env.sh and tools/maintain/renew_lock.sh.

``python -m tools.lock LOCK`` prints what an installation in this environment must keep to, and
``--one-opencv`` what a lock that has two versions of OpenCV must be made anew with. Uses the standard
library alone, as nothing else is installed at that time.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from tools.check_env import CUDA_PACKAGES, Versions, installed_version, one_opencv

KEPT = ('torch', 'mmcv')  # chosen by the user, perhaps: never changed by an installation


def read_lock(file: Path) -> dict[str, str]:
    """Return the version of each distribution, by normalised name; lines are comments or NAME==VERSION.

    Raises:
        ValueError: If a line is neither.
    """
    versions = {}
    for line in file.read_text(encoding='utf-8').splitlines():
        if line.startswith('#'):
            continue
        if not (match := re.fullmatch(r'([a-z0-9-]+)==([0-9][a-z0-9.!]*)', line)):
            raise ValueError(
                f'{file}: {line!r} must be NAME==VERSION: no extras, markers, local versions or addresses. '
                'Make the file anew with tools/maintain/renew_lock.sh.'
            )
        versions[match[1]] = match[2]
    return versions


def constraints(lock: Mapping[str, str], version_of: Versions, torch_needs: Sequence[str] = ()) -> list[str]:
    """List what pip must keep to: the torch and the mmcv that are installed, and the lock for all else.

    Each torch asks for versions of its own. So where another one than the locked one is installed, what it
    needs is free as well.

    Args:
        lock: version of each distribution, by normalised name.
        version_of: gives the version of a distribution, None where it is absent.
        torch_needs: requirements of the installed torch, as its metadata has them.
    """
    kept = {name: version for name in KEPT if (version := version_of(name))}
    free: set[str] = set()
    if kept.get('torch') not in (None, lock['torch'], f'{lock["torch"]}+cpu'):
        names = (re.split(r'[^\w.-]', need)[0] for need in torch_needs if 'extra ==' not in need)
        free = {re.sub(r'[-_.]+', '-', name).lower() for name in names}
        free |= {name for name in lock if CUDA_PACKAGES.match(name)}
    held = {name: version for name, version in lock.items() if name not in free}
    return [f'{name}=={version}' for name, version in (held | kept).items()]


def main(argv: Sequence[str] | None = None) -> int:
    """Print requirements, a line each."""
    parser = argparse.ArgumentParser(description='Print what an installation must keep to.')
    parser.add_argument('lock', type=Path)
    parser.add_argument('--one-opencv', action='store_true', help='only what makes OpenCV of the lock one version')
    args = parser.parse_args(argv)
    lock = read_lock(args.lock)
    if args.one_opencv:
        print('\n'.join(one_opencv(lock.get)))
        return 0
    needs = metadata.requires('torch') if installed_version('torch') else None
    print('\n'.join(constraints(lock, installed_version, needs or ())))
    return 0


if __name__ == '__main__':
    sys.exit(main())
