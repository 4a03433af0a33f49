"""The shell scripts, with stand-ins for the programs that they start."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import bash, calls

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')]

PYTHON_STAND_IN = """#!/bin/sh
case "$1" in data_prep/*) echo "$@" >> calls; exit 0;; esac
if [ "$1 $2" = "-m pytest" ]; then shift 2; echo pytest "$@" >> calls; exit ${PYTEST_STATUS:-0}; fi
if [ "$1 $2 $3" = "-m slipcover --merge" ]; then shift 2; echo slipcover "$@" >> calls; exit ${COVERAGE_STATUS:-0}; fi
if [ "$1 $2" = "-m slipcover" ]; then shift 7; echo pytest "$@" >> calls; exit ${PYTEST_STATUS:-0}; fi
if [ "$1 $2" = "-m mkdocs" ]; then shift 2; echo mkdocs "$@" >> calls; exit; fi
case "$2" in *torch.cuda*) echo 0; exit;; esac
exec %s "$@"
"""
MIM_STAND_IN = r"""#!/bin/sh
echo mim "$@" >> calls
[ -z "$MIM_FAILS" ] || exit 3
if [ "$1" = train ]; then
    folder=$(echo "$@" | sed 's/.*--work-dir \([^ ]*\).*/\1/')
    mkdir -p "$folder" && touch "$folder/best_acc_mean1_epoch_1.pth" "$folder/last_checkpoint"
