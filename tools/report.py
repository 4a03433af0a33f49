"""Print the newest class report of a work directory: accuracy, difficulty, weight by class, hardest first.

    python tools/report.py WORK_DIR

Training writes the report for the validation set, `mim test` for the test set. Exit code 2 if there is none.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cdb_video.report import format_summary, format_table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dir', type=Path)
    path = parser.parse_args(argv).work_dir / 'class_report.json'
    try:
        report = json.loads(path.read_text(encoding='utf-8'))
        lines = [
            f'{path} ({report["split"]} set, epoch {report["epoch"]})',
            format_summary(report['metrics']),
            format_table(report['classes']),
        ]
    except FileNotFoundError:
        print(
            f'report: {path} does not exist. Train with ClassDifficultyHook, or run mim test, first.', file=sys.stderr
        )
        return 2
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f'report: {path} cannot be read ({error!r}). Run mim test to write it anew.', file=sys.stderr)
        return 2
    print('\n'.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(main())
