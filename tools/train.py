"""Train a config with MMAction2, on GPUs or CPUs, in one process or many; see `cdb_video.commands.train`.

    python tools/train.py configs/egtea/slowfast_cdbs.py --seed 0 [--work-dir DIR] [--resume] ...

The options are those of MMAction2's own command. Several processes: tools/dist_train.sh.
"""

import sys

from cdb_video.commands.train import main

if __name__ == '__main__':
    sys.exit(main())