fi
"""
COMMAND_STAND_IN = MIM_STAND_IN.replace('mim "$@"', 'cdb-video "$@" PYTHONPATH "$PYTHONPATH"').replace(
    'acc_mean1', 'lvis_segm_AP'
)
CHECKER_STAND_IN = """#!/bin/sh
echo $(basename "$0") "$@" >> calls
[ "$FAILING" != "$(basename "$0")" ]
"""


@pytest.fixture
def checkout(tmp_path, repository):
    """A checkout whose environment is set up and holds stand-ins that note how they are called."""
    root = tmp_path / 'a checkout'
    for folder in ('tools', 'requirements'):
        shutil.copytree(repository / folder, root / folder)
    shutil.copy(repository / 'pyproject.toml', root)
    (root / 'configs' / 'egtea' / 'mini').mkdir(parents=True)
    for name in ('slowfast_cdbs', 'slowfast_ce', 'i3d_ce'):
        (root / 'configs' / 'egtea' / 'mini' / f'{name}.py').touch()
    (root / 'configs/images/digits_lt').mkdir(parents=True)
    for name in ('resnet8_cdba_balsoftmax', 'resnet8_ce'):
        (root / 'configs/images/digits_lt' / f'{name}.py').touch()
    (root / 'configs/detection/shapes').mkdir(parents=True)
    for name in ('mask-rcnn_cdba_balsoftmax', 'mask-rcnn_ce'):
        (root / 'configs/detection/shapes' / f'{name}.py').touch()
    (root / 'tests').mkdir()
    (root / 'tests' / 'test_compiled.py').write_text('@pytest.mark.uncovered')
    programs = root / '.venv' / 'bin'
    programs.mkdir(parents=True)
    stand_ins = {'python': PYTHON_STAND_IN % sys.executable, 'mim': MIM_STAND_IN, 'cdb-video': COMMAND_STAND_IN}
    stand_ins |= dict.fromkeys(('ruff', 'mypy', 'codespell', 'lint-imports', 'nox'), CHECKER_STAND_IN)
    for name, text in stand_ins.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    shutil.copytree(root / '.venv', root / '.venv-images')
    for extras in ('dev', 'prep,report', 'images', 'images,prep', 'detection', 'detection,prep'):
        stamp = extras.replace(',', '_')
        bash(
            root,
            f'source tools/setup_env.sh; choose_host {extras}; fingerprint {extras} > "$VENV/.set_up_{stamp}"',
        )
    return root


def test_quickstart_makes_data_trains_and_tests(checkout):
    output = bash(checkout, 'tools/quickstart.sh')
    folder = 'work_dirs/egtea_mini/slowfast_cdbs'
    config = 'configs/egtea/mini/slowfast_cdbs.py'
    *data, train, test = calls(checkout)
    assert data == [
        'data_prep/make_egtea_mini.py --out data/egtea_mini',
        'data_prep/extract_frames.py --data-root data/egtea_mini --pack',
        'data_prep/build_lists.py --data-root data/egtea_mini --label verb --split 1 --hold-out subjects:P20-P26',
    ]
    assert train == f'mim train mmaction {config} --work-dir {folder} --seed 0 --gpus 0'
    assert f'--checkpoint {folder}/best_acc_mean1_epoch_1.pth' in test
    assert test.endswith(f'--dump {folder}/predictions.pkl')
    assert f'{folder}/predictions.pkl' in output
    _, done, ending = output.partition('Done')
    assert done
    assert (
        "In the table above, 'acc %' is of the test clips and 'difficulty' what training measured on other clips"
        in ending
    )
    assert f'{checkout}/{folder}/report.html\n' in ending
    assert ending.splitlines()[-2:] == [
        '    tools/quickstart.sh slowfast_ce',
        f'    .venv/bin/python tools/compare.py work_dirs/egtea_mini/slowfast_ce {folder}',
    ]


def test_quickstart_names_the_run_to_compare_with(checkout):
    folder = 'work_dirs/egtea_mini'
    ending = bash(checkout, 'tools/quickstart.sh slowfast_ce --seed 3').splitlines()[-2:]
    compare = f'    .venv/bin/python tools/compare.py {folder}/slowfast_ce {folder}/slowfast_cdbs'
    assert ending == ['    tools/quickstart.sh --seed 3 slowfast_cdbs', compare]
    # What is trained already is not asked for.
    ending = bash(checkout, ending[0]).splitlines()[-2:]
    assert ending == [f'Then compare with slowfast_ce, in {checkout}:', compare]
    # The one with which a config of other data, or of a network without one, would go is not guessed.
    (checkout / 'configs/egtea/slowfast_cdbw.py').touch()
    for config in ('configs/egtea/slowfast_cdbw.py', 'i3d_ce'):
        assert bash(checkout, f'tools/quickstart.sh {config}').endswith('/report.html\n')


def test_quickstart_of_images_speaks_the_words_of_its_host(checkout):
    output = bash(checkout, 'tools/quickstart.sh --task images --seed 3')
    folder, config = (
        'work_dirs/digits_lt/resnet8_cdba_balsoftmax',
        'configs/images/digits_lt/resnet8_cdba_balsoftmax.py',
    )
    assert calls(checkout) == [
        'data_prep/make_images.py --out data/digit_images',
        f'mim train mmpretrain {config} --work-dir {folder} --cfg-options randomness.seed=3 --gpus 0',
        f'mim test mmpretrain {config} --checkpoint {folder}/best_acc_mean1_epoch_1.pth --work-dir {folder} --gpus 0 '
        f'--out {folder}/predictions.pkl --out-item pred',
    ]
    assert "'acc %' is of the test images" in output
    assert output.splitlines()[-2:] == [
        '    tools/quickstart.sh --task images --seed 3 resnet8_ce',
        f'    .venv-images/bin/python tools/compare.py work_dirs/digits_lt/resnet8_ce {folder}',
    ]
    # Stopped in training, it goes on there; with another seed it refuses.
    (checkout / folder / '.trained').unlink()
    bash(checkout, 'tools/quickstart.sh --task images --seed 3')
    assert calls(checkout)[1].endswith('--cfg-options randomness.seed=3 --gpus 0 --resume')
    assert 'was trained with --seed 3' in bash(checkout, 'tools/quickstart.sh --task images', status=1)
    # From cross-entropy on, what we advise is next.
    ending = bash(checkout, 'tools/quickstart.sh --task images resnet8_ce')
    assert ending.endswith(f'tools/compare.py work_dirs/digits_lt/resnet8_ce {folder}\n')


def test_quickstart_of_detection_lets_the_stand_in_of_the_tests_have_the_operators_that_are_missing(checkout):
    folder, config = (
        'work_dirs/shapes/mask-rcnn_cdba_balsoftmax',
        'configs/detection/shapes/mask-rcnn_cdba_balsoftmax.py',
    )
    (checkout / 'tools/check_env.py').write_text('import sys; sys.exit("--operators" in sys.argv)')
    output = bash(checkout, 'tools/quickstart.sh --task detection --seed 3', PYTHONPATH='/mine')
    path = f'{checkout}/tests/support/mmcv_without_operators:/mine'
    assert calls(checkout) == [
        'data_prep/make_shapes.py --out data/shapes',
        f'cdb-video train {config} --work-dir {folder} --seed 3 PYTHONPATH {path}',
        f'cdb-video test {config} {folder}/best_lvis_segm_AP_epoch_1.pth --work-dir {folder} '
        f'--dump {folder}/predictions.pkl PYTHONPATH {path}',
    ]
    assert output.count('mmcv has no compiled operators: nms and RoIAlign of tests/support stand in') == 1
    assert "'acc %' is of the test objects" in output
    assert output.splitlines()[-2:] == [
        '    tools/quickstart.sh --task detection --seed 3 mask-rcnn_ce',
        f'    .venv-images/bin/python tools/compare.py work_dirs/shapes/mask-rcnn_ce {folder}',
    ]
    # Where mmcv has them, nothing stands in.
    (checkout / 'tools/check_env.py').write_text('')
    output = bash(checkout, 'tools/quickstart.sh --task detection --fresh', PYTHONPATH='/mine')
    assert calls(checkout)[-1].endswith('PYTHONPATH /mine')
    (checkout / folder / '.trained').unlink()
    bash(checkout, 'tools/quickstart.sh --task detection --seed 3')
    assert '--seed 3 --resume PYTHONPATH' in calls(checkout)[-2]
    assert 'stand in' not in output


def test_quickstart_does_not_repeat_a_finished_training(checkout):
    bash(checkout, 'tools/quickstart.sh i3d_ce')
    calls(checkout)
    output = bash(checkout, 'tools/quickstart.sh i3d_ce')
    assert [line.split()[1] for line in calls(checkout) if line.startswith('mim')] == ['test']
    assert '--fresh trains anew' in output


def test_quickstart_resumes_an_unfinished_training(checkout):
    bash(checkout, 'tools/quickstart.sh')
    (checkout / 'work_dirs/egtea_mini/slowfast_cdbs/.trained').unlink()
    calls(checkout)
    bash(checkout, 'tools/quickstart.sh')
    assert calls(checkout)[-2].endswith('--resume')


def test_quickstart_fresh_trains_beside_the_earlier_runs(checkout):
    bash(checkout, 'tools/quickstart.sh; tools/quickstart.sh --fresh; tools/quickstart.sh --fresh')
    trained = sorted(path.name for path in (checkout / 'work_dirs' / 'egtea_mini').iterdir())
    assert trained == ['slowfast_cdbs', 'slowfast_cdbs_2', 'slowfast_cdbs_3']


@pytest.mark.parametrize('finished', [True, False])
def test_quickstart_does_not_mix_seeds_in_one_folder(checkout, finished):
    bash(checkout, 'tools/quickstart.sh --seed 3')
    if not finished:
        (checkout / 'work_dirs/egtea_mini/slowfast_cdbs/.trained').unlink()
    output = bash(checkout, 'tools/quickstart.sh --seed 4', status=1)
    assert 'slowfast_cdbs was trained with --seed 3' in output
    assert '--seed 4' in bash(checkout, 'tools/quickstart.sh --seed 4 --fresh')


def test_quickstart_takes_a_config_by_its_path(checkout):
    bash(checkout, 'tools/quickstart.sh configs/egtea/mini/i3d_ce.py --work-dir work_dirs/egtea_mini/x/')
    assert any(
        'train mmaction configs/egtea/mini/i3d_ce.py --work-dir work_dirs/egtea_mini/x ' in c for c in calls(checkout)
    )


def test_set_up_names_an_environment_that_was_not_finished(checkout, tmp_path):
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path / 'half')], check=True)
    output = bash(checkout, 'source tools/setup_env.sh; setup_env dev', status=1, VENV=str(tmp_path / 'half'))
    assert 'has no working pip' in output


def test_quickstart_stops_when_training_fails(checkout):
    output = bash(checkout, 'tools/quickstart.sh', status=1, MIM_FAILS='1')
    assert 'error: failed: Training slowfast_cdbs' in output
    assert not (checkout / 'work_dirs/egtea_mini/slowfast_cdbs/.trained').exists()
    assert calls(checkout)[-1].startswith('mim train')


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ('no_such', 'slowfast_cdbs.py'),
        ('configs/egtea/no_such.py', 'there is no configs/egtea/no_such.py'),
        ('--no-such', '--help'),
        ('--seed', '--seed needs a value'),
        ('--task', '--task needs a value'),
        ('--task audio', '--task audio must be video, images or detection'),
        ('--task detection i3d_ce', 'there is no configs/detection/shapes/i3d_ce.py'),
        ('--task images slowfast_ce', 'there is no configs/images/digits_lt/slowfast_ce.py'),
        ('--seed abc', '--seed abc is not a whole number'),
        ('i3d_ce slowfast_cdbs', 'two configs, i3d_ce and slowfast_cdbs'),
    ],
)
def test_quickstart_tells_what_is_wrong_with_an_argument(checkout, arguments, words):
    assert words in bash(checkout, f'tools/quickstart.sh {arguments}', status=1)
    assert calls(checkout) == []


def in_order(noted):
    """The calls but for the checks of the test script that run beside the others."""
    return [line for line in noted if line.split()[0] not in ('mypy', 'mkdocs')]


def test_the_test_script_runs_every_check(checkout):
    bash(checkout, 'tools/test.sh', CI='true')
    noted = calls(checkout)
    assert {'mypy', 'mkdocs'} <= {line.split()[0] for line in noted}
    others = in_order(noted)
    assert ' '.join(line.split()[0] for line in others) == 'ruff ruff codespell lint-imports pytest pytest slipcover'
    assert others[-3].endswith('-m not uncovered and not long')
    assert others[-2].endswith('-m uncovered and not long tests/test_compiled.py')
    assert others[-1].endswith('--fail-under 97')


def test_the_site_is_built_as_the_test_script_does(checkout):
    bash(checkout, 'tools/docs.sh')
    assert calls(checkout) == ['mkdocs build']


def test_the_test_script_hands_arguments_to_pytest(checkout):
    bash(checkout, 'tools/test.sh tests/test_x.py -k "one two"')
    assert in_order(calls(checkout))[-1] == 'pytest tests/test_x.py -k one two'


def test_long_tests_run_alone_side_by_side(checkout):
    bash(checkout, 'tools/test.sh --long -k resumed')
    (noted,) = calls(checkout)
    assert noted.startswith('pytest --numprocesses=')
    assert noted.endswith('-m long -k resumed')
    bash(checkout, 'tools/test.sh --long', status=1, PYTEST_STATUS='1')


def test_the_second_lane_runs_alone_and_fails_as_it_does(checkout):
    bash(checkout, 'tools/test.sh --hosts; tools/test.sh --hosts tests/test_x.py')
    assert calls(checkout) == ['nox --session hosts --', 'nox --session hosts -- tests/test_x.py']
    bash(checkout, 'tools/test.sh --hosts', status=1, FAILING='nox')


@pytest.mark.parametrize(
    ('command', 'last'),
    [
        ('tools/test.sh --fast --newest tests/test_x.py', 'not training and not slow and not long tests/test_x.py'),
        ('tools/quickstart.sh --newest i3d_ce', '--dump work_dirs/egtea_mini/i3d_ce/predictions.pkl'),
    ],
)
def test_newest_is_for_the_set_up(checkout, command, last):
    assert '--newest changes nothing in ' in bash(checkout, command)
    assert in_order(calls(checkout))[-1].endswith(last)


@pytest.mark.parametrize(
    'environment', [{'FAILING': 'mypy'}, {'PYTEST_STATUS': '5'}, {'PYTEST_STATUS': '1'}, {'COVERAGE_STATUS': '2'}]
)
def test_the_test_script_fails_when_one_check_fails_and_runs_the_others(checkout, environment):
    output = bash(checkout, 'tools/test.sh', status=1, **environment)
    assert 'error: failed: ' in output
    assert environment.get('FAILING', '') in output.partition('error: failed: ')[2]
    assert [line.split()[0] for line in in_order(calls(checkout))[-3:]] == ['pytest', 'pytest', 'slipcover']


def test_set_up_for_images_has_a_place_of_its_own(checkout):
    images, video = checkout / '.venv-images', checkout / '.venv'
    assert f'The environment is ready: . {images}/bin/activate' in bash(checkout, 'tools/setup_env.sh images')
    assert f'The environment is ready: . {video}/bin/activate' in bash(checkout, 'tools/setup_env.sh dev')
    assert f'The environment is ready: . {images}/bin/activate' in bash(checkout, 'tools/setup_env.sh detection')
    # One that the user named is taken.
    assert f': . {video}/bin/activate' in bash(
        checkout, 'cp .venv-images/.set_up_images .venv; tools/setup_env.sh images', VENV=str(video)
    )
    assert 'usage: tools/setup_env.sh [EXTRAS]' in bash(checkout, 'tools/setup_env.sh --help', status=1)


@pytest.mark.parametrize(
    ('extras', 'full_mmcv', 'installed'),
    [
        ('prep,report', False, '[mmaction,prep,report]'),
        ('prep,report', True, '[host,prep,report]'),
        ('images', False, '[images,images]'),
        ('dev,images', True, '[images-host,dev]'),
        ('images', True, '[images-host]'),
        ('detection,prep', False, '[images,detection,prep]'),
        ('images,detection', True, '[images-host,detection]'),
    ],
)
def test_set_up_asks_for_the_extras_of_the_host_and_brings_no_second_mmcv(checkout, extras, full_mmcv, installed):
    has = 'true' if full_mmcv else 'false'
    output = bash(
        checkout,
        f'source tools/setup_env.sh; choose_host {extras}; VENV=.venv; constraints() {{ :; }}; '
        f'check_env() {{ {has}; }}; is_ours() {{ false; }}; pip_install() {{ echo "$@"; }}; install_rest {extras}',
    )
    assert output.splitlines()[-1].endswith(f'a checkout{installed}')


def test_set_up_takes_the_torchvision_of_the_torch_or_what_is_named(checkout):
    stand_ins = (
        'source tools/setup_env.sh; has_gpu() { true; }; pip_install() { echo "$@"; }; '
        'check_env() { [[ "$1" != --torchvision ]] || echo torchvision==0.28.0; [[ "$1" != --has ]]; }; '
    )
    assert bash(checkout, f'{stand_ins} install_torchvision').endswith('--no-deps torchvision==0.28.0\n')
    named = bash(checkout, f'{stand_ins} install_torchvision', TORCHVISION_SPEC='torchvision==0.27.1')
    assert named.endswith('--no-deps torchvision==0.27.1\n')
    offline = f'{stand_ins} has_gpu() {{ false; }}; pip_install() {{ echo "$@"; [[ "$*" != *index-url* ]]; }}; '
    first, told, second = bash(checkout, f'{offline} install_torchvision').splitlines()[-3:]
    assert '--index-url' in first
    assert 'could not be had' in told
    assert second == '--no-deps torchvision==0.28.0'


def test_set_up_stops_at_a_python_that_does_not_fit(checkout, tmp_path):
    other = tmp_path / 'python3.9'
    other.write_text('#!/bin/sh\nexit 1\n')
    other.chmod(0o755)
    output = bash(
        checkout,
        'source tools/setup_env.sh; setup_env dev',
        status=1,
        PYTHON=str(other),
        VENV=str(tmp_path / 'new'),
    )
    assert f'PYTHON={other} is not a working Python 3.11 or 3.12' in output


def test_set_up_stops_when_no_python_is_found(checkout, tmp_path):
    programs = tmp_path / 'programs'
    programs.mkdir()
    for name in ('bash', 'dirname', 'ls'):
        (programs / name).symlink_to(Path(shutil.which(name)).resolve())
    command = f'PATH={programs}; source tools/setup_env.sh; VENV={tmp_path}/new; setup_env dev'
    assert 'no Python 3.11 or 3.12 among' in bash(checkout, command, status=1)


def test_set_up_leaves_a_folder_alone_that_is_no_environment(checkout, tmp_path):
    folder = tmp_path / 'mine'
    folder.mkdir()
    (folder / 'thesis.txt').touch()
    command = 'source tools/setup_env.sh; setup_env dev'
    output = bash(checkout, command, status=1, VENV=str(folder))
    assert 'is not a virtual environment' in output
    assert [path.name for path in folder.iterdir()] == ['thesis.txt']


def test_set_up_stops_when_the_disk_is_full(checkout):
    command = 'source tools/setup_env.sh; CPU_SPACE_GB=9999999; GPU_SPACE_GB=9999999; check_space'
    assert 'GB free; installing takes up to 9999999 GB' in bash(checkout, command, status=1)


def test_set_up_refuses_an_environment_whose_libraries_do_not_fit(checkout):
    (checkout / 'tools' / 'check_env.py').write_text('raise SystemExit("problem: mmcv 2.2")')
    output = bash(checkout, 'tools/test.sh', status=1)
    assert 'problem: mmcv 2.2' in output
    assert 'does not fit' in output
    assert calls(checkout) == []


CHECK_ENV_STAND_IN = """
import sys
if sys.argv[1:] == ['--one-opencv']:
    print('opencv-python==5.0.0.93\\nopencv-contrib-python==5.0.0.93')
