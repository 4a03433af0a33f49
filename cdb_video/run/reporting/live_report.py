"""The pages that a run writes by itself: a live one after validations, the full one at its end.

A fault in a picture must not cost a training: whatever goes wrong here is logged with its place, and the run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.host_words import words_now
from cdb_video.report.insight.insight import build_insight
from cdb_video.report.pages.files import PAGE_NAME, write_live_page, write_report
from cdb_video.report.pages.page import MissingPackagesError
from cdb_video.report.sources.source import read_run

LIVE_SHARE = 0.02
"""Of the time of a run, at most, that goes into live pages."""


class LiveReport:
    """Writes ``report.html`` after a validation, in this process: some 10 ms with 19 classes.

    With many classes and epochs it takes longer. So a page is left out while writing it, going by what the last one
    took, would cost more than `LIVE_SHARE` of the time since then.
    """

    def __init__(self) -> None:
        self._off = False
        self._cost = 0.0
        self._end: float | None = None

    def update(self, runner: Any) -> bool:
        """Write the page if it is due, and tell whether it was written; on the main process only."""
        start = time.perf_counter()
        if self._off or (self._end is not None and self._cost > LIVE_SHARE * (start - self._end)):
            return False
        work_dir = Path(runner.work_dir)
        try:
            write_live_page(work_dir / HISTORY_NAME, work_dir / PAGE_NAME)
        except MissingPackagesError as error:
            self._off = True
            runner.logger.warning(f'no live report: {error}')
            return False
        except Exception:
            runner.logger.exception(f'{PAGE_NAME} could not be written after this validation')
            return False
        finally:
            self._end = time.perf_counter()
            self._cost = self._end - start
        return True


def write_final_report(runner: Any, dump: Path | None) -> None:
    """Write all files of the report from what the work directory holds.

    Args:
        runner: Of mmengine; its work directory has a ``class_report.json`` by now.
        dump: The predictions that were dumped in this test; None = none were.
    """
    work_dir = Path(runner.work_dir)
    _logged(runner, lambda: write_report(build_insight(read_run(work_dir, dump)), work_dir))


def dump_of(evaluator: Any) -> Path | None:
    """Where an evaluator of mmengine has dumped the predictions, as `mim test --dump` lets it; None = nowhere."""
    for metric in evaluator.metrics:
        path = getattr(metric, 'out_file_path', None)
        # mmdet's own dump of a detector has no objects, and no report can be made of it.
        is_readable = getattr(metric, 'of_objects', False) or not words_now().has_objects
        if path is not None and is_readable and Path(path).exists():
            return Path(path)
    return None


def _logged(runner: Any, write: Callable[[], list[Path]]) -> None:
    try:
        paths = write()
    except MissingPackagesError as error:
        runner.logger.warning(f'no page: {error}')
    except Exception:
        runner.logger.exception(f'{PAGE_NAME} could not be written; cdb-video report {runner.work_dir} tries again')
    else:
        runner.logger.info(f'report: {paths[-1]}')
