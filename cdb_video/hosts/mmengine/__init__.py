"""mmengine, the runner of all hosts: mends for its faults, its log, its registries, its datasets."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import HostWords
from cdb_video.hosts.host import Host, host_named


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

    def words_now(self) -> HostWords | None:
        """Those of the host whose scope is the newest in this process; None = there is no scope of a host."""
        registry = sys.modules.get('mmengine.registry')
        scope = None if registry is None else registry.DefaultScope.get_current_instance()
        host = None if scope is None else host_named(scope.scope_name)
        return None if host is None else host.words

    def labels(self, dataset: Any) -> IntVector | None:
        """The labels in the entries that a BaseDataset keeps, through the wrappers of mmengine."""
        if 'mmengine.dataset' not in sys.modules:  # then it is none of them
            return None
        from cdb_video.hosts.mmengine.dataset_labels import labels_of

        return labels_of(dataset)

    def objects(self, dataset: Any) -> tuple[IntVector, IntVector] | None:
        """Classes and images of the objects in those entries, in the same way."""
        if 'mmengine.dataset' not in sys.modules:
            return None
        from cdb_video.hosts.mmengine.dataset_labels import objects_of

        return objects_of(dataset)


HOST = MMEngine()
