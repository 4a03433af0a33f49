"""Run the fast tests in every environment that the plugin claims to support, and write down the outcome.

Each environment is made anew in a folder of its own, with what pip finds for it, and removed after its run:

    python tools/support_matrix.py --folder /tmp/matrix --python 3.12=/opt/python3.12/bin/python

The outcomes go to docs/use/support_matrix.json, a row of which is replaced when its environment runs again, and
docs/use/support_matrix.md is written from it. `--only NAME` runs some, `--keep` keeps the environments. The exit code
is 0 if every environment that ran passed, 1 if one failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from xml.etree import ElementTree

if __package__:
    from tools.support_environments import ENVIRONMENTS, Environment
    from tools.support_table import write_table
else:
    from support_environments import ENVIRONMENTS, Environment  # type: ignore[import-not-found,no-redef]
    from support_table import write_table  # type: ignore[import-not-found,no-redef]

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / 'docs/use/support_matrix.json'
NEEDED_GB = 12  # a CUDA build of torch with its libraries, unpacked, and the downloads beside it
REPORTED = ('torch', 'numpy', 'mmengine', 'onedl-mmengine', 'mmcv', 'mmcv-lite', 'mmaction2', 'opencv-python', 'av')
BUILD_TOOLS = 'setuptools>=77,<81'


class NotRun(Exception):
    """The environment could not be had; the message says why."""


def run_environment(environment: Environment, folder: Path, pythons: Mapping[str, Path], keep: bool) -> dict[str, Any]:
    """Make the environment, run the tests in it and return its row."""
    row: dict[str, Any] = {
        'name': environment.name,
        'why': environment.why,
        'date': datetime.now(UTC).date().isoformat(),
        'commit': _output(['git', 'rev-parse', '--short', 'HEAD'], REPOSITORY).strip(),
        'asked': [f'Python {environment.python}', *environment.constraints],
    }
    root = folder / environment.name
    try:
        if environment.not_run:
            raise NotRun(environment.not_run)
        python = make_environment(environment, root, pythons)
        row['versions'] = _versions(python)
        row |= run_tests(python, root, environment.left_out)
    except NotRun as reason:
        row |= {'outcome': 'not run', 'reason': str(reason)}
    finally:
        if not keep:
            shutil.rmtree(root, ignore_errors=True)
    return row


def make_environment(environment: Environment, root: Path, pythons: Mapping[str, Path]) -> Path:
    """Install the environment into the folder `root` and return its python.

    Raises:
        NotRun: If there is no such Python, too little room, or pip fails.
    """
    if environment.python not in pythons:
        raise NotRun(f'no Python {environment.python} here: name one with --python {environment.python}=PATH')
    if root.exists():
        raise NotRun('its folder exists already: remove it, or give another --folder')
    root.mkdir(parents=True)
    if shutil.disk_usage(root).free < NEEDED_GB * 1e9:
        raise NotRun(f'less than {NEEDED_GB} GB of disk are free')
    python = root / 'venv/bin/python'
    log = root.with_suffix('.log')
    constraints = root / 'constraints.txt'
    swap_in = [environment.swap[1]] if environment.swap else []
    constraints.write_text('\n'.join((*environment.constraints, BUILD_TOOLS)) + '\n')
    pip = [str(python), '-m', 'pip', '--disable-pip-version-check', '--no-input']
    _logged([str(pythons[environment.python]), '-m', 'venv', str(root / 'venv')], log)
    _logged([*pip, 'install', '--quiet', BUILD_TOOLS, 'wheel'], log)
    everything = ['--no-build-isolation', '--constraint', str(constraints), '--editable', f'{REPOSITORY}[mmaction,dev]']
    _logged([*pip, 'install', '--quiet', *everything], log)
    if environment.swap:
        _logged([*pip, 'uninstall', '--quiet', '--yes', environment.swap[0]], log)
        _logged([*pip, 'install', '--quiet', '--no-deps', *swap_in], log)
    opencv = _output([str(python), str(REPOSITORY / 'tools/check_env.py'), '--one-opencv'], root).split()
    if opencv:
        _logged([*pip, 'uninstall', '--quiet', '--yes', *(line.split('==')[0] for line in opencv)], log)
        _logged([*pip, 'install', '--quiet', '--no-deps', *opencv], log)
    return python


def run_tests(python: Path, root: Path, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Run the tests that are not slow and return counts, outcome and the names of those that failed."""
    report, log = root / 'tests.xml', root.with_suffix('.log')
    command = [str(python), '-m', 'pytest', '-m', 'not slow', '-q', '-p', 'no:cacheprovider', f'--junitxml={report}']
    command += [f'--deselect={name}' for name in left_out]
    environment = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    environment |= {'OMP_NUM_THREADS': '1', 'PATH': f'{python.parent}{os.pathsep}{os.environ.get("PATH", "")}'}
    start = monotonic()
    with log.open('a') as file:
        subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=file, stderr=file, check=False)
    if not report.exists():
        raise NotRun('pytest wrote no report; its log is beside the folder of the environment')
    return {**read_report(report), 'seconds': round(monotonic() - start)}


