"""Links, anchors, lengths and index of README, docs/ and the other pages in Markdown; what the API pages have."""

import json
import re
from pathlib import Path

import pytest

import cdb_video

ROOT = Path(__file__).resolve().parents[1]
INDEX = ROOT / 'docs/README.md'
DOCS = sorted((ROOT / 'docs').rglob('*.md'))
NOTEBOOKS = sorted((ROOT / 'docs').rglob('*.ipynb'))
OTHERS = [ROOT / name for name in ('README.md', 'data_prep/README.md', 'benchmarks/README.md', 'CONTRIBUTING.md')]
NAMING = ('cdb_video', 'data_prep', 'tools', 'configs', 'tests', 'benchmarks', 'pyproject.toml', 'CHANGELOG.md')
"""What names pages of docs/ in messages, comments and docstrings."""
LONGEST_README = {'lines': 110, 'words': 1000}
LONGEST_DATA_README = 120


def name_of(path):
    return str(path.relative_to(ROOT))


pages = pytest.mark.parametrize('page', [*OTHERS, *DOCS], ids=name_of)
docs_pages = pytest.mark.parametrize('page', DOCS, ids=name_of)
texts = pytest.mark.parametrize('page', [*OTHERS, *DOCS, *NOTEBOOKS], ids=name_of)


def text_of(page):
    """The Markdown of a page, or of a notebook's cells."""
    text = page.read_text(encoding='utf-8')
    if page.suffix != '.ipynb':
        return text
    cells = json.loads(text)['cells']
    return '\n\n'.join(''.join(cell['source']) for cell in cells if cell['cell_type'] == 'markdown')


def prose_of(page):
    """The lines of a page outside blocks of code."""
    lines, is_code = [], False
    for line in text_of(page).splitlines():
        if line.lstrip().startswith('```'):
            is_code = not is_code
        elif not is_code:
            lines.append(line)
    return lines


def links_of(page):
    """(path, anchor) of every relative link and picture; an empty path is the page itself."""
    text = re.sub(r'`[^`\n]*`', '', '\n'.join(prose_of(page)))
    targets = re.findall(r'\]\(([^)\s]+)\)', text)
    return [target.partition('#')[::2] for target in targets if not re.match(r'\w+:', target)]


def github_anchor(heading):
    """As GitHub makes it: 'In short: a - b' gives in-short-a---b."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def mkdocs_anchor(heading):
    """As Python-Markdown makes it: 'In short: a - b' gives in-short-a-b."""
    return re.sub(r'[-\s]+', '-', re.sub(r'[^\w\s-]', '', heading).strip().lower())


def anchors_of(page, *rules):
    """Anchors of the headings of a page that all rules make alike; a heading that comes twice has none."""
    headings = [line.lstrip('#').strip() for line in prose_of(page) if re.match(r'#+ ', line)]
    headings = [re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).replace('`', '') for heading in headings]
    made = [{rule(heading) for rule in rules} for heading in headings]
    return {one for (one, *rest) in map(sorted, made) if not rest and made.count({one}) == 1}


@texts
def test_every_relative_link_and_anchor_resolves(page):
    rules = (github_anchor, mkdocs_anchor) if page not in OTHERS else (github_anchor,)
    for path, anchor in links_of(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f'{path} is not there'
        if anchor:
            assert anchor in anchors_of(target, *rules), f'{path}#{anchor} is no heading'


def test_anchors_are_those_of_github_and_of_the_site():
    assert github_anchor('The real EGTEA Gaze+') == mkdocs_anchor('The real EGTEA Gaze+') == 'the-real-egtea-gaze'
    assert github_anchor('check_dataset.py') == mkdocs_anchor('check_dataset.py') == 'check_datasetpy'
    assert (github_anchor('a - b'), mkdocs_anchor('a - b')) == ('a---b', 'a-b')


def test_the_readmes_are_short():
    readme, data_readme = ((ROOT / name).read_text(encoding='utf-8') for name in ('README.md', 'data_prep/README.md'))
    assert len(readme.splitlines()) <= LONGEST_README['lines']
    assert len(readme.split()) <= LONGEST_README['words']
    assert len(data_readme.splitlines()) <= LONGEST_DATA_README


def test_every_page_stands_in_the_index():
    listed = {(INDEX.parent / path).resolve() for path, _ in links_of(INDEX)}
    assert [name_of(page) for page in [*DOCS, *NOTEBOOKS] if page not in {INDEX, *listed}] == []


@docs_pages
def test_pages_link_only_to_pages_of_the_docs(page):
    if page == INDEX:
        return
    outside = [
        path for path, _ in links_of(page) if path and ROOT / 'docs' not in (page.parent / path).resolve().parents
    ]
    assert outside == [], 'only the index links to what lies outside of docs/'


@docs_pages
def test_lists_and_tables_stand_so_that_every_renderer_shows_them(page):
    before = ''
    for line in prose_of(page):
        is_item = re.match(r'([-*]|\d+\.) ', line)
        assert not is_item or not before or re.match(r'([-*]|\d+\.) |\s', before), f'no blank line before: {line}'
        assert not re.match(r' +\|', line), f'a table in a list: {line}'
        assert before or not re.match(r' {1,3}\S', line), f'a second paragraph in a list: {line}'
        before = line
    assert not re.search(r'^ +```', page.read_text(encoding='utf-8'), flags=re.MULTILINE), 'a block of code in a list'


@docs_pages
def test_every_page_begins_with_a_heading_and_has_one_title(page):
    titles = [line for line in prose_of(page) if line.startswith('# ')]
    assert titles == [page.read_text(encoding='utf-8').splitlines()[0]]


def files_naming_pages():
    for name in NAMING:
        path = ROOT / name
        for file in [path] if path.is_file() else path.rglob('*'):
            is_text = file.suffix in {'.py', '.sh', '.md', '.toml', '.yml', '.html'}
            if is_text and file.is_file() and 'results' not in file.relative_to(ROOT).parts:
                yield file


def test_pages_that_code_and_comments_name_are_there():
    for file in files_naming_pages():
        text = re.sub(r"tmp_path / '[^']*'", '', file.read_text(encoding='utf-8'))
        for path in re.findall(r'docs/[\w/]+\.(?:md|json|ipynb)', text):
            assert (ROOT / path).exists(), f'{name_of(file)}: {path}'


def test_the_api_pages_have_all_that_is_registered():
    documented = [
        name
        for page in (ROOT / 'docs/api').glob('*.md')
        for name in re.findall(r'^::: cdb_video\.(\w+)$', page.read_text(encoding='utf-8'), flags=re.MULTILINE)
    ]
    assert sorted(documented) == sorted(cdb_video._REGISTERED)
