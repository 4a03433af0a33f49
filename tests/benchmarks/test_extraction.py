"""The benchmarks of extraction at a tiny size: they measure what they promise; speed is not tested."""

import json
import os

import pytest

from benchmarks.extraction import rehearsal, scaling
from benchmarks.harness.egtea_clips import group_lengths, read_names

pytestmark = pytest.mark.slow


def test_groups_of_lengths_keep_the_number_of_frames_and_the_order():
    lengths = [200, 15, 17, 100, 16, 120, 2000, 90]
    means, group_of = group_lengths(lengths, 4)
    assert means == [16, 54, 110, 1100]
    assert [means[group] for group in group_of] == [1100, 16, 54, 110, 16, 110, 1100, 54]
    assert group_lengths([3, 2], 10) == ([2, 3], [1, 0])


def test_names_and_lengths_are_those_of_the_split_files_or_made_up(shared_folder):
    for names in (read_names(None, 0), read_names(shared_folder / 'egtea', 0)):
        assert len(dict(names)) == 10_321
        assert min(length for _, length in names) == 15
        assert max(length for _, length in names) > 2700
        assert sum(length for _, length in names) / 10_321 == pytest.approx(101, abs=8)
    with pytest.raises(ValueError, match='holds no'):
        read_names(shared_folder / 'videos', 0)


def prepare(monkeypatch, module, *arguments):
    """Give a benchmark its arguments, and short clips: encoding is what takes the time."""
    monkeypatch.setattr('sys.argv', [module.__file__, *map(str, arguments)])
    monkeypatch.setattr(module, 'read_names', lambda splits, seed: [(f's/{n}', 3 + n) for n in range(9)])


@pytest.mark.long
def test_scaling_times_all_forms_and_workers(monkeypatch, tmp_path, capsys):
    results = tmp_path / 'results'
    prepare(monkeypatch, scaling, '--clips', 3, '--rounds', 1, '--most-workers', 2, '--out', results)
    assert scaling.main() == 0
    numbers = json.loads((results / 'extraction_scaling.json').read_text())['numbers']
    assert (numbers['clips'], numbers['frames']) == (3, 4 + 7 + 10)
    assert sorted(numbers['rows']) == ['folders, 1', 'folders, 2', 'packs, 1', 'packs, 2']
    for row in numbers['rows'].values():
        assert row['wall_seconds'] > 0
        assert row['cpu_ms_per_clip'] > 0
    assert 'packs | 2 |' in capsys.readouterr().out


def test_the_rehearsal_extracts_all_clips_goes_on_and_keeps_its_times(monkeypatch, tmp_path, capsys):
    work, results = tmp_path / 'work', tmp_path / 'results'
    options = ['--work', work, '--pool', 2, '--workers', 1, '--clips', 6, '--out', results]
    prepare(monkeypatch, rehearsal, *options)
    assert rehearsal.main() == 0
    clips = sorted((work / 'cropped_clips').rglob('*.mp4'))
    assert len(clips) == 6
    # Hard links to two clips, and a pack each.
    assert len({os.stat(clip).st_ino for clip in clips}) == 2
    packs = sorted((work / 'packs').rglob('*.pack'))
    assert [pack.stem for pack in packs] == [clip.stem for clip in clips]
    packs[0].unlink()
    assert rehearsal.main() == 0
    numbers = json.loads((results / 'extraction_rehearsal.json').read_text())['numbers']
    assert [run['clips'] for run in numbers['runs']] == [6, 1]
    assert numbers['timed_clips'] == 7
    assert numbers['bytes_written'] == sum(pack.stat().st_size for pack in packs)
    assert rehearsal.main() == 0, 'nothing left to do: the report of the runs before'
    capsys.readouterr()
    prepare(monkeypatch, rehearsal, *options[:2], '--pool', 3, *options[4:])
    assert rehearsal.main() == 2
    assert 'Name another folder, or remove it' in capsys.readouterr().err
