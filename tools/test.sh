#!/usr/bin/env bash
# Runs all checks: style, types, spelling, documentation, tests with coverage. Makes or reuses .venv first, see
# setup_env.sh for its settings. Arguments go to pytest, and then the coverage of the part that was
# chosen is not judged:  tools/test.sh tests/losses/test_cdb.py -k focal
set -euo pipefail
# shellcheck source=tools/setup_env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup_env.sh"

MINIMUM_COVERAGE=95

setup_env dev
PATH="$VENV/bin:$PATH"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

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

TYPED=(cdb_video cdb_video_files tools)
if [[ -d data_prep ]]; then TYPED+=(data_prep); fi
OPTIONS=(--cov=cdb_video --cov=cdb_video_files --cov-report=term)
# A process a core; tests of one file share what it made, so they stay together.
if (($# == 0)); then OPTIONS+=("--cov-fail-under=$MINIMUM_COVERAGE" --numprocesses=auto --dist=loadfile); fi

check 'ruff check' ruff check .
check 'ruff format' ruff format --check .
check 'mypy' mypy "${TYPED[@]}"
check 'codespell' codespell
check 'docs' tools/docs.sh
check 'pytest' python -m pytest "${OPTIONS[@]}" "$@"

if ((${#FAILED[@]})); then
    die "failed: $(printf '%s; ' "${FAILED[@]}")see above."
fi
say "All checks passed in $SECONDS s"