def read_report(report: Path) -> dict[str, Any]:
    """Count what a JUnit report of pytest says."""
    (suite,) = ElementTree.parse(report).getroot().iter('testsuite')
    counts = {name: int(suite.attrib[name]) for name in ('tests', 'failures', 'errors', 'skipped')}
    bad = [
        f'{case.attrib["classname"]}::{case.attrib["name"]}'
        for case in suite.iter('testcase')
        if case.find('failure') is not None or case.find('error') is not None
    ]
    passed = counts['tests'] - counts['failures'] - counts['errors'] - counts['skipped']
    return {
        'outcome': 'failed' if bad or not passed else 'passed',
        'passed': passed,
        'failed': counts['failures'] + counts['errors'],
        'skipped': counts['skipped'],
        'failed_tests': bad,
    }


def _versions(python: Path) -> dict[str, str]:
    code = (
        'import json, platform, sys\nfrom importlib import metadata\nfound = {"python": platform.python_version()}\n'
        'for name in sys.argv[1:]:\n'
        '    try:\n        found[name] = metadata.version(name)\n'
        '    except metadata.PackageNotFoundError:\n        pass\nprint(json.dumps(found))'
    )
    versions: dict[str, str] = json.loads(_output([str(python), '-c', code, *REPORTED], python.parent))
    return versions


def _output(command: Sequence[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _logged(command: Sequence[str], log: Path) -> None:
    """Run a command of the installation; its words go to the log, and the last error of pip into the reason."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    with log.open('a') as file:
        file.write(f'$ {" ".join(command)}\n{done.stdout}')
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if 'ERROR' in line] or done.stdout.splitlines()[-1:]
        words = re.sub(r'(https?|file)://\S+|(/[\w.+-]+){2,}', '...', errors[-1] if errors else 'no message')
        raise NotRun(f'installation failed: {words}')


def find_pythons(named: Sequence[str]) -> dict[str, Path]:
    """Map versions to interpreters: those named as VERSION=PATH, and those of usual names on the PATH."""
    pythons = {f'{sys.version_info.major}.{sys.version_info.minor}': Path(sys.executable)}
    for version in {environment.python for environment in ENVIRONMENTS} - set(pythons):
        if found := shutil.which(f'python{version}'):
            pythons[version] = Path(found)
    for item in named:
        version, _, path = item.partition('=')
        if not Path(path).is_file():
            raise SystemExit(
                f'--python {item}: must be VERSION=PATH of an interpreter, such as 3.12=/usr/bin/python3.12'
            )
        pythons[version] = Path(path)
    return pythons


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description='Run the fast tests in every supported environment.')
    parser.add_argument('--folder', type=Path, required=True, help='where environments are made; several GB each')
    parser.add_argument('--only', nargs='+', choices=[e.name for e in ENVIRONMENTS], help='run these alone')
    parser.add_argument('--python', action='append', default=[], metavar='VERSION=PATH', help='an interpreter')
    parser.add_argument('--keep', action='store_true', help='keep the environments')
    parser.add_argument('--results', type=Path, default=RESULTS, help='the JSON file; the table goes beside it')
    args = parser.parse_args(argv)
    pythons = find_pythons(args.python)
    rows = {row['name']: row for row in json.loads(args.results.read_text())} if args.results.exists() else {}
    ran = []
    for environment in ENVIRONMENTS:
        if args.only and environment.name not in args.only:
            continue
        row = run_environment(environment, args.folder.resolve(), pythons, args.keep)
        print(f'{row["name"]}: {row["outcome"]} {row.get("reason", "")}', flush=True)
        ran.append(row)
        rows[row['name']] = row
        ordered = [rows[e.name] for e in ENVIRONMENTS if e.name in rows]
        args.results.parent.mkdir(parents=True, exist_ok=True)
        args.results.write_text(json.dumps(ordered, indent=1) + '\n')
        write_table(ordered, args.results.with_suffix('.md'))
    return int(any(row['outcome'] == 'failed' for row in ran))


if __name__ == '__main__':
    sys.exit(main())
