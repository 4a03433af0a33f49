import json
import subprocess
import sys

import pytest

from tools.maintain import support_matrix
from tools.maintain.support_matrix import Environment, NotRun
from tools.maintain.support_table import write_table

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
    monkeypatch.setattr(support_matrix, '_commit', lambda: 'abc1234')

    def run_pytest(environment, root, pythons, log):
        command = [sys.executable, '-m', 'pytest', '-m', 'not slow', '-q', f'--junitxml={root / "tests.xml"}']
        subprocess.run(command, cwd=repository, capture_output=True, check=False)
        (root / 'nox.json').write_text('{"sessions": [{"reason": null}]}')
        (root / 'versions.json').write_text('{"python": "3.11.7", "torch": "2.13.0", "other": "1"}')

    monkeypatch.setattr(support_matrix, 'run_nox', run_pytest)
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
    assert '| good | all | 3.11.7 | 2.13.0 | - | - | - | - | failed | 1 / 1 / 1 |' in page
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


def test_an_environment_without_a_single_test_has_not_passed(matrix):
    status, rows, _ = matrix('import pytest\n@pytest.mark.skip\ndef test_left_out(): pass', '--only', 'good')
    assert (status, rows['good']['outcome']) == (1, 'failed')


def test_a_folder_that_exists_is_left_alone(matrix, tmp_path):
    (tmp_path / 'made/good').mkdir(parents=True)
    (tmp_path / 'made/good/thesis.txt').touch()
    status, rows, _ = matrix(CASES, '--only', 'good')
    assert (status, rows['good']['outcome']) == (0, 'not run')
    assert 'exists already' in rows['good']['reason']
    assert (tmp_path / 'made/good/thesis.txt').exists()


def test_a_missing_python_is_a_reason_not_to_run(tmp_path, monkeypatch, repository):
    environment = 'class Environment: name, python, not_run = "x", "3.99", ""\n'
    lists = 'ENVIRONMENTS, SECOND_LANE, CONTRACT_TESTS = [Environment()], (), ()\n'
    (tmp_path / 'tools/maintain').mkdir(parents=True)
    (tmp_path / 'tools/maintain/support_environments.py').write_text(environment + lists)
    (tmp_path / 'noxfile.py').write_text((repository / 'noxfile.py').read_text())
    monkeypatch.setattr(support_matrix, 'REPOSITORY', tmp_path)
    monkeypatch.delenv('PYTHONPATH', raising=False)
    with pytest.raises(NotRun, match=r'^Python interpreter 3\.99 not found$'):
        support_matrix.run_session(Environment('x', '3.99', (), ''), tmp_path / 'made/x', {}, keep=True)
    assert 'skipped' in (tmp_path / 'made/x.log').read_text()


def test_a_session_that_never_began_overwrites_no_row(tmp_path):
    with pytest.raises(RuntimeError, match=r'nox ran no session: .*x\.log says why'):
        support_matrix.read_results(tmp_path, tmp_path / 'x.log')


def test_the_reason_of_a_failed_installation_is_pip_s_own_without_paths(tmp_path):
    words = 'ERROR: No wheel for torch==9 at https://example.org/simple/torch/ nor in /home/me/wheels'
    log = tmp_path / 'log'
    log.write_text(f'ERROR: another\nnox > {words}\nnox > Session matrix(x) failed.\n')
    reason = 'installation failed: ERROR: No wheel for torch==9 at ... nor in ...'
    assert support_matrix.last_error(log) == reason
    (tmp_path / 'nox.json').write_text('{"sessions": [{"reason": null}]}')
    with pytest.raises(NotRun) as caught:
        support_matrix.read_results(tmp_path, log)
    assert str(caught.value) == reason
    log.write_text('nox > Session matrix(x) failed.\n')
    assert 'pytest wrote no report' in support_matrix.last_error(log)


def test_pythons_are_named_by_version_and_path(tmp_path):
    assert support_matrix.find_pythons([f'3.99={sys.executable}'])['3.99'] == support_matrix.Path(sys.executable)
    with pytest.raises(SystemExit, match='must be VERSION=PATH'):
        support_matrix.find_pythons(['3.99=/nowhere'])


def test_every_environment_has_a_name_of_its_own_and_a_purpose():
    names = [environment.name for environment in support_matrix.ENVIRONMENTS]
    assert len(set(names)) == len(names)
    assert all(environment.why for environment in support_matrix.ENVIRONMENTS)


@pytest.mark.parametrize(
    ('installed', 'cells'),
    [
        ({'mmengine': '0.10', 'mmcv-lite': '2.1', 'mmaction2': '1.2'}, '0.10 | mmcv-lite 2.1 | mmaction2 1.2'),
        ({'mmengine': '0.10', 'mmcv': '2.1', 'mmpretrain': '1.2'}, '0.10 | 2.1 | mmpretrain 1.2'),
        (
            {'onedl-mmengine': '0.11', 'onedl-mmcv': '2.3', 'onedl-mmpretrain': '1.3'},
            'onedl-mmengine 0.11 | onedl-mmcv 2.3 | onedl-mmpretrain 1.3',
        ),
    ],
)
def test_the_table_names_the_distributions_that_were_installed(installed, cells, tmp_path):
    row = {'name': 'x', 'why': 'y', 'date': 'd', 'commit': 'c', 'outcome': 'passed', 'versions': installed}
    write_table([row | {'passed': 1, 'failed': 0, 'skipped': 0, 'failed_tests': []}], tmp_path / 'table.md')
    assert f'| x | y | - | - | - | {cells} | passed | 1 / 0 / 0 | d, c |' in (tmp_path / 'table.md').read_text()
