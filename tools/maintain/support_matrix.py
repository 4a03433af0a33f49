"""Run the fast tests in every environment that the plugin claims to support, and write down the outcome.

Each environment is made anew by nox, in a folder of its own and with what pip finds for it, and removed after its run;
`matrix` in noxfile.py says how:

    python -m tools.maintain.support_matrix --folder /tmp/matrix --python 3.12=/opt/python3.12/bin/python

The outcomes go to docs/use/support_matrix.json, a row of which is replaced when its environment runs again, and
docs/use/support_matrix.md is written from it. `--only NAME` runs some, `--keep` keeps the environments. The exit code
is 0 if every environment that ran passed, 1 if one failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tools.maintain.support_environments import ENVIRONMENTS, Environment
from tools.maintain.support_table import write_table

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / 'docs/use/support_matrix.json'
REPORTED = (
    *('python', 'torch', 'torchvision', 'numpy', 'mmengine', 'onedl-mmengine', 'mmcv', 'mmcv-lite', 'onedl-mmcv'),
    *('mmaction2', 'mmpretrain', 'onedl-mmpretrain', 'opencv-python', 'av'),
)

NOX_REPORT = 'nox.json'


class NotRun(Exception):
    """The environment could not be had; the message says why."""


def run_environment(environment: Environment, folder: Path, pythons: Mapping[str, Path], keep: bool) -> dict[str, Any]:
    """Make the environment, run the tests in it and return its row."""
    row: dict[str, Any] = {
        'name': environment.name,
        'why': environment.why,
        'date': datetime.now(UTC).date().isoformat(),
        'commit': _commit(),
        'asked': [f'Python {environment.python}', *environment.constraints],
    }
    try:
        return row | run_session(environment, folder / environment.name, pythons, keep)
    except NotRun as reason:
        return row | {'outcome': 'not run', 'reason': str(reason)}


def run_session(environment: Environment, root: Path, pythons: Mapping[str, Path], keep: bool) -> dict[str, Any]:
    """Let nox make the environment in the folder `root` and test there, and return versions and counts.

    Raises:
        NotRun: If there is no such Python, too little room, or pip fails.
        RuntimeError: If nox itself fails.
    """
    if environment.not_run:
        raise NotRun(environment.not_run)
    if root.exists():
        raise NotRun('its folder exists already: remove it, or give another --folder')
    root.mkdir(parents=True)
    log = root.with_suffix('.log')
    try:
        run_nox(environment, root, pythons, log)
        return read_results(root, log)
    finally:
        if not keep:
            shutil.rmtree(root, ignore_errors=True)


def run_nox(environment: Environment, root: Path, pythons: Mapping[str, Path], log: Path) -> None:
    """Run the session of an environment: its report, versions and JUnit file go into `root`, all words into `log`."""
    command = [sys.executable, '-m', 'nox', '--nocolor', '--no-error-on-missing-interpreters']
    command += ['--noxfile', str(REPOSITORY / 'noxfile.py'), '--envdir', str(root), '--report', str(root / NOX_REPORT)]
    command += ['--session', f'matrix({environment.name})']
    settings = {f'PYTHON_{version.replace(".", "_")}': str(path) for version, path in pythons.items()}
    variables = os.environ | settings | {'MATRIX_RESULTS': str(root)}
    with log.open('w') as file:
        subprocess.run(command, cwd=REPOSITORY, env=variables, stdout=file, stderr=file, check=False)


def read_results(root: Path, log: Path) -> dict[str, Any]:
    """What a session left in the folder `root`: versions, counts, outcome and the names of tests that failed.

    Raises:
        NotRun: If it ended before the tests.
        RuntimeError: If there was no session.
    """
    if not (root / NOX_REPORT).exists():
        raise RuntimeError(f'nox ran no session: {log} says why')
    (session,) = json.loads((root / NOX_REPORT).read_text())['sessions']
    if not (root / 'tests.xml').exists():
        raise NotRun(session['reason'] or last_error(log))
    installed = json.loads((root / 'versions.json').read_text())
    versions = {name: installed[name] for name in REPORTED if name in installed}
    return {'versions': versions} | read_report(root / 'tests.xml')


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
        'seconds': round(float(suite.attrib['time'])),
    }


def last_error(log: Path) -> str:
    """The last error of pip in a log, without addresses and paths."""
    errors = re.findall('ERROR.*', log.read_text())
    if not errors:
        return 'pytest wrote no report; the log is beside the folder of the environment'
    words = re.sub(r'(https?|file)://\S+|(/[\w.+-]+){2,}', '...', errors[-1])
    return f'installation failed: {words}'


def _commit() -> str:
    command = ['git', 'rev-parse', '--short', 'HEAD']
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()


def find_pythons(named: Sequence[str]) -> dict[str, Path]:
    """Map versions to the interpreters that are not left to nox to find: this one, and those named VERSION=PATH."""
    pythons = {f'{sys.version_info.major}.{sys.version_info.minor}': Path(sys.executable)}
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
    if importlib.util.find_spec('nox') is None:
        raise SystemExit("nox is missing, which makes the environments: it is of the extra 'dev'")
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
