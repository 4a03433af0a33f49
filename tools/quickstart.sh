#!/usr/bin/env bash
# From nothing to a per-class report: makes a small data set, trains a tiny network on it and tests the best
# checkpoint. EGTEA-mini with MMAction2; with --task images handwritten digits with mmpretrain, with --task detection
# drawn shapes with mmdet. Makes or reuses .venv or .venv-images first, see setup_env.sh for its settings. Run again, it
# goes on where it stopped, and never overwrites a finished training.
set -euo pipefail
# shellcheck source=tools/setup_env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup_env.sh"

# What differs between the tasks; choose_task sets it.
TASK='video'
DATA=''
CONFIGS=''
RUNS=''    # folder of the work directories
CONFIG=''  # of the training
EXTRAS=''  # of the environment
SAMPLES='' # the word for them
ROOT=''    # the variable by which the configs find the data
MEASURE='' # by which the best checkpoint is chosen, as its name has it

usage() {
    cat <<'END'
usage: tools/quickstart.sh [--task video|images|detection] [--fresh] [--work-dir DIR] [--seed N] [--newest]
                           [CONFIG]

CONFIG is the name of a file in configs/egtea/mini (default: slowfast_cdbs), with --task images in
configs/images/digits_lt (default: resnet8_cdba_balsoftmax), with --task detection in
configs/detection/shapes (default: mask-rcnn_cdba_balsoftmax), or a path with a slash.
--task      what to classify: clips, images, or the objects in images (default: video)
--fresh     train anew, in a new folder beside the earlier ones
--work-dir  where the training goes (default: work_dirs/egtea_mini/CONFIG, work_dirs/digits_lt/CONFIG or
            work_dirs/shapes/CONFIG); relative to the repository
--seed      of the training (default: 0)
--newest    with the newest versions that fit, not those that the repository was tested with
END
}

choose_task() {
    case "$TASK" in
        video)
            DATA='data/egtea_mini'
            CONFIGS='configs/egtea/mini'
            RUNS='work_dirs/egtea_mini'
            CONFIG="${CONFIG:-slowfast_cdbs}"
            EXTRAS='prep,report'
            SAMPLES='clips'
            ROOT='EGTEA_ROOT'
            MEASURE='acc_mean1'
            ;;
        images)
            DATA='data/digit_images'
            CONFIGS='configs/images/digits_lt'
            RUNS='work_dirs/digits_lt'
            CONFIG="${CONFIG:-resnet8_cdba_balsoftmax}"
            EXTRAS='images,prep'
            SAMPLES='images'
            ROOT='DIGITS_ROOT'
            MEASURE='acc_mean1'
            ;;
        detection)
            DATA='data/shapes'
            CONFIGS='configs/detection/shapes'
            RUNS='work_dirs/shapes'
            CONFIG="${CONFIG:-mask-rcnn_cdba_balsoftmax}"
            EXTRAS='detection,prep'
            SAMPLES='objects'
            ROOT='SHAPES_ROOT'
            MEASURE='lvis_segm_AP'
            ;;
        *) die "--task $TASK must be video, images or detection" ;;
    esac
}

WORK_DIR=''
SEED=0
FRESH=false
while (($#)); do
    case "$1" in
        --fresh) FRESH=true ;;
        --newest) NEWEST=true ;;
        --task | --work-dir | --seed)
            (($# > 1)) || die "$1 needs a value"
            case "$1" in
                --task) TASK="$2" ;;
                --seed) SEED="$2" ;;
                *) WORK_DIR="${2%/}" ;;
            esac
            shift
            ;;
        -h | --help)
            usage
            exit
            ;;
        -*) die "unknown option $1; tools/quickstart.sh --help lists them" ;;
        *)
            [[ -z "$CONFIG" ]] || die "two configs, $CONFIG and $1; give one"
            CONFIG="$1"
            ;;
    esac
    shift
done

