"""Test a checkpoint with MMAction2, on GPUs or CPUs, in one process or many; see `cdb_video.commands.test`.

    python tools/test.py configs/egtea/slowfast_cdbs.py CHECKPOINT [--dump predictions.pkl] ...

The options are those of MMAction2's own command. Several processes: tools/dist_test.sh.
"""

import sys

from cdb_video.commands.test import main

if __name__ == '__main__':
    sys.exit(main())
