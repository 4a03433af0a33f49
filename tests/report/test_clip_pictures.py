"""Frames of misclassified clips, from folders and from packs, and what is said of those that cannot be had."""

import shutil

import cv2
import numpy as np
import pytest

from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.insight.mistakes import worst_mistakes
from cdb_video.report.pages.page import render_page
from cdb_video.report.sources.clip_pictures import pictures_of
from cdb_video.report.sources.source import read_run
from cdb_video_files.packs import PackWriter
from tests.report.dumps import make_samples, write_dump


@pytest.fixture
def insight(tmp_path):
    write_dump(tmp_path / 'predictions.pkl', make_samples())
    return build_insight(read_run(tmp_path), Options(repeats=0))


def jpegs(number=8):
    """Frames of one grey each, as JPEG files."""
    return [
        cv2.imencode('.jpg', np.full((48, 64, 3), 20 * step, np.uint8))[1].tobytes() for step in range(1, number + 1)
    ]


def write_pack(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PackWriter(path)
    for content in contents:
        writer.add(content)
    writer.finish({})
    return path


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize('suffix', ['', '.pack'])
def test_mistakes_show_frames_from_packs_as_from_folders(insight, tmp_path, suffix):
    dump = insight.run.predictions
    for path in dump.paths:
        for number, content in enumerate(jpegs(), 1):
            (tmp_path / path).mkdir(parents=True, exist_ok=True)
            (tmp_path / path / f'img_{number:05d}.jpg').write_bytes(content)
    folders, notes = worst_mistakes(insight, number=3)
    assert (len(folders), notes) == (3, [])
    shutil.rmtree(tmp_path / 'data')
    for path in dump.paths:
        write_pack(tmp_path / f'{path}.pack', jpegs())
    object.__setattr__(dump, 'paths', tuple(path + suffix for path in dump.paths))
    packs, notes = worst_mistakes(insight, number=3)
    assert notes == []
    assert [mistake.strip for mistake in packs] == [mistake.strip for mistake in folders]
    assert all(mistake.strip for mistake in packs)
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    assert render_page(insight).count(b'<img src="data:image/jpeg;base64,') == len(worst_mistakes(insight)[0])


def test_the_note_on_clips_without_frames_says_which_are_missing_which_damaged_and_why(insight, tmp_path):
    surest, _ = worst_mistakes(insight)
    packs = [write_pack(tmp_path / f'data/frames/P/{mistake.clip}.pack', jpegs()) for mistake in surest]
    packs[1].unlink()
    packs[2].unlink()
    packs[3].write_bytes(packs[3].read_bytes()[:-20])
    packs[4].write_bytes(b'text')
    packs[5].unlink()
    packs[5].with_suffix('').mkdir()
    flip(packs[6], -30)  # within the last frame, 8 of 8, which is shown
    mistakes, (missing, unreadable, damaged) = worst_mistakes(insight, number=8)
    assert [mistake.strip is None for mistake in mistakes] == [False, True, True, True, True, True, False, False]
    assert missing.startswith(
        'No frames are at hand of 2 of the 8 misclassified clips that were looked for, which are missing'
    )
    assert f'(the first is data/frames/P/{surest[1].clip})' in missing
    assert unreadable.startswith(
        'No frames are at hand of 3 of the 8 misclassified clips that were looked for, which cannot be read'
    )
    assert f'{packs[3]} has' in unreadable
    assert 'its index says' in unreadable
    assert damaged.startswith('Some frames could not be read of 1 of the 8 misclassified clips that were')
    assert f'{packs[6]}: frame 7 is damaged' in damaged


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('a.pack', b'text', 'a.pack is not a pack'),
        ('a.mp4', b'text', 'a.mp4 is damaged, no video'),
        ('a/img_00001.jpg', b'text', 'img_00001.jpg is damaged, or no image'),
        ('a/notes.txt', b'text', '/a holds no image'),
    ],
)
def test_a_clip_that_cannot_be_read_is_named_with_the_reason(tmp_path, name, content, words):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    pictures = pictures_of(tmp_path, 'a')
    assert not pictures.frames
    assert not pictures.is_missing
    assert words in pictures.fault


@pytest.mark.parametrize('template', ['{}.jpg', 'rgb/{}.jpg', 'rgb/frame_{:03}.JPG'])
def test_frames_of_any_names_are_shown_in_their_order(tmp_path, template):
    for number, content in enumerate(jpegs(12)):
        path = tmp_path / 'a' / template.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / 'a/masks').mkdir()
    (tmp_path / 'a/masks/0.png').write_bytes(b'text')
    pictures = pictures_of(tmp_path, 'a')
    assert pictures.fault is None
    assert [int(frame.mean().round()) for frame in pictures.frames] == [40, 80, 120, 160, 200, 240]


def test_a_folder_without_images_does_not_hide_the_pack_beside_it(tmp_path):
    (tmp_path / 'a').mkdir()
    write_pack(tmp_path / 'a.pack', [*jpegs(2), b'text'])
    pictures = pictures_of(tmp_path / 'work', 'a')
    assert len(pictures.frames) == 2
    assert pictures.fault == f'{tmp_path}/a.pack: frame 2 is no JPEG file'
    (tmp_path / 'a/img_00001.jpg').write_bytes(b'text')
    pictures = pictures_of(tmp_path / 'work', 'a')
    assert len(pictures.frames) == 2
    assert pictures.fault == f'{tmp_path}/a/img_00001.jpg is damaged, or no image'
