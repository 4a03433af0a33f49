"""Measure the difficulty of all training clips without a hold-out; see `cdb_video.commands.cross_fit`.

python tools/cross_fit.py CONFIG [--folds 2] [--group session|subject|FILE] [--work-dir DIR] [--seed 0]
"""

from cdb_video.commands.cross_fit import main
from cdb_video_command.ending import run

if __name__ == '__main__':
    run(main)
