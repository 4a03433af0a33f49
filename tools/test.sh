#!/usr/bin/env bash
# Runs all checks: style, types, spelling, directions of imports, documentation, tests with coverage. Makes or
# reuses .venv first, see setup_env.sh for its settings. Arguments go to pytest, and then no coverage is measured:
#   tools/test.sh tests/losses/test_cdb.py -k focal
# Before all others:
# --fast    without the tests that train (the marks `training` and `slow`): what to run while you write
# --long    the tests with the mark `long` instead: whole programs, at length, of what shorter tests hold too
# --hosts   the second lane instead, forks and the oldest and newest versions in environments of their own; they are
#           made in .nox/, take minutes and several GB each, and are kept
# --newest  with the newest versions that fit, not those of the lock
set -euo pipefail
# shellcheck source=tools/setup_env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup_env.sh"

MINIMUM_COVERAGE=97 # of what runs in the processes of pytest; what they start is not counted
HOSTS=false
FAST=false
LONG=false

while (($#)); do
    case "$1" in
        --fast) FAST=true ;;
        --hosts) HOSTS=true ;;
        --long) LONG=true ;;
        --newest) NEWEST=true ;;
        *) break ;;
    esac
    shift
done

setup_env dev
PATH="$VENV/bin:$PATH"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# The tests start hundreds of processes, and each would compile the project anew.
unset PYTHONDONTWRITEBYTECODE

# A process a core and one more, since long tests wait for processes that they start; tests of one file share what it
# made, so they stay together. In the order of tests/conftest.py, long ones first; by itself xdist begins with files of
# many tests.
CORES="$(python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')"
PARALLEL=(--numprocesses="$((CORES + 1))" --dist=loadfile --no-loadscope-reorder)

if "$HOSTS"; then exec nox --session hosts -- "$@"; fi

# The files of the tests lie in memory where there is room for them: much of what is tested waits for the disk.
if [[ -z "${TMPDIR:-}" && -w /dev/shm ]] && (($(df -k /dev/shm | awk 'END { print $4 }') > 4000000)); then
    TMPDIR="$(mktemp -d /dev/shm/cdb_video_tests.XXXXXX)"
    trap 'rm -rf -- "$TMPDIR"' EXIT
    export TMPDIR
fi

if "$LONG"; then
    python -m pytest "${PARALLEL[@]}" -m long "$@"
    exit
fi

FAILED=()

check() {
    local name="$1" start="$SECONDS"
    shift
    say "$name"
    if "$@" </dev/null; then
        echo "ok ($((SECONDS - start)) s)"
    else
        echo "FAILED: $name ($((SECONDS - start)) s)"
        FAILED+=("$name")
    fi
}

# A check beside those that follow, since the first tests wait for processes more than they compute; `settle` has its end.
BESIDE=()
check_beside() {
    local name="$1" log
    log="$(mktemp)"
    shift
    "$@" </dev/null &>"$log" &
    BESIDE+=("$!" "$log" "$name")
}

settle() {
    while ((${#BESIDE[@]})); do
        check "${BESIDE[2]}" ended "${BESIDE[0]}" "${BESIDE[1]}"
        BESIDE=("${BESIDE[@]:3}")
    done
}

ended() {
    local status=0
    wait "$1" || status=$?
    cat -- "$2"
    rm -f -- "$2"
    return "$status"
}

TYPED=(cdb_video cdb_video_command cdb_video_files tools benchmarks noxfile.py)
if [[ -d data_prep ]]; then TYPED+=(data_prep); fi
# slipcover, since coverage's tracer makes Python 3.11 run the tests at half the speed.
MEASURED=(python -m slipcover --json --out .coverage.json -m pytest)

check 'ruff check' ruff check .
check 'ruff format' ruff format --check .
check 'codespell' codespell
check 'directions' lint-imports --no-logo
check_beside 'mypy' mypy "${TYPED[@]}"
check_beside 'docs' env NO_MKDOCS_2_WARNING=1 python -m mkdocs build # as tools/docs.sh, without setting up again
if "$FAST"; then
    check 'pytest' python -m pytest "${PARALLEL[@]}" -m 'not training and not slow and not long' "$@"
elif (($# > 0)); then
    check 'pytest' python -m pytest "$@"
else
    rm -f -- .coverage.json
    check 'pytest' "${MEASURED[@]}" "${PARALLEL[@]}" -m 'not uncovered and not long'
    mapfile -t UNCOVERED < <(grep -rl --include='test_*.py' 'mark\.uncovered' tests)
    check 'pytest without coverage' python -m pytest "${PARALLEL[@]}" -m 'uncovered and not long' "${UNCOVERED[@]}"
    check 'coverage' python -m slipcover --merge .coverage.json --out .coverage.json --fail-under "$MINIMUM_COVERAGE"
fi

settle
if ((${#FAILED[@]})); then
    die "failed: $(printf '%s; ' "${FAILED[@]}")see above."
fi
say "All checks passed in $SECONDS s"
