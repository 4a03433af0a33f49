"""Messages of the core in the log of the run: mmengine's log takes what goes to `logging.getLogger('cdb_video')`."""

import logging

from mmengine.logging import MMLogger


class CurrentLog(logging.Handler):
    """Hands each message to mmengine's current logger, as `print_log(..., 'current')` of mmengine does.

    That is the logger made last: of a run, its file and the console. Before there is one, mmengine makes one for the
    console. Which messages are shown is its own decision: by level, on which rank, and a warning once.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Log the message, its level and the place in the code that it is from."""
        current = MMLogger.get_current_instance()
        if current.isEnabledFor(record.levelno):
            own = {'name': current.name, 'msg': record.getMessage(), 'args': None}
            current.handle(logging.makeLogRecord(vars(record) | own))


def join_log() -> None:
    """Let mmengine's log have the messages of the core, once however often this is called.

    They no longer go on to the handlers of Python's root logger, which would show them a second time. A level that was
    set for the logger stays.
    """
    log = logging.getLogger('cdb_video')
    if any(isinstance(handler, CurrentLog) for handler in log.handlers):
        return
    if log.level == logging.NOTSET:
        log.setLevel(logging.DEBUG)
    log.addHandler(CurrentLog())
    log.propagate = False
