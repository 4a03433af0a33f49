"""The environments of their own that the sessions of noxfile.py make."""

from __future__ import annotations

from dataclasses import dataclass

CONTRACT_TESTS = ('tests/test_contract.py', 'tests/test_package.py')
"""What the second lane runs: what holds for everything that is registered, in less than a minute."""
IMAGE_TESTS = (
    *CONTRACT_TESTS,
    *('tests/hosts/mmpretrain', 'tests/hosts/test_host.py', 'tests/losses', 'tests/samplers', 'tests/metrics'),
)
"""What holds without mmaction2, and all that needs mmpretrain; skipped where that is absent."""
DETECTION_TESTS = tuple(
    'tests/hosts/mmdet' if name == 'tests/hosts/mmpretrain' else name for name in (*IMAGE_TESTS, 'tests/data')
)
"""The same for mmdet."""
NEEDS_MMACTION = (
    'tests/test_contract.py::test_parts_of_a_leaf_build_and_agree',
    'tests/test_contract.py::test_heads_of_mmaction_take_the_loss_with_hard_smooth_and_mixed_labels',
    'tests/test_package.py::test_a_star_import_has_what_can_be_had[absent0-there0-not_there0]',
)
"""Of these tests, what cannot apply there."""


@dataclass(frozen=True)
class Environment:
    """What is special about an environment; all else is pip's choice for its extras.

    Attributes:
        name: One word, unique.
        python: Python's version, such as '3.11'.
        constraints: Requirements that pip must keep to.
        why: What the environment stands for.
        swaps: (out, in) each: a distribution that another one is put in the place of, without what that one needs.
        left_out: Tests that cannot apply.
        extras: Of pyproject.toml, what is installed.
        beside: Distributions that are installed beside that, without what they need.
        tests: What the second lane runs there, and the matrix where it is not all.
        not_run: Why it cannot be run; '' = it can.
    """

    name: str
    python: str
    constraints: tuple[str, ...]
    why: str
    swaps: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    extras: str = 'mmaction,dev'
    beside: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    not_run: str = ''


ENVIRONMENTS = (
    Environment('default', '3.11', ('torch==2.13.0', 'numpy>=2', 'mmengine==0.10.7'), 'what tools/setup_env.sh makes'),
    Environment('newest', '3.12', ('torch==2.15.0', 'numpy>=2', 'mmengine==0.10.7'), 'newest torch, newest Python'),
    Environment(
        'oldest', '3.11', ('torch==2.0.1', 'numpy==1.24.4', 'mmengine==0.10.4'), 'oldest torch, numpy and mmengine'
    ),
    Environment(
        'oldest-python312', '3.12', ('torch==2.2.2', 'numpy<2', 'mmengine==0.10.4'), 'the same with Python 3.12'
    ),
    Environment(
        'strict-loading', '3.11', ('torch==2.6.0', 'numpy<2', 'mmengine==0.10.7'), 'first torch that loads weights only'
    ),
    Environment(
        'onedl',
        '3.11',
        ('torch==2.13.0', 'numpy>=2', 'mmengine==0.10.7'),
        'the fork of mmengine that is maintained',
        swaps=(('mmengine', 'onedl-mmengine==0.10.12'),),
        # The set-up scripts refuse the fork, since an installation of the extras would overwrite it.
        left_out=(
            'tests/tools/test_check_env.py::test_the_environment_of_these_tests_fits',
            'tests/tools/test_scripts.py',
        ),
    ),
    Environment(
        'images',
        '3.11',
        ('torch==2.13.0', 'numpy>=2', 'mmengine==0.10.7'),
        'images: mmpretrain without mmaction2, as tools/setup_env.sh images makes it',
        extras='images,dev',
        beside=('torchvision==0.28.0',),  # by its needs it would bring a torch of its own
        tests=IMAGE_TESTS,
        left_out=NEEDS_MMACTION,
    ),
    Environment(
        'images-onedl',
        '3.11',
        ('torch==2.13.0', 'numpy>=2', 'mmengine==0.10.7'),
        'images: the forks of mmpretrain, mmcv and mmengine that are maintained',
        # All three come from source but for mmengine. mmcv is built without torch beside it, so without operators.
        swaps=(
            ('mmengine', 'onedl-mmengine==0.10.12'),
            ('mmcv-lite', 'onedl-mmcv==2.3.6'),
            ('mmpretrain', 'onedl-mmpretrain==1.3.6'),
        ),
        extras='images,dev',
        beside=('torchvision==0.28.0',),
        tests=IMAGE_TESTS,
        left_out=NEEDS_MMACTION,
    ),
    Environment(
        'detection',
        '3.11',
        ('torch==2.13.0', 'numpy>=2', 'mmengine==0.10.7'),
        'detection: mmdet, with a stand-in for the operators of mmcv, as the tests have it',
        extras='images,detection,dev',
        beside=('torchvision==0.28.0',),
        tests=DETECTION_TESTS,
        left_out=NEEDS_MMACTION,
    ),
    Environment(
        'detection-onedl',
        '3.11',
        ('torch==2.13.0', 'numpy>=2', 'mmengine==0.10.7'),
        'detection: the forks of mmdet, mmcv and mmengine that are maintained, with the same stand-in',
        swaps=(
            ('mmengine', 'onedl-mmengine==0.10.12'),
            ('mmcv-lite', 'onedl-mmcv==2.3.6'),
            ('mmdet', 'onedl-mmdetection==3.5.1'),
        ),
        extras='images,detection,dev',
        beside=('torchvision==0.28.0',),
        tests=DETECTION_TESTS,
        left_out=NEEDS_MMACTION,
    ),
    Environment(
        'full-mmcv',
        '3.11',
        ('mmcv==2.1.0',),
        'mmcv with compiled operators',
        not_run='PyPI has only its source, and compiling it is no part of this test. Detectors alone use its operators',
    ),
    Environment(
        'onedl-mmcv',
        '3.11',
        ('onedl-mmcv>=2.3',),
        'the fork of mmcv that is maintained, for video',
        not_run='mmaction2 1.2.0 refuses mmcv >= 2.2, the fork begins with 2.3, and PyPI has no fork of mmaction2',
    ),
)
SECOND_LANE = ('oldest', 'newest', 'onedl', 'images', 'images-onedl', 'detection', 'detection-onedl')
"""Names of the environments that tools/test.sh --hosts tests in."""
