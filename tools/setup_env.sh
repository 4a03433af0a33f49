#!/usr/bin/env bash
# Makes or reuses a virtual environment of the repository: .venv for video with mmaction2, or .venv-images for images
# with mmpretrain and torchvision, where the extra `images` is asked for, or `detection`, which adds mmdet.
#   tools/setup_env.sh [EXTRAS]    such as `images`, `detection,dev` or `prep,report` (default: prep,report)
# Sourced by quickstart.sh and test.sh, which call `setup_env EXTRAS`. An environment that this makes is held to the
# versions in requirements/, see CONTRIBUTING.md, unless the caller sets NEWEST=true; one that was there before is not.
# Environment variables:
#   VENV              where the environment is or will be (default: .venv or .venv-images in the repository)
#   PYTHON            the Python 3.11 or 3.12 to make it with (default: the first one found)
#   TORCH_SPEC        what to install as torch (default: torch==2.13.0, as a CPU build without a GPU);
#                     a version, the path or address of a wheel. A torch that is there already is kept.
#   TORCHVISION_SPEC  the same for torchvision, with these extras (default: the one made for this torch)
set -euo pipefail

REPOSITORY="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
VENV_IS_CHOSEN="${VENV:+true}" # by the user
VENV="${VENV:-$REPOSITORY/.venv}"
HOST='mmaction' # the module of the host: mmpretrain with the extra `images`, mmdet with `detection`
DEFAULT_TORCH='torch==2.13.0'
CPU_INDEX='https://download.pytorch.org/whl/cpu'
CPU_SPACE_GB=4
GPU_SPACE_GB=12
NEWEST=false # set to true by callers for their --newest: the newest versions that fit, whatever the lock says
LOCK=''      # the file of versions that the environment is held to; '' = none

say() { printf '\n==> %s\n' "$*"; }

die() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }

is_fit_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1
}

find_python() {
    local candidate
    if [[ -n "${PYTHON:-}" ]]; then
        is_fit_python "$PYTHON" ||
            die "PYTHON=$PYTHON is not a working Python 3.11 or 3.12. Set PYTHON to one that is."
        return
    fi
    for candidate in python3.11 python3.12 python3 python; do
        if command -v "$candidate" >/dev/null && is_fit_python "$candidate"; then
            PYTHON="$candidate"
            return
        fi
    done
    die "no Python 3.11 or 3.12 among python3.11, python3.12, python3 and python. Install one, or" \
        "set PYTHON to its path."
}

check_space() {
    local folder needed free
    folder="$(dirname -- "$VENV")"
    [[ -d "$VENV" ]] && folder="$VENV"
    needed="$CPU_SPACE_GB"
    if has_gpu; then needed="$GPU_SPACE_GB"; fi
    free="$(df -Pk "$folder" | awk 'NR == 2 {print int($4 / 1048576)}')"
    ((free >= needed)) || die "$folder has $free GB free; installing takes up to $needed GB. Make" \
        "room, or set VENV to a path on another disk."
}

make_venv() {
    if [[ -x "$VENV/bin/python" ]]; then
        is_fit_python "$VENV/bin/python" || die "$VENV does not work with Python 3.11 or 3.12. Remove" \
            "it, or set VENV to another path."
        "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || die "$VENV has no working pip: making it was" \
            "interrupted, most likely. Remove it, or set VENV to another path."
        say "Reusing the environment $VENV"
        return
    fi
    if [[ -e "$VENV" ]] && [[ -n "$(ls -A -- "$VENV")" ]]; then
        die "$VENV exists and is not a virtual environment. Remove it, or set VENV to another path."
    fi
    find_python
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || die "$PYTHON cannot make virtual" \
        "environments: its venv module is missing. On Debian and Ubuntu: apt install python3-venv."
    say "Making the environment $VENV with $("$PYTHON" --version)"
    "$PYTHON" -m venv "$VENV"
    touch "$VENV/.made_by_cdb_video"
}

is_ours() { [[ -e "$VENV/.made_by_cdb_video" ]]; }

find_lock() {
    local version
    if ! is_ours; then
        if "$NEWEST"; then say "--newest changes nothing in $VENV, which was not made by these scripts"; fi
        NEWEST=false
    elif ! "$NEWEST"; then
        version="$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        LOCK="$REPOSITORY/requirements/lock-$version.txt"
        [[ -f "$LOCK" ]] || die "there is no $LOCK. Get it back from git, or give --newest."
    fi
}

pip_install() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
}

# The warnings are the host libraries' own.
check_env() { "$VENV/bin/python" -W ignore "$REPOSITORY/tools/check_env.py" "$@"; }

