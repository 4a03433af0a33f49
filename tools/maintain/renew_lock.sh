#!/usr/bin/env bash
# Renews requirements/lock-*.txt, the versions that tools/setup_env.sh installs, and then runs tools/test.sh with them.
#
#   tools/maintain/renew_lock.sh [--keep] [--no-test]
#
# --keep     only add what pyproject.toml has come to ask for; versions that are locked already stay
# --no-test  stop when the files are written
#
# uv finds the versions, in an environment that is made for it and removed. It needs none of the Pythons that it
# finds versions for, and takes the index from its own settings (UV_DEFAULT_INDEX and the like), not from pip's.
#
# The lock has names and versions alone. No hashes: pip asks for those of all packages or none, and builds of torch
# differ by place. No platforms: MMAction2 needs decord, which has wheels for x86-64 alone; elsewhere the same versions
# hold. The CUDA packages of torch are among them, and matter where a torch asks for them.
set -euo pipefail
# shellcheck source=tools/setup_env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../setup_env.sh"

PYTHONS=(3.11 3.12)
EXTRAS=(mmaction images detection prep report dev) # what callers of setup_env ask for, and the hosts
PLATFORM='x86_64-unknown-linux-gnu'

WORK="$(mktemp -d)"
trap 'rm -rf -- "$WORK"' EXIT

# compile VERSION [REQUIREMENT...]: beside those of the project; pip is the environment's own.
compile() {
    local version="$1" extra arguments=("${UPGRADE[@]}")
    shift
    for extra in "${EXTRAS[@]}"; do arguments+=(--extra "$extra"); done
    printf '%s\n' "$DEFAULT_TORCH" "$@" >"$WORK/beside.in"
    UV_PYTHON_DOWNLOADS=never "$WORK/uv/bin/uv" pip compile --quiet "${arguments[@]}" \
        --python-version "$version" --python-platform "$PLATFORM" --no-emit-package pip --no-header --no-annotate \
        --output-file "$WORK/lock-$version.txt" pyproject.toml "$WORK/beside.in" >/dev/null ||
        die "uv found no versions for Python $version; its message is above."
}

find_versions() {
    local version="$1" opencv
    say "Finding versions for Python $version"
    if [[ -e "requirements/lock-$version.txt" ]]; then cp -- "requirements/lock-$version.txt" "$WORK"; fi
    compile "$version"
    opencv="$("$PYTHON" -m tools.lock --one-opencv "$WORK/lock-$version.txt")" || die 'no lock was changed'
    if [[ -n "$opencv" ]]; then compile "$version" "$opencv"; fi
}

write_lock() {
    local version="$1"
    {
        echo "# What tools/setup_env.sh installs with Python $version. Made by tools/maintain/renew_lock.sh: do not edit."
        cat -- "$WORK/lock-$version.txt"
    } >"requirements/lock-$version.txt"
}

UPGRADE=(--upgrade)
TEST=true
for argument in "$@"; do
    case "$argument" in
        --keep) UPGRADE=() ;;
        --no-test) TEST=false ;;
        *) die "unknown option $argument; there are --keep and --no-test" ;;
    esac
done

cd -- "$REPOSITORY"
find_python
say 'Installing uv for this once'
"$PYTHON" -m venv "$WORK/uv"
"$WORK/uv/bin/python" -m pip install --quiet --disable-pip-version-check uv
for version in "${PYTHONS[@]}"; do find_versions "$version"; done
for version in "${PYTHONS[@]}"; do write_lock "$version"; done
say "Written for Python ${PYTHONS[*]}; git diff requirements shows what changed"
if "$TEST"; then tools/test.sh; fi
