"""What a sweep notes in the work directory of every run: of which settings it is, and whether it has ended.

``sweep_run.json`` is written when a run begins, and again, by renaming a whole file, when its training has ended well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video_files.atomic import write_atomically
from cdb_video_files.json_checks import TEXT, WHOLE, Check, first_fault

RECORD_NAME = 'sweep_run.json'
_VERSION = 1
_DOCUMENT = {
    'version': Check(lambda value: value == _VERSION, f'{_VERSION}; update cdb_video'),
    'config': TEXT,
    'seed': WHOLE,
    'settings': Check(
        lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()), 'a dict of texts'
    ),
    'is_finished': Check(lambda value: isinstance(value, bool), 'true or false'),
}


@dataclass(frozen=True)
class RunRecord:
    """A run of a sweep.

    Attributes:
        config: As the user called it; for the reader alone.
        seed: Of the training, >= 0.
        settings: Of the config: name -> hash.
        is_finished: Whether the training has ended well.
    """

    config: str
    seed: int
    settings: Mapping[str, str]
    is_finished: bool

    def write(self, folder: Path) -> Path:
        """Write the file into a work directory, which is made if it is not there.

        Raises:
            OSError: If writing fails.
        """
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            'version': _VERSION,
            'config': self.config,
            'seed': self.seed,
            'settings': dict(self.settings),
            'is_finished': self.is_finished,
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        return write_atomically(folder / RECORD_NAME, f'{text}\n'.encode())

    @classmethod
    def read(cls, folder: Path) -> RunRecord | None:
        """The record in a work directory; None = there is none.

        Raises:
            ValueError: If it cannot be read.
        """
        path = folder / RECORD_NAME
        try:
            document: Any = json.loads(path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise ValueError(f'{path} cannot be read ({error}). {_remedy(folder)}') from error
        fault = first_fault(document, _DOCUMENT) if isinstance(document, dict) else 'it is no dict'
        if fault:
            raise ValueError(f'{path} cannot be read: {fault}. {_remedy(folder)}')
        return cls(document['config'], document['seed'], document['settings'], document['is_finished'])


def _remedy(folder: Path) -> str:
    return f'Remove {folder}, which is then run anew, or name another folder by --out'
