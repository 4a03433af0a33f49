#!/usr/bin/env bash
# Trains as a Slurm job: one process per GPU, started by srun.
#
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS='--time=24:00:00'] \
#       tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
#
# Passes --resume, which goes on from the newest checkpoint of WORK_DIR and starts where there is none: so the same
# command continues after a time limit or a lost node. slurm_job.sh is a batch job that does so by itself.
# WORK_DIR must be on a disk that all nodes share. GPUS_PER_NODE=0 trains on CPUs.
set -euo pipefail
TOOLS="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tools/dist_launch.sh
source "$TOOLS/dist_launch.sh"

(($# >= 4)) || usage "${BASH_SOURCE[0]}"
PARTITION="$1" JOB_NAME="$2" CONFIG="$3" WORK_DIR="$4"
GPUS="${GPUS:-8}"
GPUS_PER_NODE="${GPUS_PER_NODE:-8}"
resources=(--ntasks="$GPUS" --cpus-per-task="${CPUS_PER_TASK:-5}")
if ((GPUS_PER_NODE > 0)); then
    resources+=(--gres="gpu:$GPUS_PER_NODE" --ntasks-per-node="$((GPUS < GPUS_PER_NODE ? GPUS : GPUS_PER_NODE))")
fi
# One port for all processes of the job, and another one for the next job on the same machine.
export MASTER_PORT="${MASTER_PORT:-$((12000 + ${SLURM_JOB_ID:-$RANDOM} % 20000))}"
read -r -a srun_args <<<"${SRUN_ARGS:-}"
exec srun -p "$PARTITION" --job-name="$JOB_NAME" "${resources[@]}" --kill-on-bad-exit=1 "${srun_args[@]}" \
    python -u "$TOOLS/train.py" "$CONFIG" --work-dir "$WORK_DIR" --resume --launcher slurm "${@:5}"
