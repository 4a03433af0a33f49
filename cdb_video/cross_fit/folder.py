"""The folder of a cross-fit: its files by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdb_video.report.sources.run_files import DUMP_NAME


@dataclass(frozen=True)
class FoldFiles:
    """The files of a fold.

    Attributes:
        root: Folder of the cross-fit.
        number: Of the fold, from 1 on.
        ending: Of the names of lists; annotations of objects have another one.
    """

    root: Path
    number: int
    ending: str = '.txt'

    @property
    def config(self) -> Path:
        """The config that trains and scores."""
        return self.root / 'configs' / f'fold_{self.number}.py'

    @property
    def train_list(self) -> Path:
        """The clips that the model of this fold is trained on: those of all other folds."""
        return self.root / 'lists' / f'fold_{self.number}_train{self.ending}'

    @property
    def scored_list(self) -> Path:
        """The clips of this fold, which that model scores."""
        return self.root / 'lists' / f'fold_{self.number}_scored{self.ending}'

    @property
    def work_dir(self) -> Path:
        """Of the training and of the scoring."""
        return self.root / f'fold_{self.number}'

    @property
    def output(self) -> Path:
        """What a training and a scoring print where several run side by side."""
        return self.work_dir / 'output.txt'

    @property
    def unfinished_dump(self) -> Path:
        """Where a scoring writes to."""
        return self.work_dir / 'unfinished.pkl'

    @property
    def dump(self) -> Path:
        """The scores of the clips of this fold; there once they are whole."""
        return self.work_dir / DUMP_NAME

    @property
    def is_begun(self) -> bool:
        """Whether a training has come to a checkpoint, or more."""
        return self.dump.exists() or any(self.work_dir.glob('*.pth'))
