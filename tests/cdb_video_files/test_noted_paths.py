"""Paths that were noted down: whose folder they are in, and where the file is after a move."""

import os

import pytest

from cdb_video_files.noted_paths import lies_in, namesake_in


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/epoch_1.pth').touch()
    return tmp_path / 'run'


def test_links_and_relative_paths_lead_to_the_same_folder(folder, monkeypatch):
    (folder.parent / 'link').symlink_to(folder)
    monkeypatch.chdir(folder.parent)
    for path in ('run/epoch_1.pth', 'link/epoch_1.pth', f'{folder}/../run/epoch_1.pth'):
        for own in ('run', 'link', folder, f'{folder}{os.sep}'):
            assert lies_in(path, ['elsewhere', own])


def test_a_file_of_another_folder_or_a_deeper_one_does_not_lie_in_it(folder):
    for path in (folder.parent / 'epoch_1.pth', folder / 'deeper/epoch_1.pth', folder.parent / 'run2/epoch_1.pth'):
        assert not lies_in(path, [folder])


def test_a_link_to_a_file_lies_where_the_link_is(folder):
    (folder / 'best.pth').symlink_to(folder.parent / 'large_disk.pth')
    assert lies_in(folder / 'best.pth', [folder])


def test_addresses_are_compared_as_they_are_written(folder):
    assert lies_in('s3://bucket/run/epoch_1.pth', ['s3://bucket/run/'])
    assert not lies_in('s3://bucket/other/epoch_1.pth', ['s3://bucket/run', folder])
    assert namesake_in('s3://bucket/run/epoch_1.pth', ['s3://bucket/run']) is None


def test_a_namesake_is_found_in_the_first_folder_that_has_one(folder):
    assert namesake_in('/gone/run/epoch_1.pth', [folder.parent, folder]) == str(folder / 'epoch_1.pth')
    assert namesake_in('/gone/run/epoch_2.pth', [folder]) is None
    assert namesake_in('', [folder]) is None
