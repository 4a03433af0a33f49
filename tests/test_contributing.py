"""CONTRIBUTING.md draws the tree as it is."""

import re

import pytest


@pytest.fixture(scope='module')
def tree(repository):
    return (repository / 'CONTRIBUTING.md').read_text().split('```')[1]


def rooms(folder):
    """The folders with code in them, by name."""
    return {path.parent.name for path in folder.glob('*/*.py')}


@pytest.mark.parametrize('package', ['cdb_video', 'cdb_video_files', 'data_prep/prep'])
def test_every_room_stands_in_the_tree(repository, tree, package):
    # Old places that only forward are no rooms.
    missing = {name for name in rooms(repository / package) - {'clips'} if not re.search(rf'\b{name}\b', tree)}
    assert not missing


def test_every_folder_of_the_tree_exists(repository, tree):
    known = {path.name for path in repository.rglob('*') if path.is_dir() and '.venv' not in path.parts}
    named = set(re.findall(r'\b([a-z_]+)/(?![A-Z])', tree))
    assert named
    assert not named - known


def test_every_file_of_its_table_exists(repository):
    table = (repository / 'CONTRIBUTING.md').read_text().split('| you want to add |')[1].split('\n\n')[0]
    places = [place for place in re.findall(r'`([\w/]+\.py)`', table) if 'HOST' not in place]
    assert len(places) > 8
    for place in places:
        found = [root for root in ('.', 'cdb_video') if (repository / root / place).exists()]
        assert found or place == 'frequency.py', place
