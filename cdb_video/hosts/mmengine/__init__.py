"""mmengine, the runner of all hosts: mends for its faults, its log, its registries, its datasets."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from cdb_video.difficulty.formulas import IntVector
from cdb_video.hosts.host import Host


class MMEngine(Host):
    """mmengine itself; the classes that derive from its own lie in the rooms of the package, by what they do."""

    name = 'mmengine'
    package = 'mmengine'
    remedy = 'install mmengine 0.10.4 or newer, below 1'

    def load(self) -> None:
        """Import mmengine's registries and log."""
        super().load()
        import_module('mmengine.registry')
        import_module('mmengine.logging')

    def mends(self) -> list[str]:
        """Let torch load the checkpoints that mmengine writes, and configs have bases of this package."""
        from cdb_video.hosts.mmengine.mends import allow_mmengine_checkpoints, find_shipped_bases

        return [mend.__name__ for mend in (allow_mmengine_checkpoints, find_shipped_bases) if mend()]

    def labels(self, dataset: Any) -> IntVector | None:
        """The labels in the entries that a BaseDataset keeps, through ConcatDataset and RepeatDataset."""
        if 'mmengine.dataset' not in sys.modules:  # then it is none of them
            return None
        from cdb_video.hosts.mmengine.dataset_labels import labels_of

        return labels_of(dataset)


HOST = MMEngine()