# Tells whether pip's own choice for the default torch is free of CUDA, without installing it.
default_torch_is_cpu() {
    local report="$VENV/torch_report.json"
    pip_install --dry-run --ignore-installed --no-deps --report "$report" "$DEFAULT_TORCH" \
        >/dev/null 2>&1 && check_env --cpu-torch "$report"
}

install_torch() {
    local held=()
    if [[ -n "$LOCK" ]]; then held=(--constraint "$LOCK"); fi
    if "$VENV/bin/python" -c 'import torch' 2>/dev/null; then
        say "Keeping the torch that is installed"
    elif [[ -n "${TORCH_SPEC:-}" ]]; then
        say "Installing torch: $TORCH_SPEC (from TORCH_SPEC)"
        pip_install "$TORCH_SPEC"
    elif has_gpu; then
        say "Installing $DEFAULT_TORCH with CUDA, since this machine has an NVIDIA GPU"
        pip_install "${held[@]}" "$DEFAULT_TORCH"
    elif default_torch_is_cpu; then
        say "Installing $DEFAULT_TORCH, a CPU build"
        pip_install "${held[@]}" "$DEFAULT_TORCH"
    else
        say "Installing $DEFAULT_TORCH, a CPU build from $CPU_INDEX"
        # Without what it needs in turn, which comes from the usual index with the rest.
        pip_install --no-deps --index-url "$CPU_INDEX" "$DEFAULT_TORCH" || die "no CPU build of" \
            "$DEFAULT_TORCH for $("$VENV/bin/python" --version) could be had, and CUDA packages are" \
            "not installed unasked. Set TORCH_SPEC to the path or address of a wheel, or to" \
            "$DEFAULT_TORCH to accept what pip chooses."
    fi
}

# The torchvision that was made for the torch that is there, without what it needs in turn: it names that torch alone,
# and what else it needs comes with the rest. One that is there already is kept.
install_torchvision() {
    local spec="${TORCHVISION_SPEC:-}"
    if check_env --has torchvision; then
        say 'Keeping the torchvision that is installed'
        return
    fi
    if [[ -z "$spec" ]]; then
        spec="$(check_env --torchvision)" || die "no torchvision is known to fit torch" \
            "$(check_env --version torch): set TORCHVISION_SPEC to a version, or to the path or address of a wheel."
    fi
    say "Installing torchvision: $spec"
    if [[ -z "${TORCHVISION_SPEC:-}" ]] && ! has_gpu; then
        if pip_install --no-deps --index-url "$CPU_INDEX" "$spec"; then return; fi
        echo "The messages above tell that $CPU_INDEX could not be had: taking the one of pip's usual index"
    fi
    pip_install --no-deps "$spec" || die "$spec could not be installed; pip's message is above. Set" \
        "TORCHVISION_SPEC to a version that fits torch $(check_env --version torch), or to the path of a wheel."
}

# Where no torchvision is to be had that was compiled for this torch, one that imports without its compiled part takes
# its place.
mend_torchvision() {
    local spec
    if ! is_ours || [[ -n "${TORCHVISION_SPEC:-}" ]]; then return; fi
    spec="$(check_env --python-torchvision)"
    if [[ -z "$spec" ]]; then return; fi # it works, or check_env says what else is wrong
    say "torchvision $(check_env --version torchvision) was compiled for another build than torch" \
        "$(check_env --version torch): putting $spec in its place, without compiled operators"
    pip_install --no-deps "$spec" || die "no torchvision that works beside torch" \
        "$(check_env --version torch) could be had for $("$VENV/bin/python" --version). Set TORCHVISION_SPEC to one" \
        "made for this torch; or remove $VENV and set PYTHON to a Python 3.11, for which $spec works."
}

# What pip must keep to: the torch and the mmcv that are there, beside them the lock. An environment of the
# user's own keeps all that the hosts may consist of.
constraints() {
    if [[ -n "$LOCK" ]]; then
        "$VENV/bin/python" -m tools.lock "$LOCK"
    elif is_ours; then
        check_env --pins torch mmcv
    else
        check_env --pins torch mmcv mmcv-lite mmengine
    fi
}

