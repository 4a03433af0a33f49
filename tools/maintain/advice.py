"""The advice of `cdb_video.advice` in the pages that repeat it: names those that are behind, or renews them.

    python -m tools.maintain.advice [--write]

A page has two paragraphs of it, found by how they begin: the snippet, and the list that says why. Exit code 1 if a page
is behind and --write is not given.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from cdb_video.advice import notes, snippet

ROOT = Path(__file__).resolve().parents[2]
PAGES = ('README.md', 'docs/start/your_own_data.md', 'docs/methods/which_method.md', 'docs/use/your_config.md')
BEGINNINGS = ("custom_imports = dict(imports=['cdb_video'])", '- **Advised**')
"""How the snippet and the list begin, whatever is advised."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--write', action='store_true', help='renew the pages')
    write = parser.parse_args(argv).write
    texts = {name: (ROOT / name).read_text(encoding='utf-8') for name in PAGES}
    behind = {name: new for name, text in texts.items() if (new := renewed(text)) != text}
    for name, text in behind.items():
        if write:
            (ROOT / name).write_text(text, encoding='utf-8')
        print(f'{name}: {"renewed" if write else "behind, --write renews it"}')
    return int(bool(behind) and not write)


def renewed(page: str) -> str:
    """The text of a page with today's advice.

    Args:
        page: Markdown; a paragraph ends before an empty line or the end of a block of code.

    Raises:
        ValueError: If not exactly one paragraph has such a beginning.
    """
    for beginning, text in zip(BEGINNINGS, (snippet(), notes()), strict=True):
        found = re.findall(rf'^{re.escape(beginning)}.*?(?=\n\n|\n```|\n?\Z)', page, flags=re.MULTILINE | re.DOTALL)
        if len(found) != 1:
            raise ValueError(f'{len(found)} paragraphs begin with {beginning!r}: a page that has the advice has one')
        page = page.replace(found[0], text)
    return page


if __name__ == '__main__':
    raise SystemExit(main())
