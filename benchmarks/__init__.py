"""Benchmarks by group, started as modules: `python -m benchmarks.GROUP.NAME` from the root of the repository.

Importing the package puts data_prep/ on Python's path, as starting a command there does: its parts are imported as
`prep.X`, also in processes that are spawned.
"""

import sys
from pathlib import Path

_DATA_PREP = str(Path(__file__).resolve().parents[1] / 'data_prep')
if _DATA_PREP not in sys.path:
    sys.path.append(_DATA_PREP)
