"""Small checkouts, made for the tests that read sources."""

import textwrap

import pytest

from tools.maintain.measures.source_tree import SourceTree


@pytest.fixture
def checkout(tmp_path):
    """Write files, path -> text, into a checkout and read it."""

    def write(files, root=tmp_path):
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(textwrap.dedent(text))
        return SourceTree.read(root)

    return write
