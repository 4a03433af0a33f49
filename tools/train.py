"""Train a config with MMAction2, on GPUs or CPUs, in one process or many; see `cdb_video.launch`.

    python tools/train.py configs/egtea/slowfast_cdbs.py --seed 0 [--work-dir DIR] [--resume] ...

The options are those of MMAction2's own command. Several processes: tools/dist_train.sh.
"""

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.launch import end_process, train

if __name__ == '__main__':
    train()
    end_process()
