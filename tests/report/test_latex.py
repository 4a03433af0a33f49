"""The tables for LaTeX: their structure, read by a small parser, and names of all characters."""

import re
import shutil
import subprocess
from functools import partial

import pytest

from cdb_video.commands.compare import main
from cdb_video.report.compare.latex import latex_text
from tests.report.dumps import write_run

WICKED = r'50% of_a & b #1 {x} $y^2$ ~z \foo <b>|"quoted"'
NAMED = {'textbackslash': '\\', 'textasciitilde': '~', 'textasciicircum': '^', 'textless': '<', 'textgreater': '>'}
NAMED |= {'textbar': '|'}
COMMANDS = {'begin', 'end', 'centering', 'small', 'caption', 'label', 'textbf', 'pm', 'times'}
COMMANDS |= {'toprule', 'midrule', 'bottomrule'}
TOKEN = re.compile(r'\\([a-zA-Z]+|.)|[^\\]', re.DOTALL)


@pytest.fixture
def make_run(tmp_path):
    return partial(write_run, tmp_path)


def printed(text):
    """What LaTeX prints of the text of a cell without formulas; fails where a character has a meaning of its own."""
    shown, place, depth = '', 0, 0
    while place < len(text):
        token = TOKEN.match(text, place)
        place = token.end()
        if token[1] is None:
            assert token[0] not in '#$%&_~^', text
            depth += {'{': 1, '}': -1}.get(token[0], 0)
            assert depth >= 0, text
            shown += '' if token[0] in '{}' else token[0]
        elif token[1] in NAMED:
            assert text.startswith('{}', place), text  # else it takes the space behind it
            shown += NAMED[token[1]]
        else:
            assert token[1] in '#$%&_{}', text
            shown += token[1]
    assert depth == 0, text
    return shown


def tables(document):
    """The tables: caption and rows of cells; fails where commands, groups, formulas or columns do not match."""
    lines = [line for line in document.splitlines() if not line.startswith('%')]
    text = '\n'.join(lines)
    assert set(re.findall(r'\\([a-zA-Z]+)', text)) <= COMMANDS | set(NAMED)
    bare = re.sub(r'\\[^a-zA-Z]', '', text)
    assert '%' not in bare
    assert bare.count('$') % 2 == 0
    opened = []
    for kind, name in re.findall(r'\\(begin|end)\{(\w+)\}', text):
        if kind == 'begin':
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    found = []
    for body in re.findall(r'\\begin\{table\}(.*?)\\end\{table\}', text, re.DOTALL):
        columns, inner = re.search(r'\\begin\{tabular\}\{([lr]+)\}\n(.*)\n *\\end\{tabular\}', body, re.DOTALL).groups()
        head, rules = inner.split('\\midrule\n'), [r'\toprule', r'\bottomrule']
        assert [head[0].split('\n')[0].strip(), head[1].split('\n')[-1].strip()] == rules
        rows = [line.strip() for part in head for line in part.split('\n') if line.strip() not in ('', *rules)]
        assert all(row.endswith(r'\\') and not re.match(r'\s*[\[*]', row) for row in rows)
        cells = [[cell.strip() for cell in re.split(r'(?<!\\)&', row.removesuffix(r'\\'))] for row in rows]
        assert {len(row) for row in cells} == {len(columns)}
        found.append((re.search(r'\\caption\{(.*)\}\n', body)[1], cells))
    return found


@pytest.mark.parametrize('text', [WICKED, '[a] *b', '*', 'ordinary name', '{}', r'\\', 'überall 包'])
def test_a_text_is_printed_as_it_is(text):
    escaped = latex_text(text)
    assert printed(escaped) == text
    assert escaped[0] not in '[*'


def test_a_text_of_several_lines_is_one_line():
    assert latex_text('a\n\tb ') == 'a b'


def written(tmp_path, groups, *words):
    named = [word for name, runs in groups.items() for word in ('--group', f'{name}={",".join(map(str, runs))}')]
    out = tmp_path / 'out'
    assert main([*named, '--latex', '--no-html', '--out', str(out), *words]) == 0
    return (out / 'compare.tex').read_text()


