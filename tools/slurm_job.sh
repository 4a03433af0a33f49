#!/usr/bin/env bash
# A batch job that trains to the end, however short the time limit: 2 minutes before it, the job goes back into the
# queue, and when it runs again it goes on from its newest checkpoint. So does it after a node was lost.
#
#   sbatch --ntasks=16 --ntasks-per-node=8 --gres=gpu:8 --cpus-per-task=5 --time=24:00:00 \
#       tools/slurm_job.sh CONFIG WORK_DIR [arguments of tools/train.py]
#
# Call sbatch in the root of the repository, or in a folder with the same tools/. WORK_DIR must be on a disk that all
# nodes share. What was trained since the newest checkpoint is trained again: let CheckpointHook save often enough.
# Without --gres it trains on CPUs.
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
set -euo pipefail

# Slurm runs a copy of this file, in the folder where sbatch was called.
(($# >= 2)) || {
    echo 'usage: sbatch [options of sbatch] tools/slurm_job.sh CONFIG WORK_DIR [arguments of tools/train.py]' >&2
    exit 2
}
[[ -n "${SLURM_JOB_ID:-}" ]] || {
    echo 'error: this is not a Slurm job; start it with sbatch, or train with tools/dist_train.sh' >&2
    exit 2
}

heard=false
requeue() {
    heard=true
    echo "the time limit of job $SLURM_JOB_ID is near: back into the queue"
    scontrol requeue "$SLURM_JOB_ID"
}
trap requeue USR1

export GPUS="$SLURM_NTASKS" GPUS_PER_NODE="${SLURM_GPUS_ON_NODE:-0}" CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
tools/slurm_train.sh "$SLURM_JOB_PARTITION" "$SLURM_JOB_NAME" "$@" &
# A shell that waits in the foreground would not hear the signal; one that waits like this stops waiting for it, and must
# wait again to learn how the training ended.
while true; do
    heard=false status=0
    wait "$!" || status=$?
    "$heard" || exit "$status"
done
