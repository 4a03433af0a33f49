"""The comparison of roads at a tiny size, with a network whose weights are drawn."""

import pytest
from mmengine.config import Config

from benchmarks.reading import same_scores
from cdb_video_files.class_lists import read_class_names
from tests.support.benchmark_pages import rows_of
from tests.support.work_dirs import save_checkpoint

pytestmark = pytest.mark.slow


def test_roads_from_videos_agree_and_the_road_from_packs_is_shown_beside_them(
    run, repository, tiny_mini, tmp_path, monkeypatch
):
    for name, value in (('EGTEA_ROOT', str(tiny_mini)), ('EGTEA_READER', 'pack')):
        monkeypatch.setenv(name, value)
    config = Config.fromfile(repository / 'configs/egtea/mini/slowfast_ce.py')
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    config.dump(work_dir / 'slowfast_ce.py')
    names = read_class_names(tiny_mini / same_scores.LIST / 'classes.txt')
    save_checkpoint(work_dir / 'epoch_1.pth', config, names)
    status, page, content = run(same_scores, 'same_scores', work_dir, '--data-root', tiny_mini, '--clips', 4)
    largest = content['numbers']['largest_difference']
    assert status == 0
    assert content['numbers']['clips'] == 4
    assert [row[0] for row in rows_of(page)] == list(largest)
    assert largest[same_scores.PACK_TEST] > same_scores.TOLERANCE
    assert all(value <= same_scores.TOLERANCE for name, value in largest.items() if name != same_scores.PACK_TEST)


def test_what_is_missing_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['same_scores.py', str(tmp_path / 'none'), '--data-root', str(tmp_path)])
    assert same_scores.main() == 2
    assert 'none does not exist: name the folder that a training wrote to' in capsys.readouterr().err
