"""Class names that Markdown, a spreadsheet or a console would read as something else."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdb_video.class_names import counted
from cdb_video.report.class_report.file import ClassReport, write_class_report
from cdb_video.report.class_report.rows import class_rows
from cdb_video.report.class_report.text import csv_table, csv_text, markdown_text
from tests.report.dumps import NAMES, make_samples, write_dump, write_history
from tests.report.dumps import write_report as write_json

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [
    '[click](http://example.org)', '![x](y)', '*a*', '__a__', '_a_', '`a`', 'a|b', 'a\\|b', '<b>a</b>', '&lt;', '&',
    'http://example.org', 'www.example.org', 'a\\', '$a$', '<script>alert(1)</script>', 'a_b_c', '@name', 'ü 漢字',
    '~~a~~', '[a]: b',
]  # fmt: skip
FORMULAS = ['=1+1', '+1', '-1', '@SUM(1)', '\t=1', "'=1", "'", "''a"]


@pytest.mark.parametrize('name', HOSTILE)
def test_markdown_shows_the_name_and_nothing_else(name):
    markdown_it = pytest.importorskip('markdown_it', reason='needs markdown-it-py')
    parser = markdown_it.MarkdownIt('commonmark').enable(['table', 'strikethrough'])
    tokens = parser.parse(f'| a | b |\n|---|---|\n| {markdown_text(name)} | 7 |\n')
    cells = [token for token in tokens if token.type == 'inline']
    assert [cell.content for cell in cells[:2] + cells[3:]] == ['a', 'b', '7']
    parts = cells[2].children
    assert {part.type for part in parts} <= {'text', 'text_special'}
    assert ''.join(part.content for part in parts) == name


def test_markdown_keeps_underscores_within_words_readable():
    assert markdown_text('slowfast_cdbs') == 'slowfast_cdbs'
    assert markdown_text('two\nlines') == 'two lines'
    assert '\\:' in markdown_text('http://example.org')  # which GitHub would make a link of


@pytest.mark.parametrize('name', [*FORMULAS, *HOSTILE, '', 'a=1'])
def test_csv_starts_no_formula_and_the_name_can_be_had_back(name):
    (row,) = csv.DictReader(io.StringIO(csv_table([{'name': name, 'other': -0.5}]), newline=''))
    written = row['name']
    assert not written.startswith(('=', '+', '-', '@', '\t', '\r'))
    assert written.removeprefix("'") == name
    assert (written == name) is (name not in FORMULAS and not name.startswith(('@',)))
    assert row['other'] == '-0.5'


def test_class_report_has_no_formula(tmp_path):
    rows = class_rows([1, 1], [0, 1], class_names=['=1+1', 'b'])
    table, _ = write_class_report(tmp_path, ClassReport('val', epoch=1, iteration=1, metrics={}, rows=rows))
    assert [row['name'] for row in csv.DictReader(table.read_text().splitlines())] == ["'=1+1", 'b']
    assert csv_text('=1+1') == "'=1+1"


@pytest.mark.parametrize(('number', 'words'), [(0, '0 classes'), (1, '1 class'), (2, '2 classes')])
def test_numbers_and_what_they_count_agree(number, words):
    assert counted(number, 'class', 'classes') == words
    assert counted(number, 'clip') == f'{number} clip' + 's' * (number != 1)


@pytest.fixture
def runs(tmp_path):
    for name in 'ab':
        folder = tmp_path / name
        folder.mkdir()
        write_history(folder / 'class_history.jsonl')
        write_dump(folder / 'predictions.pkl', make_samples())
        write_json(folder / 'class_report.json', make_samples(), names=NAMES)
    return tmp_path


@pytest.mark.parametrize(
    'command',
    [
        ['report.py', 'a', '--no-html', '--bootstrap', '5'],
        ['compare.py', '--group', 'x=a', '--group', 'y=b', '--no-html'],
        ['average_splits.py', 'a', 'b'],
    ],
    ids=lambda command: command[0],
)
def test_a_reader_that_stops_early_ends_the_command_quietly(runs, command):
    # What is printed would stay in Python's buffer until its end, were it not unbuffered.
    process = subprocess.Popen(
        [sys.executable, '-u', ROOT / 'tools' / command[0], *command[1:]],
        cwd=runs, env=os.environ | {'PYTHONPATH': str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(60) == 141, error
    assert error == ''
    process.stderr.close()


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs the full device of Linux')
def test_a_full_disk_behind_the_output_is_said(runs):
    with Path('/dev/full').open('w') as full:
        done = subprocess.run(
            [sys.executable, ROOT / 'tools/report.py', 'a', '--no-html', '--bootstrap', '0'],
            cwd=runs, env=os.environ | {'PYTHONPATH': str(ROOT)}, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == 'what was printed is cut off: there is no space where it goes; free disk space\n'
    assert (runs / 'a/class_report.md').exists()
