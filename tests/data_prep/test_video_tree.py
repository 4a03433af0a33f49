"""What lies below a folder of videos: nothing is passed over without a word."""

import os
from pathlib import Path

import cut_clips
import extract_frames
import pytest
from prep.frames import video_tree
from prep.frames.manifest import FolderError
from prep.frames.video_tree import read_video_tree

from tests.support.clips import write_clip


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_videos_hidden_ones_and_other_files_are_told_apart_and_sorted(tmp_path):
    touch(tmp_path, 'b/2.MTS', 'b/1.gif', 'a.mp4', '._a.mp4', '.git/x.mp4', '.git/config', 'b/notes.txt', 'b/noending')
    touch(tmp_path, '.DS_Store', 'b/Thumbs.db', 'desktop.ini', 'cut_clips.json')
    tree = read_video_tree(tmp_path)
    assert tree.videos == [Path('a.mp4'), Path('b/1.gif'), Path('b/2.MTS')]
    assert tree.hidden == [Path('._a.mp4'), Path('.git/x.mp4')]
    assert tree.others == [Path('b/noending'), Path('b/notes.txt')]
    assert tree.folders == [Path(), Path('b')]
    assert tree.repeated == []


def test_links_are_followed_a_folder_is_read_once_and_its_other_name_is_told(tmp_path):
    touch(tmp_path, 'data/a/1.mp4', 'data/c/2.mp4')
    (tmp_path / 'data/b').symlink_to('a')
    (tmp_path / 'data/c/up').symlink_to(tmp_path / 'data')
    tree = read_video_tree(tmp_path / 'data')
    assert tree.videos == [Path('a/1.mp4'), Path('c/2.mp4')]
    assert tree.repeated == [(Path('b'), Path('a'))]
    (note,) = video_tree.repeated_note(tmp_path, tree.repeated)
    assert note == f'1 link is left out, to folders that were read already: {tmp_path / "b"} is {tmp_path / "a"}'


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    touch(tmp_path, 'a/1.mp4', 'b/2.mp4')
    scan = os.scandir

    def refusing(path):
        if str(path).endswith('b'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', refusing)
    with pytest.raises(FolderError, match=r'b cannot be read \(Permission denied\)'):
        read_video_tree(tmp_path)


def test_extraction_counts_and_names_what_it_leaves_out(tmp_path, capsys):
    clips = tmp_path / 'cropped_clips'
    write_clip(clips / 's/a.mp4', frames=3)
    touch(clips, *(f's/{number}.xyz' for number in range(7)), 's/readme.txt', '.DS_Store')
    (clips / 'again').symlink_to('s')
    run = ['--data-root', str(tmp_path), '--workers', '1']
    assert extract_frames.main(run) == 0
    error = capsys.readouterr().err
    assert f'8 files are left out, no video by the ending: {clips / "s/0.xyz"}' in error
    assert 'and 3 more. Known are .mp4, ' in error
    assert f'1 link is left out, to folders that were read already: {clips / "again"} is {clips / "s"}' in error
    assert extract_frames.main([*run, '--verify']) == 0
    assert '8 files are left out' in capsys.readouterr().err


def test_each_file_that_is_left_out_is_named_by_one_shard(tmp_path, capsys):
    write_clip(tmp_path / 'cropped_clips/s/a.mp4', frames=3)
    touch(tmp_path / 'cropped_clips', *(f's/{number}.xyz' for number in range(4)))
    for shard in ('1/3', '2/3', '3/3'):
        assert extract_frames.main(['--data-root', str(tmp_path), '--workers', '1', '--shard', shard]) == 0
    said = capsys.readouterr().err
    assert [said.count(f's/{number}.xyz') for number in range(4)] == [1] * 4


def test_where_there_is_no_video_the_other_files_are_named(tmp_path, capsys):
    touch(tmp_path, 'cropped_clips/s/a.mp5', 'recordings/b.mp5')
    assert extract_frames.main(['--data-root', str(tmp_path), '--workers', '1']) == 2
    assert f'1 file is left out, no video by the ending: {tmp_path}/cropped_clips/s/a.mp5' in capsys.readouterr().err
    with pytest.raises(ValueError, match=r'holds no recording .*recordings/b\.mp5'):
        cut_plan().find_recordings(tmp_path / 'recordings')


def cut_plan():
    from prep.cut import plan

    return plan


def test_recordings_of_any_ending_are_found_and_what_is_none_is_named(tmp_path):
    touch(tmp_path, 'x/S1.MTS', 'x/S2.v1.webm', 'x/._S1.mts', 'list.csv')
    (tmp_path / 'linked').mkdir()
    touch(tmp_path / 'elsewhere', 'S3.ts')
    (tmp_path / 'linked/disk').symlink_to(tmp_path / 'elsewhere')
    videos, notes = cut_plan().find_recordings(tmp_path)
    assert sorted(videos) == ['S1', 'S2.v1', 'S3']
    assert [note.split(':')[0] for note in notes] == [
        '1 file is left out, no video by the ending',
        '1 video is left out, whose names or those of their folders begin with a dot',
        '1 link is left out, to folders that were read already',
    ]


def test_clips_of_any_ending_are_not_mixed_with_those_of_cut_clips(tmp_path):
    touch(tmp_path, 's/a.AVI')
    with pytest.raises(ValueError, match='holds clips that cut_clips did not make'):
        cut_clips._claim(tmp_path, cut_clips.CutOptions(480, 18))
