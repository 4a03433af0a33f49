"""Print the class report of a work directory, and write it as files: accuracy, difficulty, weight by class.

    cdb-video report WORK_DIR [--dump predictions.pkl]
    cdb-video report class_history.jsonl
    cdb-video report predictions.pkl --classes classes.txt --out DIR
    cdb-video report WORK_DIR --dump predictions.csv

Writes class_report.{csv,json,md} and report.html, a page that opens without a network, into the work directory, or to
--out. Training writes the report for the validation set, a test the one for the test set; with `--dump` it also says
what is taken for what, and shows the mistakes; a dump that the report there was made with is found again. A dump is a
pickle: it is read without executing anything inside. In its place may stand a table of predictions of any program, CSV
or Parquet: docs/use/plain_pytorch.md has its columns. Exit code 2 if there is nothing to report on, files cannot be
read or do not belong together, or the report would replace one that says more. In a checkout, python tools/report.py is
the same command.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cdb_video.host_words import DETECTION, speaking, words_now
from cdb_video.report import format_summary, format_table
from cdb_video.report.class_report.file import REPORT_NAME
from cdb_video.report.class_report.metrics import without_classes
from cdb_video.report.insight.insight import Insight, Options, build_insight
from cdb_video.report.pages.console import print_result, write_files
from cdb_video.report.pages.files import check_replaces, write_report
from cdb_video.report.sources.run_config import words_of_run
from cdb_video.report.sources.run_data import RunData
from cdb_video.report.sources.source import read_run
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.commands.parser import CommandParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parser().parse_args(argv)
    with speaking(words_of_run(arguments.path)):
        return _report(arguments)


def _report(arguments: argparse.Namespace) -> int:
    path: Path = arguments.path
    try:
        names = None if arguments.classes is None else read_class_names(arguments.classes)
        data = read_run(path, arguments.dump, names)
    except (OSError, ValueError) as error:
        return _refuse(error)
    # Away from its configs a report or dump of objects still says what it is of.
    with speaking(DETECTION if data.has_objects else None):
        return _report_on(data, arguments)


def _refuse(error: Exception) -> int:
    print(f'report: {error}', file=sys.stderr)
    return 2


def _report_on(data: RunData, arguments: argparse.Namespace) -> int:
    try:
        shots = None if arguments.shot_thresholds is None else tuple(arguments.shot_thresholds)
        options = Options(shots, arguments.head_threshold, arguments.bootstrap, not arguments.no_thumbnails)
        insight = build_insight(data, options)
        out = arguments.out or data.folder
        check_replaces(insight, out)
    except (OSError, ValueError) as error:
        return _refuse(error)
    written = write_files('report', lambda: write_report(insight, out, page=not arguments.no_html))
    return print_result(_console(insight, arguments.path) + ('\n' if written.lines else ''), written)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'path', type=Path, metavar='WORK_DIR', help='or a class_history.jsonl, a dump (.pkl) or a table'
    )
    parser.add_argument(
        '--dump',
        type=Path,
        help='predictions of test --dump, or a table (default: of the last report, or predictions.pkl, .csv, .parquet)',
    )
    parser.add_argument('--classes', type=Path, help='a file with one class name a line')
    parser.add_argument('--out', type=Path, help='where the files go (default: beside what is read)')
    parser.add_argument('--head-threshold', type=int, default=600, help='more training samples than this is the head')
    parser.add_argument('--shot-thresholds', type=int, nargs=2, metavar=('FEW', 'MANY'), help='default: 20 100')
    parser.add_argument('--bootstrap', type=int, default=1000, metavar='N', help='draws for the intervals; 0 = none')
    parser.add_argument('--no-html', action='store_true', help='write the tables only')
    parser.add_argument('--no-thumbnails', action='store_true', help='put no frames of the data into the page')
    return parser


def _console(insight: Insight, path: Path) -> str:
    """What is printed: where it comes from, the metrics, the classes, what is missing."""
    place = path / REPORT_NAME if insight.run.report is not None else path
    what = f'{insight.split} set' if insight.split in ('val', 'test') else insight.evaluated_on
    title = f'{place} ({what}, {insight.moment})'
    mute = {f'{words_now().prefix}/{name}' for name in insight.mute_groups}
    shown = without_classes(insight.all_metrics, [row.name for row in insight.rows])
    metrics = {name: value for name, value in shown.items() if name not in mute}
    lines = [title, format_summary(metrics), format_table(insight.rows)]
    return '\n'.join(lines + [f'note: {note}' for note in insight.shown_notes])