# mmcv and mmcv-lite install the same module: where one is, the other must not come.
install_rest() {
    local extras="$1" stack="$HOST" upgrade=()
    if is_for_images; then stack='images'; fi
    # What mend_opencv put in place of others, which come again now, would take part in one folder with them.
    if is_ours && check_env --has opencv-python-headless; then
        "$VENV/bin/python" -m pip uninstall --quiet --yes opencv-python-headless
    fi
    if check_env --has mmcv; then
        stack='host'
        if is_for_images; then
            stack='images-host'
            extras=",$extras,"
            extras="${extras//,images,/,}" # which would bring mmcv-lite
            extras="${extras#,}"
        fi
    fi
    extras="${extras%,}"
    if "$NEWEST"; then upgrade=(--upgrade --upgrade-strategy eager); fi
    say "Installing cdb_video and what it needs ($stack,$extras); this takes some minutes"
    constraints >"$VENV/constraints.txt"
    pip_install --constraint "$VENV/constraints.txt" 'setuptools>=77,<81'
    pip_install --no-build-isolation --constraint "$VENV/constraints.txt" "${upgrade[@]}" \
        --editable "${REPOSITORY}[$stack${extras:+,$extras}]" || die "installation failed; pip's message is above." \
        "It is safe to run this again."
}

# mmcv and mmaction2 ask for two distributions of OpenCV that share one folder and are not released on one
# day: where their versions differ, all take the oldest of these.
align_opencv() {
    local wanted=()
    mapfile -t wanted < <(check_env --one-opencv)
    if ! is_ours || [[ -z "${wanted[*]}" ]]; then return; fi
    say "Bringing OpenCV to one version: ${wanted[*]}"
    "$VENV/bin/python" -m pip uninstall --quiet --yes "${wanted[@]%%==*}"
    pip_install --no-deps "${wanted[@]}" || die "${wanted[*]} could not be installed; pip's message is above." \
        "Run this again, or remove $VENV."
}

# OpenCV's usual wheels need libGL, which servers often lack; the headless wheels do not.
mend_opencv() {
    local version problem headless
    if problem="$("$VENV/bin/python" -c 'import cv2' 2>&1)"; then return; fi
    if [[ "$problem" != *'cannot open shared object file'* ]] ||
        ! version="$(check_env --version opencv-python)"; then
        die "OpenCV cannot be imported: $problem"
    fi
    problem="${problem##*$'\n'}"
    headless="opencv-python-headless==$version"
    if ! is_ours || ! pip_install --dry-run --no-deps "$headless"; then
        die "OpenCV cannot be imported: $problem. Install the missing library (Debian and Ubuntu:" \
            "apt install libgl1 libglib2.0-0), or put $headless in the place of opencv-python and" \
            "opencv-contrib-python."
    fi
    say "OpenCV lacks a system library ($problem): swapping in $headless"
    "$VENV/bin/python" -m pip uninstall --quiet --yes opencv-python opencv-contrib-python
    pip_install --no-deps "$headless"
}

# The state that an installation depends on; when it changes, the installation is brought up to date.
fingerprint() {
    cat -- "$REPOSITORY/pyproject.toml" "$REPOSITORY/tools/setup_env.sh" ${LOCK:+"$LOCK"} | cksum
    printf '%s %s %s %s\n' "$REPOSITORY" "$1" "${TORCH_SPEC:-}" "${TORCHVISION_SPEC:-}"
}

is_for_images() { [[ "$HOST" != mmaction ]]; }

# What is asked of the host, and the place of its environment: torchvision beside mmaction2 can do harm.
choose_host() {
    case ",$1," in
        *,detection,*) HOST='mmdet' ;;
        *,images,*) HOST='mmpretrain' ;;
        *) return ;;
    esac
    if [[ -z "$VENV_IS_CHOSEN" ]]; then VENV="$REPOSITORY/.venv-images"; fi
}

setup_env() {
    local extras="$1" stamp
    cd -- "$REPOSITORY"
    choose_host "$extras"
    make_venv
    find_lock
    stamp="$VENV/.set_up_${extras//,/_}"
    align_opencv
    check_env --host "$HOST" || die "the environment $VENV does not fit; see above."
    if "$NEWEST"; then
        rm -f -- "$VENV"/.set_up_* # so that the next run without --newest brings the lock back
    elif [[ -e "$stamp" ]] && [[ "$(cat -- "$stamp")" == "$(fingerprint "$extras")" ]]; then
        return
    fi
    if ! "$VENV/bin/python" -c 'import torch' 2>/dev/null; then check_space; fi
    install_torch
    if is_for_images; then install_torchvision; fi
    install_rest "$extras"
    align_opencv
    mend_opencv
    if is_for_images; then mend_torchvision; fi
    check_env --imports --host "$HOST" || die "the environment $VENV does not fit; see above."
    if ! "$NEWEST"; then fingerprint "$extras" >"$stamp"; fi
}

# Run, not sourced.
if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    if (($# > 1)) || [[ "${1:-}" == -* ]]; then
        die 'usage: tools/setup_env.sh [EXTRAS], as in tools/setup_env.sh images'
    fi
    setup_env "${1:-prep,report}"
    say "The environment is ready: . $VENV/bin/activate"
fi