[[ "$SEED" =~ ^[0-9]+$ ]] || die "--seed $SEED is not a whole number"

cd -- "$REPOSITORY"
choose_task
if [[ "$CONFIG" == */* ]]; then CONFIG_FILE="$CONFIG"; else CONFIG_FILE="$CONFIGS/${CONFIG%.py}.py"; fi
CONFIG="$(basename -- "$CONFIG" .py)"
[[ -f "$CONFIG_FILE" ]] || die "there is no $CONFIG_FILE; $CONFIGS has:" \
    "$(cd -- "$CONFIGS" 2>/dev/null && echo ./*.py)"
WORK_DIR="${WORK_DIR:-$RUNS/$CONFIG}"

first_free_folder() {
    local number=2
    while [[ -e "$1_$number" ]]; do number=$((number + 1)); done
    echo "$1_$number"
}
if "$FRESH" && [[ -e "$WORK_DIR" ]]; then WORK_DIR="$(first_free_folder "$WORK_DIR")"; fi

TIMES=()
step() {
    local name="$1" start="$SECONDS"
    shift
    say "$name"
    printf '$ %s\n' "$*"
    "$@" || die "failed: $name; its message is above. Run this again to go on: what is finished is kept."
    TIMES+=("$(printf '%6d s  %s' "$((SECONDS - start))" "$name")")
    echo "took $((SECONDS - start)) s"
}

make_data() {
    case "$TASK" in
        images)
            step 'Making long-tailed digits' python data_prep/make_images.py --out "$DATA"
            return
            ;;
        detection)
            step 'Making long-tailed shapes' python data_prep/make_shapes.py --out "$DATA"
            return
            ;;
    esac
    step 'Making EGTEA-mini' python data_prep/make_egtea_mini.py --out "$DATA"
    step 'Extracting frames' python data_prep/extract_frames.py --data-root "$DATA" --pack
    step 'Building lists' python data_prep/build_lists.py --data-root "$DATA" --label verb --split 1 \
        --hold-out subjects:P20-P26
}

train() {
    local resume=() name="Training $CONFIG" earlier seed=(--seed "$SEED")
    # mmpretrain's command has no --seed.
    if [[ "$TASK" == images ]]; then seed=(--cfg-options "randomness.seed=$SEED"); fi
    if [[ -e "$WORK_DIR/.seed" ]]; then
        earlier="$(cat -- "$WORK_DIR/.seed")"
        [[ "$earlier" == "$SEED" ]] || die "$WORK_DIR was trained with --seed $earlier. Use --fresh or" \
            "another --work-dir for --seed $SEED."
    fi
    if [[ -e "$WORK_DIR/.trained" ]]; then
        say "Training in $WORK_DIR is finished and kept; --fresh trains anew"
        return
    fi
    mkdir -p -- "$WORK_DIR"
    echo "$SEED" >"$WORK_DIR/.seed"
    # --resume without a checkpoint would make mmengine drop the pretrained weights.
    if [[ -e "$WORK_DIR/last_checkpoint" ]]; then
        resume=(--resume)
        name="Going on with training $CONFIG"
    fi
    if [[ "$TASK" == detection ]]; then
        step "$name" cdb-video train "$CONFIG_FILE" --work-dir "$WORK_DIR" --seed "$SEED" "${resume[@]}"
    else
        step "$name" mim train "$HOST" "$CONFIG_FILE" \
            --work-dir "$WORK_DIR" "${seed[@]}" --gpus "$GPUS" "${resume[@]}"
    fi
    touch "$WORK_DIR/.trained"
}

test_best() {
    local dump=(--dump "$WORK_DIR/predictions.pkl")
    # mmdet's own command dumps all that it finds, not what the objects are called.
    if [[ "$TASK" == detection ]]; then
        step 'Testing the best checkpoint' cdb-video test "$CONFIG_FILE" "$BEST" --work-dir "$WORK_DIR" "${dump[@]}"
        return
    fi
    if [[ "$TASK" == images ]]; then dump=(--out "$WORK_DIR/predictions.pkl" --out-item pred); fi
    step 'Testing the best checkpoint' mim test "$HOST" "$CONFIG_FILE" --checkpoint "$BEST" \
        --work-dir "$WORK_DIR" --gpus "$GPUS" "${dump[@]}"
}

# The newest, should a resumed training have left more than one.
best_checkpoint() {
    local newest='' file
    for file in "$WORK_DIR/best_${MEASURE}_epoch_"*.pth; do
        if [[ -e "$file" ]] && [[ -z "$newest" || "$file" -nt "$newest" ]]; then newest="$file"; fi
    done
    [[ -n "$newest" ]] || die "no best_${MEASURE}_epoch_*.pth in $WORK_DIR, though training ended"
    echo "$newest"
}

# What to train beside this one: plain cross-entropy of the same network, or where this was it what is trained unasked.
counterpart() {
    local name="${CONFIG%%_*}_ce"
    if [[ "$name" == "$CONFIG" ]]; then
        name="${CONFIG%%_*}_cdbs"
        if [[ "$TASK" != video ]]; then name="${CONFIG%%_*}_cdba_balsoftmax"; fi
    fi
    # A config of other data has none here.
    if [[ "$CONFIG_FILE" -ef "$CONFIGS/$CONFIG.py" && -f "$CONFIGS/$name.py" ]]; then echo "$name"; fi
}

next_steps() {
    local other folder pair options=''
    cat <<END
In the table above, 'acc %' is of the test $SAMPLES and 'difficulty' what training measured on other $SAMPLES.
Look next at the page with the pictures, confusions and surest mistakes (docs/use/report.md explains it):
    $(cd -- "$WORK_DIR" && pwd)/report.html
END
    other="$(counterpart)"
    if [[ -z "$other" ]]; then return; fi
    folder="$RUNS/$other"
    pair="$folder $(printf '%q' "$WORK_DIR")"
    if [[ "$CONFIG" == *_ce ]]; then pair="$(printf '%q' "$WORK_DIR") $folder"; fi
    echo "Then compare with $other, in $REPOSITORY:"
    if [[ ! -e "$folder/.trained" ]]; then
        if [[ "$TASK" != video ]]; then options="--task $TASK "; fi
        if [[ "$SEED" != 0 ]]; then options+="--seed $SEED "; fi
        echo "    tools/quickstart.sh $options$other"
    fi
    echo "    $(printf '%q' "${VENV#"$REPOSITORY/"}/bin/python") tools/compare.py $pair"
}

# Detectors ask for operators of mmcv that are compiled for one torch each; mmcv-lite has none.
replace_operators() {
    local folder="$REPOSITORY/tests/support/mmcv_without_operators"
    if [[ "$TASK" != detection ]] || check_env --operators; then return; fi
    echo "mmcv has no compiled operators: nms and RoIAlign of tests/support stand in, for this alone, slowly"
    export PYTHONPATH="$folder${PYTHONPATH:+:$PYTHONPATH}"
}

setup_env "$EXTRAS"
echo "The environment is ready ($SECONDS s)"
replace_operators
PATH="$VENV/bin:$PATH"
export "$ROOT=$DATA"
# The network is so small that a second thread costs more than it gives; the samples are read beside it.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
GPUS="$(python -c 'import torch; print(int(torch.cuda.is_available()))')"

make_data
train
BEST="$(best_checkpoint)"
test_best

say 'Done'
printf '%s\n' "${TIMES[@]}"
cat <<END

data         $DATA
training     $WORK_DIR (log, checkpoints, class_history.jsonl)
checkpoint   $BEST
predictions  $WORK_DIR/predictions.pkl
report       $WORK_DIR/report.html, class_report.csv, .json and .md

END
next_steps