def test_the_tables_hold_methods_and_tests_under_their_own_names(make_run, tmp_path):
    names = [WICKED, '[b]']
    runs = {n: [make_run(f'{i}{s}', 'c', scores=9 * i + s, seed=s) for s in (0, 1, 2)] for i, n in enumerate(names)}
    document = written(tmp_path, runs)
    (caption, rows), (tests_caption, tests) = tables(document)
    assert caption == r'Percent, mean $\pm$ standard deviation over seeds. Bold: the best mean.'
    assert rows[0][:4] == ['Method', 'Seeds', 'Top-1', 'Mean class accuracy']
    assert [printed(row[0]) for row in rows[1:]] == names
    assert [row[1] for row in rows[1:]] == ['3', '3']
    for column in list(zip(*rows, strict=True))[2:]:
        assert 1 <= sum('textbf' in cell for cell in column[1:]) <= 2
        assert all(re.fullmatch(r'(\\textbf\{)?[\d.]+\}? \$\\pm\$ [\d.]+', cell) for cell in column[1:])
    markdown = (tmp_path / 'out/compare.md').read_text()
    first = re.search(r'^\| .* \| 3 \| ([\d.]+) ± ([\d.]+)', markdown, re.MULTILINE).groups()
    assert re.findall(r'[\d.]+', rows[1][2]) == list(first)
    assert printed(tests_caption.partition(' against ')[2].partition(', in percentage')[0]) == WICKED
    assert 'Paired t-test over 3 seeds' in tests_caption
    assert tests[0] == ['Method', 'Metric', 'Difference', r'95\,\% interval', '$p$']
    assert {printed(row[0]) for row in tests[1:]} == {'[b]'}
    assert all(re.fullmatch(r'\$[+-][\d.]+\$ to \$[+-][\d.]+\$|--', row[3]) for row in tests[1:])


def test_all_pairs_and_holm_are_columns_of_the_table(make_run, tmp_path):
    runs = {name: [make_run(f'{name}{s}', 'c', scores=9 * i + s, seed=s) for s in (0, 1, 2)]
            for i, name in enumerate('abc')}  # fmt: skip
    document = written(tmp_path, runs, '--all-pairs', '--holm')
    _, (caption, rows), *others = tables(document)
    assert rows[0] == ['Method', 'Against', 'Metric', 'Difference', r'95\,\% interval', '$p$', '$p$, Holm']
    assert others == []
    assert {tuple(row[:2]) for row in rows[1:]} == {('b', 'a'), ('c', 'a'), ('c', 'b')}
    number = sum(row[5] != '--' for row in rows[1:])
    assert f"Holm's correction is over the {number} tests that are shown." in caption


def test_more_tests_than_a_page_has_room_for_are_in_several_tables(make_run, tmp_path):
    runs = {name: [make_run(name, 'c', scores=i, seed=0)] for i, name in enumerate('abcd')}
    document = written(tmp_path, runs, '--all-pairs')
    _, *found = tables(document)
    assert [len(rows) - 1 for _, rows in found[:-1]] == [40] * (len(found) - 1)
    assert len(found) > 1
    shown = [tuple(row[:3]) for _, rows in found for row in rows[1:]]
    assert len(set(shown)) == len(shown)
    assert {row[:2] for row in shown} == {(b, a) for a in 'abcd' for b in 'abcd' if a < b}
    assert [caption for caption, _ in found[1:]] == ['Differences, continued.'] * (len(found) - 1)
    labels = re.findall(r'\\label\{(.*)\}', document)
    assert len(set(labels)) == len(labels) == len(found) + 1


def test_one_method_alone_has_one_table_without_bold_numbers(make_run, tmp_path):
    document = written(tmp_path, {'only': [make_run('a', 'a', seed=0)]})
    assert len(tables(document)) == 1
    assert 'textbf' not in document
    assert 'pm' not in document


@pytest.mark.skipif(shutil.which('pdflatex') is None, reason='needs pdflatex')
def test_the_tables_compile(make_run, tmp_path):
    runs = {name: [make_run(f'{i}{s}', 'c', scores=9 * i + s, seed=s) for s in (0, 1)]
            for i, name in enumerate((WICKED.replace('"', ''), '[b]'))}  # fmt: skip
    document = written(tmp_path, runs, '--holm')
    whole = f'\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{document}\\end{{document}}\n'
    (tmp_path / 'all.tex').write_text(whole)
    subprocess.run(
        ['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'all.tex'], cwd=tmp_path, check=True, timeout=60
    )
