"""What the core says is in the log of the run, once, and on the console before there is a run."""

import logging
import subprocess
import sys

import pytest
from mmengine.logging import MMLogger, print_log

from cdb_video.hosts.mmengine.log import CurrentLog, join_log

CORE = logging.getLogger('cdb_video')
WITH_A_ROOT_HANDLER = """
import logging
logging.basicConfig(format='root: %(message)s')
import cdb_video
from mmengine.logging import MMLogger
log = logging.getLogger('cdb_video')
log.warning('too early for a run')
MMLogger.get_instance('a_run', log_file='run.log')
log.info('%d classes', 3)
log.warning('twice')
log.warning('twice')
"""


@pytest.fixture
def run_log(tmp_path):
    MMLogger.get_instance('core_log_test', log_file=str(tmp_path / 'run.log'))
    return tmp_path / 'run.log'


@pytest.mark.parametrize('level', [logging.INFO, logging.WARNING])
def test_a_message_has_the_form_of_one_that_mmengine_logs(run_log, level):
    CORE.log(level, 'said by %s', 'the core')
    print_log('said by the core, too', 'current', level)
    ours, theirs = run_log.read_text().splitlines()
    when = len('2026/01/01 00:00:00')
    assert f'{ours[when:]}, too' == theirs[when:]


def test_an_error_names_the_place_that_it_is_from(run_log):
    CORE.error('gone wrong')
    assert f'ERROR - {__file__} - test_an_error_names_the_place_that_it_is_from' in run_log.read_text()


def test_a_message_comes_with_the_traceback_that_it_was_logged_with(run_log):
    try:
        raise ZeroDivisionError('by nothing')
    except ZeroDivisionError:
        CORE.exception('gone wrong')
    assert 'ZeroDivisionError: by nothing' in run_log.read_text()


def test_a_logger_that_wants_no_such_level_is_spared(run_log):
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    CORE.warning('hush')
    assert run_log.read_text() == ''


def test_joining_again_adds_nothing():
    before = list(CORE.handlers)
    join_log()
    assert CORE.handlers == before
    assert sum(isinstance(handler, CurrentLog) for handler in before) == 1


def test_messages_are_told_once_and_before_a_run_on_the_console(tmp_path, repository):
    code = f'import sys; sys.path.insert(0, {str(repository)!r})\n{WITH_A_ROOT_HANDLER}'
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = (tmp_path / 'run.log').read_text().splitlines()
    assert [line.partition(' - mmengine - ')[2] for line in lines] == ['INFO - 3 classes', 'WARNING - twice']
    assert 'root:' not in done.stdout + done.stderr
    assert done.stdout.count('too early for a run') == 1
