"""A Markdown table of runs from their class reports: accuracies, worst classes, and count against accuracy.

    python benchmarks/methods/mini_summary.py work_dirs/egtea_mini/slowfast_ce work_dirs/egtea_mini/slowfast_cdbs

Reads ``class_report.json`` of each work directory, the newest report there: of the test set after
``mim test``. The rank correlation (Spearman's, ties averaged) is that of training clips and accuracy over
the classes that have clips. Exit code 2 if a report is missing.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from cdb_video.report.pages.console import run

WORST = 3


def summarise(report: dict[str, Any]) -> list[str]:
    """The cells of one run: split, top-1, mean class accuracy, worst classes, rank correlation."""
    classes = [row for row in report['classes'] if row['accuracy'] is not None]
    worst = ', '.join(f'{row["name"]} {row["accuracy"]:.0%} ({row["train_count"]})' for row in classes[:WORST])
    rho = spearmanr([row['train_count'] for row in classes], [row['accuracy'] for row in classes]).statistic
    metrics = report['metrics']
    return [report['split'], f'{metrics["acc/top1"]:.1%}', f'{metrics["acc/mean1"]:.1%}', worst, f'{rho:+.2f}']


def main() -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR')
    print('| run | split | top-1 | mean class accuracy | worst classes (training clips) | count vs accuracy |')
    print('|---|---|---|---|---|---|')
    for work_dir in parser.parse_args().work_dirs:
        path = work_dir / 'class_report.json'
        if not path.is_file():
            print(f'mini_summary: {path} is missing. Train and test first, or name another WORK_DIR.', file=sys.stderr)
            return 2
        print('| ' + ' | '.join([work_dir.name, *summarise(json.loads(path.read_text(encoding='utf-8')))]) + ' |')
    return 0


if __name__ == '__main__':
    run(main)