"""


@pytest.mark.parametrize('ours', [True, False])
def test_set_up_brings_opencv_to_one_version_in_its_own_environment_only(checkout, ours):
    (checkout / 'tools' / 'check_env.py').write_text(CHECK_ENV_STAND_IN)
    python = checkout / '.venv' / 'bin' / 'python'
    python.write_text(
        '#!/bin/sh\nif [ "$2" = pip ]; then shift 2; echo pip "$@" >> calls; exit; fi\n' + python.read_text()
    )
    if ours:
        (checkout / '.venv' / '.made_by_cdb_video').touch()
        bash(checkout, 'source tools/setup_env.sh; find_lock; fingerprint dev > "$VENV/.set_up_dev"')
    bash(checkout, 'source tools/setup_env.sh; setup_env dev')
    changes = [line for line in calls(checkout) if line.split()[1] in ('install', 'uninstall')]
    assert [line.split()[1] for line in changes] == (['uninstall', 'install'] if ours else [])
    if ours:
        assert changes[0].endswith(' opencv-python opencv-contrib-python')
        assert changes[1].endswith(' --no-deps opencv-python==5.0.0.93 opencv-contrib-python==5.0.0.93')


@pytest.mark.parametrize(
    ('answer', 'spec', 'installed'),
    [
        ('torchvision==0.16.2', '', '--no-deps torchvision==0.16.2'),
        ('torchvision==0.16.2', 'mine.whl', ''),  # what the user named is kept
        ('', '', ''),
    ],
)
def test_set_up_takes_a_torchvision_that_works_without_its_compiled_part_where_that_does_not_load(
    checkout, answer, spec, installed
):
    stand_ins = (
        f'source tools/setup_env.sh; is_ours() {{ true; }}; check_env() {{ echo {answer}; }}; say() {{ :; }}; '
        'pip_install() { echo "$@"; }'
    )
    assert bash(checkout, f'{stand_ins}; mend_torchvision', TORCHVISION_SPEC=spec).strip() == installed
    # An environment of the user's own is left alone.
    assert bash(checkout, f'{stand_ins}; is_ours() {{ false; }}; mend_torchvision') == ''


def test_set_up_says_what_to_do_where_no_torchvision_works(checkout):
    output = bash(
        checkout,
        'source tools/setup_env.sh; is_ours() { true; }; check_env() { echo 2.13; }; pip_install() { false; }; '
        'mend_torchvision',
        status=1,
    )
    assert 'error: no torchvision that works beside torch 2.13 could be had' in output
    assert 'set PYTHON to a Python 3.11' in output
