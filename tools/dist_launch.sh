#!/usr/bin/env bash
# What dist_train.sh and dist_test.sh share; sourced by them.
TOOLS="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# Prints the comment at the head of the script and ends.
usage() {
    awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "$1" >&2
    exit 2
}

# launch PROCESSES SCRIPT ARGUMENTS: PROCESSES on this machine, NNODES times that in all.
launch() {
    local processes="$1" script="$2"
    shift 2
    [[ "$processes" =~ ^[1-9][0-9]*$ ]] || {
        echo "error: the number of processes is '$processes'; it must be 1 or more" >&2
        exit 2
    }
    # torchrun would set this itself, with a warning; more threads than cores make every process slow.
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    # -P: this folder has files with names of modules.
    exec python -P "$TOOLS/torchrun.py" \
        --nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}" --nproc-per-node="$processes" \
        --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="${PORT:-29500}" \
        --max-restarts="${MAX_RESTARTS:-0}" \
        "$TOOLS/$script" "$@" --launcher pytorch
}
