"""Test a checkpoint with MMAction2, on GPUs or CPUs, in one process or many; see `cdb_video.launch`.

    python tools/test.py configs/egtea/slowfast_cdbs.py CHECKPOINT [--dump predictions.pkl] ...

The options are those of MMAction2's own command. Several processes: tools/dist_test.sh.
"""

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.launch import end_process, test

if __name__ == '__main__':
    test()
    end_process()
