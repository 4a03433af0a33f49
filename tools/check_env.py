"""Check whether an environment fits the plugin; run by tools/setup_env.sh, also of use by hand.

``python tools/check_env.py`` looks at the versions of what is installed, ``--imports`` imports it
as well. Each problem is printed with its remedy, and the exit status is 1 if there is any. Faults
of the hosts that show before the plugin is imported can only be found here, see
:mod:`cdb_video.hosts.mmengine.mends`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OPENCV = (
    'opencv-python',
    'opencv-contrib-python',
    'opencv-python-headless',
    'opencv-contrib-python-headless',
)
IMPORTS = ('torch', 'cv2', 'mmengine', 'mmcv', 'pkg_resources', 'mim')
HOSTS = ('mmaction', 'mmpretrain', 'mmdet')
MMCV_LIMITS = {
    'mmaction': ('mmaction2 1.2.0', (2, 2)),
    'mmpretrain': ('mmpretrain 1.2.0', (2, 4)),
    'mmdet': ('mmdet 3.3.0', (2, 2)),
}
TORCHVISION_MINUS_TORCH = 15  # 0.28 was made for torch 2.13, and so on from 0.15 for 2.0
PYTHON_TORCHVISION = 'torchvision==0.16.2'  # the last that imports where its compiled part does not load
REMEDIES = {
    'torchvision': '. It does not fit the torch that is installed, or is damaged: put the one in its place that was '
    'made for this torch, from where that came (TORCHVISION_SPEC for tools/setup_env.sh). For tests alone: with '
    'PYTHONPATH=tests/support/misfit_torchvision its Python part can be imported'
}
CUDA_PACKAGES = re.compile(r'(nvidia|cuda|triton|pytorch-triton)', re.IGNORECASE)
Versions = Callable[[str], str | None]


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, or None where it is absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: '2.1.0rc4+cpu' gives (2, 1, 0)."""
    match = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(part) for part in match.group().split('.')) if match else ()


def find_problems(version_of: Versions, modules: Sequence[str] = (), host: str = HOSTS[0]) -> list[str]:
    """List what does not fit, each with its remedy.

    Args:
        version_of: gives the version of a distribution, None where it is absent.
        modules: names of modules that can be imported, whatever distribution they come from.
        host: the module of the host that the environment is for.
    """
    problems = []
    refuser, limit = MMCV_LIMITS[host]
    for name in ('mmcv', 'mmcv-lite', 'onedl-mmcv'):
        version = version_of(name)
        if version and release(version) >= limit:
            problems.append(
                f'{name} {version} is installed, but {refuser} refuses mmcv >= {".".join(map(str, limit))}: '
                "pip install 'mmcv-lite==2.1.0' in its place, or use a fresh environment."
            )
    if version_of('mmcv') and version_of('mmcv-lite'):
        problems.append(
            'mmcv and mmcv-lite are both installed and overwrite each other: pip uninstall both, '
            'then install the one you need.'
        )
    return (
        problems
        + _mmengine_problems(version_of, modules)
        + _opencv_problems(version_of)
        + _setuptools_problems(version_of)
    )


def _mmengine_problems(version_of: Versions, modules: Sequence[str]) -> list[str]:
    if version_of('mmengine') and version_of('onedl-mmengine'):
        return [
            'mmengine and onedl-mmengine are both installed and overwrite each other: pip uninstall both, '
            'then install the one you need.'
        ]
    if 'mmengine' not in modules or version_of('mmengine'):
        return []
    return [
        'mmengine comes from another distribution than the one named mmengine, which an '
        'installation would overwrite: use a fresh environment, or install the plugin alone '
        'with pip install --no-deps.'
    ]


def one_opencv(version_of: Versions) -> list[str]:
    """Requirements that bring all OpenCV distributions to one version; none where they have one.

    The oldest of the versions found: the distributions are not released on one day, so the newest of
    one is often not to be had yet for the others.
    """
    found = {name: version for name in OPENCV if (version := version_of(name))}
    if len(set(found.values())) < 2:
        return []
    oldest = min(found.values(), key=release)
    return [f'{name}=={oldest}' for name in found]


def _opencv_problems(version_of: Versions) -> list[str]:
    wanted = one_opencv(version_of)
    if not wanted:
        return []
    names = [line.partition('==')[0] for line in wanted]
    listed = ', '.join(f'{name} {version_of(name)}' for name in names)
    return [
        f'{listed} are installed: they share the folder cv2, so it is a mixture of versions. '
        f'pip uninstall {" ".join(names)}, then pip install {" ".join(wanted)}.'
    ]


def _setuptools_problems(version_of: Versions) -> list[str]:
    version = version_of('setuptools')
    if version is None or release(version) < (82,) or version_of('openmim') is None:
        return []
    return [f"setuptools {version} has no pkg_resources, which mim imports: pip install 'setuptools<81'."]


