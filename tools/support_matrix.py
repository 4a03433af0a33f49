"""The old place of `python -m tools.maintain.support_matrix`, kept for those who call it by its path."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
runpy.run_module('tools.maintain.support_matrix', run_name='__main__', alter_sys=True)
