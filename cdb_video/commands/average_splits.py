"""Average test results over splits, as published numbers on EGTEA are: mean and standard deviation.

    cdb-video average-splits work_dirs/split1 work_dirs/split2 work_dirs/split3 [--out average.json]

Reads `class_report.json` of each work directory, which a test wrote for the test set of its split, and
prints each metric for each split with mean and standard deviation (of the sample, n - 1) over the splits, then
the mean accuracy of every class, hardest first. Which split it is, is read from the list of the test set in the config
that the run left in its work directory (`.../verb_split2/test.txt`); where it cannot be told, the output says so.
`--out` writes the same as JSON. Exit code 2 if a report is missing, is not of a test set, has other classes than the
first, or is of the same split as another. In a checkout, python tools/average_splits.py is the same command.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cdb_video.report.compare.splits import Average, ReportError, average, format_average
from cdb_video.report.pages.console import Written, print_result, write_files
from cdb_video_files.atomic import write_atomically
from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.json_values import plain


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, metavar='FILE', help='also write the averages as JSON')
    args = parser.parse_args(argv)
    try:
        result = average(args.work_dirs)
    except (ReportError, OSError) as error:
        print(f'average_splits: {error}.', file=sys.stderr)
        return 2
    written = Written() if args.out is None else write_files('average_splits', lambda: _write(args.out, result))
    return print_result(format_average(result), written)


def _write(path: Path, result: Average) -> list[Path]:
    write_atomically(path, (json.dumps(plain(asdict(result)), indent=1, ensure_ascii=False) + '\n').encode())
    return [path]
