#!/usr/bin/env bash
# Trains with several processes, one per GPU, or as many on the CPU where there is none.
#
#   tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# On several machines run it on each, with the environment variables
#   NNODES, NODE_RANK, MASTER_ADDR, PORT   as in OpenMMLab's scripts (default: this machine alone)
#   MAX_RESTARTS                           how often torchrun starts all processes anew after one died
#                                          (default 0); give --resume too, so that they go on
# The machines must share the work directory, under the same path.
# Ends with the status of torchrun: not 0 as soon as one process has failed. A process that hangs is
# given up after env_cfg.dist_cfg.timeout seconds of the config (default: torch's 30 minutes; with NCCL 10).
set -euo pipefail
# shellcheck source=tools/dist_launch.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/dist_launch.sh"

(($# >= 2)) || usage "${BASH_SOURCE[0]}"
launch "$2" train.py "$1" "${@:3}"
