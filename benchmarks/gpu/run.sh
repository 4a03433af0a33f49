#!/usr/bin/env bash
# Clips a second of SlowFast-R50 on the GPU of this machine, see benchmarks/gpu/speed.py. Makes or reuses .venv first,
# see tools/setup_env.sh for its settings.
set -euo pipefail
# shellcheck source=tools/setup_env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../tools/setup_env.sh"

usage() {
    cat <<'END'
usage: benchmarks/gpu/run.sh [--no-setup] [OPTION ...]

Measures, in at most 8 minutes after the set-up, and writes gpu.json and gpu.md into benchmarks/results, or --out DIR.
--no-setup  use the python of this shell, with what is installed for it
OPTION      of python -m benchmarks.gpu.speed, which tells more with --help; paths are relative to the repository:
            --footage DIR, --rounds N, --minutes N, --seed N, --out DIR; --device cpu --tiny rehearses without a GPU
END
}

SET_UP=true
OPTIONS=()
while (($#)); do
    case "$1" in
        --no-setup) SET_UP=false ;;
        -h | --help)
            usage
            exit
            ;;
        *) OPTIONS+=("$1") ;;
    esac
    shift
done

cd -- "$REPOSITORY"
if "$SET_UP"; then
    setup_env prep,report
    PATH="$VENV/bin:$PATH"
fi
exec python -m benchmarks.gpu.speed "${OPTIONS[@]}"
