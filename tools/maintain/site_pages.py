"""Hooks of mkdocs: navigation from the index, the pages outside of docs/, and the notebook as a page.

`docs/README.md` is the index on GitHub and on the site: its headings and links are the navigation. It links to READMEs
that lie where GitHub shows them; these, and what they link to in turn, come into the site below `repository/`. So
links are written for GitHub alone, and turned here: one to a folder, or to a file that is no page, becomes its
text, and one that leads nowhere is left, and fails the build.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.maintain.notebook import markdown_of

LINK = re.compile(r'\[([^][]*)\]\((?!\w+:)([^)\s#]+)(#[^)\s]*)?\)')
"""Text, target and anchor of a link to a file, or of a picture."""
PAGES = {'.md', '.ipynb'}
OUTSIDE = 'repository'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation: a section for each heading of the index, with the pages that it links to."""
    index = Path(config.docs_dir, 'README.md')
    config.nav = ['README.md']
    for section in index.read_text(encoding='utf-8').split('\n## ')[1:]:
        title, _, body = section.partition('\n')
        config.nav.append({title: list(dict.fromkeys(_uri(page, config) for page in _links(index, body)))})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring in the pages outside of docs/ that others link to, and the notebooks."""
    for page in _reached(Path(config.docs_dir)):
        if page.suffix == '.ipynb':
            files.append(File.generated(config, _uri(page, config), content=markdown_of(page)))
        elif Path(config.docs_dir) not in page.parents:
            files.append(File.generated(config, _uri(page, config), abs_src_path=str(page)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a page to where the pages lie in the site."""
    source = Path(page.file.abs_src_path or Path(config.docs_dir, page.file.src_uri))

    def turned(link: re.Match[str]) -> str:
        text, path, anchor = link.groups(default='')
        target = (source.parent / path).resolve()
        if not target.exists():
            return link[0]
        if target.suffix not in PAGES and not target.is_relative_to(config.docs_dir):
            return text
        return f'[{text}]({os.path.relpath(_uri(target, config), Path(page.file.src_uri).parent)}{anchor})'

    return LINK.sub(turned, markdown)


def _reached(folder: Path) -> set[Path]:
    """The pages and notebooks that those of a folder lead to."""
    reached: set[Path] = set()
    waiting = list(folder.rglob('*.md'))
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix in PAGES and page.is_file():
            reached.add(page)
            waiting.extend(_links(page, page.read_text(encoding='utf-8')) if page.suffix == '.md' else ())
    return reached


def _links(page: Path, text: str) -> Iterator[Path]:
    return ((page.parent / path).resolve() for _, path, _ in LINK.findall(text))


def _uri(page: Path, config: MkDocsConfig) -> str:
    """Where a file of the repository lies in the site."""
    docs, root = Path(config.docs_dir), Path(config.config_file_path).parent
    inside = page.is_relative_to(docs)
    uri = page.relative_to(docs) if inside else Path(OUTSIDE, page.relative_to(root))
    return (uri.with_suffix('.md') if uri.suffix == '.ipynb' else uri).as_posix()
