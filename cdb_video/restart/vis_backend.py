"""Scalars that a full disk may cost, but not the run: `EnduringVisBackend`."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.visualization import LocalVisBackend

_LOG = logging.getLogger('cdb_video')


class EnduringVisBackend(LocalVisBackend):
    """mmengine's LocalVisBackend; scalars that cannot be written are warned about, once, and the run goes on.

    Args:
        *args: Those of LocalVisBackend.
        **kwargs: Likewise.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._has_warned = False

    def _dump(self, value_dict: dict[str, Any], file_path: str, file_format: str) -> None:
        try:
            super()._dump(value_dict, file_path, file_format)
            self._has_warned = False
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                _LOG.error(
                    f'{file_path} could not be written ({error}): scalars are lost until it can; free disk space'
                )
