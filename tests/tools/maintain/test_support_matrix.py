import json
import subprocess
import sys

import pytest

from tools.maintain import support_matrix
from tools.maintain.support_matrix import Environment, NotRun

CASES = """
import pytest

def test_right(): pass
def test_wrong(): assert False
@pytest.mark.skip
def test_left_out(): pass
@pytest.mark.slow
def test_long(): assert False
"""


@pytest.fixture
def matrix(tmp_path, monkeypatch):
    """Run the command on a small repository whose environments are the one of these tests."""
    repository = tmp_path / 'repository'
    repository.mkdir()
    (repository / 'pyproject.toml').write_text('[tool.pytest.ini_options]\nmarkers = ["slow"]\n')
    monkeypatch.setattr(support_matrix, 'REPOSITORY', repository)
    monkeypatch.setattr(
        support_matrix,
        'ENVIRONMENTS',
        (Environment('good', '3.11', ('torch==2',), 'all'), Environment('absent', '3.11', (), 'none', not_run='gone')),
    )
    monkeypatch.setattr(support_matrix, '_versions', lambda python: {'python': '3.11.7', 'torch': '2.13.0'})
    monkeypatch.setattr(support_matrix, '_output', lambda command, folder: 'abc1234\n')

    def make(environment, root, pythons):
        root.mkdir(parents=True)
        return support_matrix.Path(sys.executable)

    monkeypatch.setattr(support_matrix, 'make_environment', make)
    results = tmp_path / 'docs/matrix.json'

    def run(cases, *arguments):
        (repository / 'test_cases.py').write_text(cases)
        status = support_matrix.main(['--folder', str(tmp_path / 'made'), '--results', str(results), *arguments])
        return (
            status,
            {row['name']: row for row in json.loads(results.read_text())},
            results.with_suffix('.md').read_text(),
        )

    return run


def test_outcomes_are_counted_named_and_written_as_a_table(matrix, tmp_path):
    status, rows, page = matrix(CASES)
    assert status == 1
    good = rows['good']
    assert (good['outcome'], good['passed'], good['failed'], good['skipped']) == ('failed', 1, 1, 1)
    assert good['failed_tests'] == ['test_cases::test_wrong']
    assert rows['absent']['outcome'] == 'not run'
    assert '| good | all | 3.11.7 | 2.13.0 | - | - | - | failed | 1 / 1 / 1 |' in page
    assert '- `test_cases::test_wrong`' in page
    assert '**absent** (Python 3.11): not run. gone.' in page
    assert not (tmp_path / 'made/good').exists()


def test_a_second_run_replaces_its_own_row_only(matrix):
    matrix(CASES)
    status, rows, page = matrix('def test_right(): pass', '--only', 'good')
    assert status == 0
    assert rows['good']['outcome'] == 'passed'
    assert list(rows) == ['good', 'absent']
    assert 'test_wrong' not in page


def test_tests_that_cannot_apply_are_left_out(matrix, monkeypatch):
    environment = Environment('good', '3.11', (), '', left_out=('test_cases.py::test_wrong',))
    monkeypatch.setattr(support_matrix, 'ENVIRONMENTS', (environment,))
    status, rows, _ = matrix(CASES, '--only', 'good')
    assert (status, rows['good']['passed'], rows['good']['failed']) == (0, 1, 0)


def test_an_environment_without_a_single_test_has_not_passed(matrix):
    status, rows, _ = matrix('import pytest\n@pytest.mark.skip\ndef test_left_out(): pass', '--only', 'good')
    assert (status, rows['good']['outcome']) == (1, 'failed')


def test_a_missing_python_and_an_existing_folder_are_reasons_not_to_run(tmp_path):
    environment = Environment('x', '3.99', (), '')
    with pytest.raises(NotRun, match=r'no Python 3\.99 here'):
        support_matrix.make_environment(environment, tmp_path / 'x', {})
    with pytest.raises(NotRun, match='exists already'):
        support_matrix.make_environment(environment, tmp_path, {'3.99': sys.executable})


def test_the_reason_of_a_failed_installation_is_pip_s_own_without_paths(tmp_path):
    words = 'ERROR: No wheel for torch==9 at https://example.org/simple/torch/ nor in /home/me/wheels'
    with pytest.raises(NotRun, match=r'^installation failed: ERROR: No wheel for torch==9 at \.\.\. nor in \.\.\.$'):
        support_matrix._logged([sys.executable, '-c', f'print({words!r}); raise SystemExit(1)'], tmp_path / 'log')
    assert words in (tmp_path / 'log').read_text()


def test_pythons_are_named_by_version_and_path(tmp_path):
    assert support_matrix.find_pythons([f'3.99={sys.executable}'])['3.99'] == support_matrix.Path(sys.executable)
    with pytest.raises(SystemExit, match='must be VERSION=PATH'):
        support_matrix.find_pythons(['3.99=/nowhere'])


def test_every_environment_has_a_name_of_its_own_and_a_purpose():
    names = [environment.name for environment in support_matrix.ENVIRONMENTS]
    assert len(set(names)) == len(names)
    assert all(environment.why for environment in support_matrix.ENVIRONMENTS)


def test_the_command_runs_as_a_script(repository):
    command = [sys.executable, '-m', 'tools.maintain.support_matrix', '--help']
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert '--folder' in done.stdout
