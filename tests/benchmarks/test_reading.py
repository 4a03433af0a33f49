"""The benchmarks of reading clips at a tiny size: they measure what they promise; speed is not tested."""

import json
import sys

import pytest

from benchmarks.extraction import clips
from benchmarks.reading import clips_data, clips_endurance, clips_readers, speed

pytestmark = pytest.mark.slow


@pytest.fixture
def prepare(monkeypatch, tmp_path):
    """Give a benchmark its arguments, and small and short clips of two kinds."""

    def call(module, *arguments):
        monkeypatch.setattr(clips, 'SIZE', (128, 96))
        monkeypatch.setattr(clips, 'FRAMES', 12)
        monkeypatch.setattr(clips_data, 'LONG_FRAMES', 30)
        for using in {clips_data, module}:
            monkeypatch.setattr(using, 'KINDS', clips.KINDS[::2], raising=False)
        options = ['--seed', '3', '--out', str(tmp_path / 'results')]
        monkeypatch.setattr('sys.argv', [module.__file__, *map(str, arguments), *options])

    return call


@pytest.mark.long
def test_all_readers_are_timed_on_all_clips_and_goals_are_judged(prepare, tmp_path, capsys):
    prepare(speed, '--clips', 1, '--rounds', 1, '--samples', 4)
    status = speed.main()
    content = json.loads((tmp_path / 'results/clips.json').read_text())
    measured = content['numbers']['clips']['drawn']
    assert list(measured['training']) == ['H.264 5.8 Mb/s', 'MPEG-4 2.8 Mb/s']
    for times in measured['training'].values():
        assert set(times) == {*clips_readers.READERS, 'decoding alone'}
        assert all(len(found) == 1 and found[0] > 0 for found in times.values())
    for part, readers in (('test', speed.TESTED), ('cold', speed.COLD)):
        (times,) = measured[part].values()
        assert set(times) == set(readers)
    assert all(min(speeds) > 0 for speeds in measured['samples per second'].values())
    for found in measured['pixels'].values():
        # Other frames would differ by far more than ways to convert colours do.
        assert all(values[3] < 6 for values in found.values())
    goals = content['numbers']['goals']
    assert len(goals) == 12
    assert all(goal['met'] == (goal['value'] >= goal['goal']) for goal in goals)
    assert status == (0 if all(goal['met'] for goal in goals) else 1)
    page = capsys.readouterr().out
    assert page.count('| PackDecode, 256 q90 |') == 4
    assert page.count('| NO |') == sum(not goal['met'] for goal in goals)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != 'linux', reason='memory and open files are read as Linux gives them')
def test_a_long_run_is_watched_and_growth_is_told(prepare, tmp_path, monkeypatch):
    prepare(clips_endurance, '--samples', 200, '--workers', 1)
    monkeypatch.setattr(clips_endurance, '_KIND', 1)
    assert clips_endurance.main() == 0
    content = json.loads((tmp_path / 'results/clips_endurance_pack.json').read_text())
    seen = content['numbers']['seen']
    assert [read for read, _, _ in seen] == sorted(read for read, _, _ in seen)
    assert len(seen) >= 8
    # The same again, with a file left open at every look.
    honest, opened = clips_endurance.look_at, []

    def look_at(processes):
        opened.append(None)
        memory, files = honest(processes)
        return memory, files + len(opened)

    monkeypatch.setattr(clips_endurance, 'look_at', look_at)
    assert clips_endurance.main() == 1
