"""Compare runs: mean and standard deviation over seeds, paired tests, gains and losses of every class.

    cdb-video compare RUN [RUN ...] [--baseline NAME] [--sort METRIC] [--all-pairs] [--holm] [--latex] [--out DIR]
    cdb-video compare --group CE=work/ce_0,work/ce_1 --group CDB-S=work/s_0,work/s_1 --baseline CE

A RUN is a work directory after a test, best with `--dump WORK_DIR/predictions.pkl`. Runs of one config are one
method with several seeds; --group names methods in its place, and a name that is given several times gets the runs of
all. Prints Markdown and writes compare.csv, compare_classes.csv, compare.md and compare.html to --out (default:
compare). --latex adds compare.tex, --all-pairs compare_pairs.csv. --holm corrects p-values over all tests that are
shown, so with --all-pairs over those of all pairs.

With two or more seeds in common, methods are compared by a paired t-test over these seeds. With one, over samples:
top-1 by McNemar's exact test, the others by a paired bootstrap over sessions; that says nothing of the spread between
seeds. Exit code 2 if runs are missing, cannot be read, or have different classes or samples. In a checkout,
python tools/compare.py is the same command.
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdb_video.host_words import speaking
from cdb_video.report.compare.files import format_comparison, write_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.runs import read_methods
from cdb_video.report.insight.insight import Options
from cdb_video.report.pages.console import print_result, write_files
from cdb_video.report.sources.run_config import words_of_run
from cdb_video_files.commands.parser import CommandParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parser().parse_args(argv)
    try:
        groups = _groups(arguments.group)
        if not arguments.runs and not groups:
            raise ValueError('nothing to compare: name work directories, or use --group')
    except ValueError as error:
        print(f'compare: {error}', file=sys.stderr)
        return 2
    return compare_runs(arguments.runs, groups, arguments)


def compare_runs(runs: Sequence[Path], groups: Mapping[str, Sequence[Path]], arguments: argparse.Namespace) -> int:
    """Compare runs, print the comparison and write its files.

    Args:
        runs: Those that are grouped by their configs.
        groups: Further ones, by the name of their method; with `runs` at least one.
        arguments: What `add_options` adds, and `out`.

    Returns:
        The exit status.
    """
    first = next(itertools.chain(runs, *groups.values()))
    with speaking(words_of_run(first)):
        return _compare(runs, groups, arguments)


def _compare(runs: Sequence[Path], groups: Mapping[str, Sequence[Path]], arguments: argparse.Namespace) -> int:
    try:
        options = Options(head_threshold=arguments.head_threshold, repeats=0)
        comparison = compare(
            read_methods(runs, groups, options),
            arguments.baseline,
            all_pairs=arguments.all_pairs,
            corrected=arguments.holm,
            sort_by=arguments.sort,
        )
    except ModuleNotFoundError as error:
        print(f"compare: {error.name} is missing: pip install 'cdb-video[report]'", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f'compare: {error}', file=sys.stderr)
        return 2
    written = write_files(
        'compare',
        lambda: write_comparison(comparison, arguments.out, page=not arguments.no_html, latex=arguments.latex),
    )
    for name, is_renewed in (('compare_pairs.csv', arguments.all_pairs), ('compare.tex', arguments.latex)):
        if not is_renewed and (arguments.out / name).exists():
            print(f'compare: {arguments.out / name} is of an earlier comparison: renew or remove it', file=sys.stderr)
    return print_result(format_comparison(comparison), written)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a comparison can be told beside its runs and where its files go."""
    add = parser.add_argument
    add('--baseline', metavar='NAME', help='a method, or one of its runs (default: the first method)')
    add('--head-threshold', type=int, default=600, help='more training samples than this is the head')
    add('--sort', metavar='METRIC', help='the best method by this metric first, as mean1 (default: as they are given)')
    add('--all-pairs', action='store_true', help='compare each method with each, not with the baseline alone')
    add('--holm', action='store_true', help="correct the p-values that are shown by Holm's method too")
    add('--latex', action='store_true', help='write compare.tex too: tables for LaTeX, with booktabs')
    add('--no-html', action='store_true', help='write the tables only')


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='*', type=Path, metavar='RUN')
    parser.add_argument(
        '--group',
        action='append',
        default=[],
        metavar='NAME=RUN,RUN',
        help='runs of one method; a name that is given twice gets the runs of both',
    )
    add_options(parser)
    parser.add_argument('--out', type=Path, default=Path('compare'), help='where the files go')
    return parser


def _groups(texts: Sequence[str]) -> dict[str, list[Path]]:
    """The runs of every group; those of a name that is given several times are put together."""
    groups: dict[str, list[Path]] = {}
    for text in texts:
        name, _, runs = text.partition('=')
        if not name or not all(runs.split(',')):
            raise ValueError(f'--group {text!r}: write NAME=RUN,RUN')
        groups.setdefault(name, []).extend(Path(run) for run in runs.split(','))
    return groups
