"""What fails the build of the site, on a small set of pages; tools/docs.sh builds the real one."""

import os
import shutil
import subprocess
import sys

import pytest

GOOD = {
    'README.md': '# Index\n\n## Use\n\n[losses](losses.md) [tour](start/tour.ipynb) [more](../more/README.md)\n',
    'losses.md': '# Losses\n\nSee [more](../more/README.md#at-length).\n\n::: cdb_video.CDBLoss\n',
    'start/tour.ipynb': '{"cells": [{"cell_type": "markdown", "source": ["# Tour\\n", "[losses](../losses.md)"]}]}',
    '../more/README.md': '# More\n\n## At length\n\nBack to [the tour](../docs/start/tour.ipynb), [a folder](.).\n',
}


@pytest.fixture
def build(tmp_path, repository):
    """Build the site of some pages; status, and all that mkdocs said."""
    for name in ('cdb_video', 'cdb_video_files', 'tools'):
        (tmp_path / name).symlink_to(repository / name)
    shutil.copy(repository / 'mkdocs.yml', tmp_path)

    def run(pages):
        for name, text in (GOOD | pages).items():
            page = tmp_path / 'docs' / name
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding='utf-8')
        command = [sys.executable, '-m', 'mkdocs', 'build']
        environment = {**os.environ, 'NO_MKDOCS_2_WARNING': '1'}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_links_lead_to_where_the_pages_are_in_the_site(build, tmp_path):
    status, said = build({})
    assert status == 0, said
    pages = {name: (tmp_path / 'site' / name).read_text() for name in ('losses.html', 'repository/more/index.html')}
    assert 'href="repository/more/index.html#at-length"' in pages['losses.html']
    assert 'id="cdb_video.CDBLoss"' in pages['losses.html']
    assert 'Back to <a href="../../start/tour.html">the tour</a>, a folder.' in pages['repository/more/index.html']


@pytest.mark.parametrize(
    ('pages', 'words'),
    [
        ({'losses.md': '# Losses\n\n::: cdb_video.NoSuchLoss\n'}, 'cdb_video.NoSuchLoss could not be found'),
        ({'losses.md': '# Losses\n\n[gone](no-such-page.md)\n'}, "link 'no-such-page.md'"),
        ({'../more/README.md': '# More\n\n[gone](../docs/no-such-page.md)\n'}, "link '../docs/no-such-page.md'"),
        ({'../more/README.md': '# More\n\n## In short\n'}, "does not contain an anchor '#at-length'"),
        ({'unlisted.md': '# Unlisted\n'}, 'unlisted.md'),
    ],
    ids=['a name', 'a link', 'a link from outside of docs', 'an anchor', 'a page that the index lacks'],
)
def test_what_is_missing_fails_the_build(build, pages, words):
    status, said = build(pages)
    assert status == 1
    assert words in said
