"""The console shows less than the log file, says where the rest is, and hides no warning and no error."""

import contextlib
import logging
import re
import uuid

import pytest
from mmengine.logging import MMLogger

from cdb_video.hosts.mmengine.console import FILE_ONLY, VARIABLE, RunConsole, consoles_of, shorten_consoles
from tests.support.forks import fork, forks
from tests.support.runs import make_runner


@pytest.fixture
def logger(tmp_path):
    return MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'run.log'))


@pytest.mark.training
def test_a_run_shows_where_its_config_is_and_its_file_has_it(tmp_path, capsys):
    runner = make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 1})
    shown, kept = capsys.readouterr().out, next(tmp_path.glob('*/*.log')).read_text()
    config = runner.cfg.pretty_text
    assert config in kept
    assert config not in shown
    assert len(shown.splitlines()) < 10
    for title in ('Config', 'System environment', 'Hooks will be executed in the following order'):
        assert re.search(rf'INFO.* - {title}: \d+ lines, in {re.escape(str(tmp_path))}/.*\.log', shown), title
        assert f'{title}:' in kept


@pytest.mark.training
def test_full_shows_all_as_mmengine_does(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(VARIABLE, 'full')
    runner = make_runner(tmp_path, uuid.uuid4().hex)
    assert runner.cfg.pretty_text in capsys.readouterr().out
    assert consoles_of(runner.logger) == []


def test_another_value_is_refused_with_the_two_that_there_are(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, 'quiet')
    with pytest.raises(ValueError, match=r"CDB_VIDEO_CONSOLE='quiet': must be 'short', .* or 'full'"):
        MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'run.log'))


def test_long_messages_of_others_and_long_warnings_are_shown_whole(logger, tmp_path, capsys):
    text = '\n'.join(f'line {number}' for number in range(30))
    logger.info(text)
    logger.warning(text)
    logger.error(text)
    assert capsys.readouterr().out.count('line 29') == 3
    assert (tmp_path / 'run.log').read_text().count('line 29') == 3


@forks
def test_a_warning_of_several_workers_is_shown_once(logger, tmp_path):
    def work():
        logger.warning('old way')
        logger.error('no way')
        return 0

    with (tmp_path / 'shown.log').open('a') as shown, contextlib.redirect_stdout(shown):
        assert [fork(work) for _ in range(3)] == [0, 0, 0]
    shown, kept = ((tmp_path / name).read_text() for name in ('shown.log', 'run.log'))
    assert [shown.count(text) for text in ('old way', 'no way')] == [1, 3]
    assert [kept.count(text) for text in ('old way', 'no way')] == [3, 3]


def test_what_is_for_the_file_only_is_there_and_nowhere_else(logger, tmp_path, capsys):
    logger.info('again', extra=FILE_ONLY)
    logger.warning('a warning is never for the file only', extra=FILE_ONLY)
    assert 'again' in (tmp_path / 'run.log').read_text()
    shown = capsys.readouterr().out
    assert 'again' not in shown
    assert 'never for the file only' in shown


def test_a_logger_without_a_file_shows_everything(capsys):
    logger = MMLogger.get_instance(uuid.uuid4().hex)
    assert consoles_of(logger) == []
    logger.info('again', extra=FILE_ONLY)
    assert 'again' in capsys.readouterr().out


def test_form_level_and_filters_are_those_of_mmengine(tmp_path, monkeypatch):
    ours = MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'a.log'), log_level='WARNING').handlers
    monkeypatch.setenv(VARIABLE, 'full')
    theirs = MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'b.log'), log_level='WARNING').handlers
    assert [type(one) for one in ours] == [RunConsole, logging.FileHandler]
    assert ours[0].level == theirs[0].level == logging.WARNING
    assert type(ours[0].formatter) is type(theirs[0].formatter)
    assert [type(one) for one in ours[0].filters] == [type(one) for one in theirs[0].filters]


def test_to_shorten_again_changes_nothing():
    before = MMLogger.__init__
    shorten_consoles()
    assert MMLogger.__init__ is before
