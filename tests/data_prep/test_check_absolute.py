"""check_dataset on lists whose clips stand there by absolute paths."""

import check_dataset
import pytest

from tests.support.clips import write_clip


@pytest.fixture
def arguments(tmp_path):
    """Lists of one video below the data root and of one elsewhere, as arguments of the command."""
    elsewhere = write_clip(tmp_path / 'elsewhere/b.mp4')
    write_clip(tmp_path / 'root/cropped_clips/s/a.mp4', frames=9)
    lists = tmp_path / 'root/lists/own'
    lists.mkdir(parents=True)
    (lists / 'classes.txt').write_text('cut\nwash\n')
    (lists / 'val_videos.txt').write_text(f's/a.mp4 0\n{elsewhere} 1\n')
    return ['--data-root', str(tmp_path / 'root'), '--lists', str(lists), '--workers', '1']


def test_absolute_paths_are_wrong_unless_they_are_allowed(arguments, capsys):
    assert check_dataset.main(arguments) == 1
    said = capsys.readouterr().err
    assert 'is absolute' in said
    assert 'allow_absolute=True in the dataset (--allow-absolute of check_dataset)' in said
    assert check_dataset.main([*arguments, '--allow-absolute']) == 0
    assert 'nothing is wrong' in capsys.readouterr().out


def test_a_file_that_is_not_at_its_absolute_path_is_found_missing(arguments, tmp_path, capsys):
    (tmp_path / 'elsewhere/b.mp4').unlink()
    assert check_dataset.main([*arguments, '--allow-absolute']) == 1
    assert f'missing: val videos: {tmp_path}/elsewhere/b.mp4: no such file' in capsys.readouterr().err
