#!/usr/bin/env bash
# Tests with several processes, one per GPU, or as many on the CPU where there is none.
#
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]
#
# The environment variables are those of dist_train.sh.
set -euo pipefail
# shellcheck source=tools/dist_launch.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/dist_launch.sh"

(($# >= 3)) || usage "${BASH_SOURCE[0]}"
launch "$3" test.py "$1" "$2" "${@:4}"