def find_import_problems(names: Sequence[str]) -> list[str]:
    """Import each module, after the plugin with its mends, and list what failed."""
    problems = []
    for name in ('cdb_video', *names):
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever an installation does wrong, it is to be told
            problems.append(f'{name} cannot be imported: {type(error).__name__}: {error}{REMEDIES.get(name, "")}')
    return problems


def fitting_torchvision(torch: str) -> str | None:
    """The torchvision that was released with a torch, such as 'torchvision==0.28.0' for '2.13.0+cpu'; None = not known.

    As the table of torchvision's README has it: from 0.15.1 for torch 2.0.0 on, one minor version each.
    """
    major, minor, patch = (*release(torch), 0, 0, 0)[:3]
    if major != 2:
        return None
    return f'torchvision==0.{minor + TORCHVISION_MINUS_TORCH}.{patch + (minor == 0)}'


def python_torchvision() -> list[str]:
    """What to put in the place of a torchvision that was compiled for another build of torch; nothing where it fits.

    Such a one, for CUDA beside a torch for CPUs for instance, fails at import from 0.17 on. The older one imports
    without its compiled part, and mmpretrain's own configs use its Python part alone.
    """
    try:
        importlib.import_module('torchvision')
    except Exception as error:  # faults of other kinds are told by find_import_problems
        return [PYTHON_TORCHVISION] if 'operator torchvision::' in str(error) else []
    return []


def has_operators() -> bool:
    """Tell whether mmcv has its compiled operators, which detectors need, as far as their file tells.

    mmcv-lite has none. Those that were compiled for another torch are there, and fail when they are imported.
    """
    package = find_spec('mmcv')
    folders = (package and package.submodule_search_locations) or ()
    return any(True for folder in folders for _ in Path(folder).glob('_ext*'))


def is_cpu_torch(report: dict[str, Any]) -> bool:
    """Tell from pip's installation report whether the torch it would take comes without CUDA.

    Uses the reader of requirements within pip, as nothing else is installed at that time; importing
    pip changes how this process imports, so call it in a process that does nothing more.
    """
    from pip._vendor.packaging.requirements import Requirement

    for item in report['install']:
        torch = item['metadata']
        if torch['name'] != 'torch' or torch['version'].endswith('+cpu'):
            continue
        for line in torch.get('requires_dist', []):
            need = Requirement(line)
            active = need.marker is None or need.marker.evaluate({'extra': ''})
            if active and CUDA_PACKAGES.match(need.name):
                return False
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Run one check; the exit status is 0 where the answer is yes."""
    parser = argparse.ArgumentParser(description='Check whether an environment fits cdb_video.')
    parser.add_argument('--imports', action='store_true', help='also import the host libraries')
    parser.add_argument('--host', choices=HOSTS, default=HOSTS[0], help='the one that the environment is for')
    parser.add_argument('--has', metavar='NAME', help='only tell whether it is installed')
    parser.add_argument('--version', metavar='NAME', help='only print its version')
    parser.add_argument('--pins', metavar='NAME', nargs='+', help='print NAME==VERSION lines')
    parser.add_argument('--one-opencv', action='store_true', help='print what makes OpenCV one version')
    parser.add_argument('--operators', action='store_true', help='only tell whether mmcv has its compiled operators')
    parser.add_argument('--torchvision', action='store_true', help='print the one that fits the torch')
    parser.add_argument(
        '--python-torchvision', action='store_true', help='print what takes the place of one made for another torch'
    )
    parser.add_argument('--cpu-torch', metavar='FILE', type=Path, help='judge a report of pip')
    args = parser.parse_args(argv)
    if args.cpu_torch:
        return int(not is_cpu_torch(json.loads(args.cpu_torch.read_text())))
    if args.operators:
        return int(not has_operators())
    if args.has:
        return int(installed_version(args.has) is None)
    if args.version or args.torchvision:
        answer = (
            fitting_torchvision(installed_version('torch') or '')
            if args.torchvision
            else installed_version(args.version)
        )
        return _tell([] if answer is None else [answer]) or int(answer is None)
    if args.pins:
        found = {name: version for name in args.pins if (version := installed_version(name))}
        return _tell([f'{name}=={version}' for name, version in found.items()])
    if args.one_opencv:
        return _tell(one_opencv(installed_version))
    if args.python_torchvision:
        return _tell(python_torchvision())
    problems = find_problems(installed_version, [m for m in IMPORTS if find_spec(m)], args.host)
    if args.imports and not problems:
        vision = () if args.host == 'mmaction' else ('torchvision',)
        problems = find_import_problems([*IMPORTS, *vision, args.host])
    for problem in problems:
        print(f'problem: {problem}', file=sys.stderr)
    return int(bool(problems))


def _tell(lines: Sequence[str]) -> int:
    """Print lines; 0, the exit status of an answer."""
    for line in lines:
        print(line)
    return 0


if __name__ == '__main__':
    sys.exit(main())
