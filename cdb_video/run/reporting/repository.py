"""The commit of the repository that a folder is in, and whether its files were changed since: by git, where it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SECONDS = 5
"""In which git must answer: a large repository on a slow disk keeps no training waiting."""


def commit_of(folder: Path) -> str | None:
    """What git says of the repository of a folder, such as '1f0c..., changed since'.

    Files that git does not track do not count as changes.

    Returns:
        The hash, and whether tracked files were changed; None where there is no repository, no commit or no git.
    """
    commit = _git(folder, 'rev-parse', '--verify', 'HEAD')
    if not commit:
        return None
    changes = _git(folder, 'status', '--porcelain', '--untracked-files=no')
    if changes is None:
        return f'{commit}, changed or not: git took too long to say'
    return f'{commit}, changed since' if changes else f'{commit}, unchanged'


def _git(folder: Path, *arguments: str) -> str | None:
    """What a command of git prints, which must change nothing; None = it failed, or there is none."""
    command = ['git', '-c', 'core.fsmonitor=false', '-C', str(folder), *arguments]
    environment = os.environ | {'GIT_OPTIONAL_LOCKS': '0'}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
