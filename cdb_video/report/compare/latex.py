"""A comparison as LaTeX: tables with booktabs, whatever a method is called."""

from __future__ import annotations

from collections.abc import Sequence

from cdb_video.report.class_report.metrics import LOWER_IS_BETTER, metric_label
from cdb_video.report.compare.methods import Comparison

_ESCAPES = {
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '|': r'\textbar{}',
    # After the end of a row these would be read as its options.
    '[': '{[}',
    '*': '{*}',
    **{character: f'\\{character}' for character in '#$%&_{}'},
}
_NOTHING = '--'
_MOST_ROWS = 40
"""A page has room for so many, and LaTeX breaks no table that floats."""


def format_latex(comparison: Comparison) -> str:
    r"""Tables for \input: the methods, and the tests of their differences where there are any."""
    lines = ['% Made by cdb-video compare. In the preamble: \\usepackage{booktabs}', *_methods_table(comparison)]
    rows = _test_rows(comparison)
    for start in range(0, len(rows), _MOST_ROWS):
        lines += ['', *_tests_table(comparison, rows[start : start + _MOST_ROWS], start // _MOST_ROWS + 1)]
    return '\n'.join(lines) + '\n'


def latex_text(text: str) -> str:
    """`text` in one line, such that LaTeX prints it as it is."""
    return ''.join(_ESCAPES.get(character, character) for character in ' '.join(text.split()))


def _methods_table(comparison: Comparison) -> list[str]:
    best = {metric: _best(comparison, metric) for metric in comparison.shown}
    rows = [
        [
            latex_text(method.name),
            str(len(method.runs)),
            *(_mean(comparison, method.name, metric, best[metric]) for metric in comparison.shown),
        ]
        for method in comparison.methods
    ]
    spread = r', mean $\pm$ standard deviation over seeds' if comparison.deviations else ''
    caption = f'Percent{spread}. Bold: the best mean.'
    head = ['Method', 'Seeds', *(latex_text(metric_label(metric)) for metric in comparison.shown)]
    return _table(head, rows, 'l' + 'r' * (len(head) - 1), caption, 'tab:compare')


def _tests_table(comparison: Comparison, rows: Sequence[Sequence[str]], number: int) -> list[str]:
    """A table of some of the tests; the first has the number 1."""
    is_one = not comparison.has_all_pairs
    against = f' against {latex_text(comparison.baseline)}' if is_one else ''
    tests = list(dict.fromkeys(test.how for _, _, _, test in comparison.shown_tests))
    holm = ['$p$, Holm'] if comparison.is_corrected else []
    head = ['Method', *([] if is_one else ['Against']), 'Metric', 'Difference', r'95\,\% interval', '$p$', *holm]
    corrected = f" Holm's correction is over the {_number(comparison)} tests that are shown." if holm else ''
    caption = f'Differences{against}, in percentage points. {latex_text(_capital("; ".join(tests)))}.{corrected}'
    if number > 1:
        caption = f'Differences{against}, continued.'
    label = 'tab:compare-tests' + (f'-{number}' if number > 1 else '')
    return _table(head, rows, ('ll' if is_one else 'lll') + 'rr' + 'r' * (1 + len(holm)), caption, label)


def _number(comparison: Comparison) -> int:
    return sum(test.p_value is not None for _, _, _, test in comparison.shown_tests)


def _test_rows(comparison: Comparison) -> list[list[str]]:
    rows = []
    for method, other, metric, test in comparison.shown_tests:
        against = [latex_text(other)] if comparison.has_all_pairs else []
        ends = [] if test.interval is None else [f'${_points(end)}$' for end in test.interval]
        corrected = [_p_value(test.p_holm)] if comparison.is_corrected else []
        rows.append(
            [
                latex_text(method),
                *against,
                latex_text(metric_label(metric)),
                f'${_points(test.difference)}$',
                ' to '.join(ends) or _NOTHING,
                _p_value(test.p_value),
                *corrected,
            ]
        )
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: str, caption: str, label: str) -> list[str]:
    lines = [f'    {" & ".join(cells)} \\\\' for cells in (head, *rows)]
    return [
        r'\begin{table}',
        r'  \centering',
        r'  \small',
        f'  \\caption{{{caption}}}',
        f'  \\label{{{label}}}',
        f'  \\begin{{tabular}}{{{columns}}}',
        r'    \toprule',
        lines[0],
        r'    \midrule',
        *lines[1:],
        r'    \bottomrule',
        r'  \end{tabular}',
        r'\end{table}',
    ]


def _best(comparison: Comparison, metric: str) -> str | None:
    """The best mean of a metric as it is printed; None where there is one method alone."""
    means = [comparison.means[method.name, metric] for method in comparison.methods]
    if len(means) < 2:
        return None
    return f'{100 * (min(means) if metric in LOWER_IS_BETTER else max(means)):.1f}'


def _mean(comparison: Comparison, method: str, metric: str, best: str | None) -> str:
    mean = f'{100 * comparison.means[method, metric]:.1f}'
    shown = f'\\textbf{{{mean}}}' if mean == best else mean
    deviation = comparison.deviations.get((method, metric))
    return shown if deviation is None else f'{shown} $\\pm$ {100 * deviation:.1f}'


def _points(share: float) -> str:
    """A difference of shares in points, with its sign."""
    return f'{100 * share:+.1f}'


def _p_value(value: float | None) -> str:
    if value is None:
        return _NOTHING
    number, _, power = f'{value:.2g}'.partition('e')
    return f'${number} \\times 10^{{{int(power)}}}$' if power else number


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
