import json
import logging

import pytest

import cdb_video
from cdb_video.inference.extraction import extraction_notes
from cdb_video_files.packs import PackWriter
from tests.support.work_dirs import FUSED, make_work_dir, pipeline

RESIZED = pipeline(fused=[{'type': 'Resize', 'scale': (-1, 32)}, *FUSED])
CROPPED = pipeline()


def manifest(width=341, height=256, **options):
    usual = {'short_side': 256, 'quality': 90, 'stride': 1, 'fps': None}
    return {'width': width, 'height': height, 'options': usual | options}


def pack(folder, content):
    (folder / 'session').mkdir(parents=True, exist_ok=True)
    writer = PackWriter(str(folder / 'session/clip.pack'))
    writer.add(b'.')
    writer.finish(content)
    return folder


def test_frames_of_every_moment_that_are_resized_anyway_need_no_word(tmp_path):
    assert extraction_notes(pack(tmp_path, manifest()), RESIZED) == []
    assert extraction_notes(pack(tmp_path, manifest(64, 64)), CROPPED) == []
    assert extraction_notes(pack(tmp_path, manifest(short_side=0)), CROPPED) == []


def test_frames_that_were_made_smaller_are_told_of_where_the_pipeline_relies_on_that(tmp_path):
    (note,) = extraction_notes(pack(tmp_path, manifest()), CROPPED)
    assert 'have a short side of 256 pixels, and the test pipeline does not resize before it crops' in note


@pytest.mark.parametrize(('options', 'words'), [({'stride': 3}, '--stride 3'), ({'fps': 12.5}, '--fps 12.5')])
def test_frames_that_were_left_out_are_told_of(tmp_path, options, words):
    (note,) = extraction_notes(pack(tmp_path, manifest(**options)), RESIZED)
    assert f'were extracted with {words}, and of a video all are read' in note


def test_folders_of_frames_are_asked_too_and_what_nobody_can_read_says_nothing(tmp_path):
    assert extraction_notes(tmp_path / 'gone', CROPPED) == []
    (tmp_path / 'clip').mkdir()
    (tmp_path / 'clip/manifest.json').write_text(json.dumps(manifest(stride=2)))
    assert '--stride 2' in extraction_notes(tmp_path, RESIZED)[0]
    for text in ('torn {', '[1]'):
        (tmp_path / 'clip/manifest.json').write_text(text)
        assert extraction_notes(tmp_path, CROPPED) == []
    (tmp_path / 'clip.pack').write_text('no pack')
    assert extraction_notes(tmp_path, CROPPED) == []


def test_who_loads_a_model_is_told(tmp_path, monkeypatch, caplog):
    pack(tmp_path / 'packs', manifest(stride=2))
    dataset = {'type': 'FrameListDataset', 'data_root': str(tmp_path), 'data_prefix': {'img': 'packs'}}
    folder = make_work_dir(tmp_path / 'run', pipeline([], 'PackDecode'), train_dataloader={'dataset': dataset})
    monkeypatch.setattr(logging.getLogger('cdb_video'), 'propagate', True)
    cdb_video.load(folder, device='cpu')
    assert '--stride 2' in caplog.text
