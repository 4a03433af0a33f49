"""cdb-video predict: what it prints, what it writes, how it ends."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cdb_video.commands.predict import main
from cdb_video.inference import predict
from tests.support.clips import write_clip
from tests.support.work_dirs import CLASSES, make_work_dir


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return make_work_dir(tmp_path_factory.mktemp('run'))


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clips')
    for number in range(3):
        write_clip(folder / f'{number}.mp4', frames=12 + number)
    return folder


def called(*arguments):
    return main([*map(str, arguments), '--device', 'cpu'])


def rows_of(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_a_folder_gives_names_with_scores_and_a_table(run, clips, tmp_path, capsys):
    out = tmp_path / 'found.csv'
    assert called(run, clips, '--topk', 2, '--out', out) == 0
    printed = capsys.readouterr().out
    assert 'best_acc_mean1_epoch_2.pth (the best), config' in printed
    rows = rows_of(out)
    assert [(row['path'], row['rank']) for row in rows] == [
        (str(clips / f'{number}.mp4'), str(rank)) for number in range(3) for rank in (1, 2)
    ]
    for row in rows:
        assert CLASSES[int(row['label'])] == row['class']
        assert f'{row["class"]} {float(row["score"]):.3f}' in printed
        assert row['error'] == ''
    assert f'wrote {out}' in printed


def test_a_long_video_that_fails_in_any_way_costs_the_others_nothing(run, clips, tmp_path, capsys, monkeypatch):
    whole = predict.Predictor.timeline

    def timeline(self, path, *arguments):
        if path.endswith('0.mp4'):
            raise KeyError('no such step')
        return whole(self, path, *arguments)

    monkeypatch.setattr(predict.Predictor, 'timeline', timeline)
    out = tmp_path / 'found.csv'
    assert called(run, clips / '0.mp4', clips / '1.mp4', '--window', 10, '--out', out, '--no-html') == 1
    assert "0.mp4: KeyError: 'no such step'" in capsys.readouterr().err
    rows = rows_of(out)
    assert [row['error'] for row in rows if row['path'].endswith('0.mp4')] == ["KeyError: 'no such step'"]
    assert [row['class'] for row in rows if row['path'].endswith('1.mp4')]


def test_json_says_of_which_model_it_is(run, clips, tmp_path):
    assert called(run, clips / '0.mp4', '--out', tmp_path / 'found.json', '--views', 'single') == 0
    found = json.loads((tmp_path / 'found.json').read_text())
    assert found['classes'] == list(CLASSES)
    assert found['checkpoint'].endswith('best_acc_mean1_epoch_2.pth')
    (clip,) = found['clips']
    assert [one['class'] for one in clip['ranked']] != []
    assert sum(one['score'] for one in clip['ranked']) == pytest.approx(1)


def test_a_clip_that_fails_is_named_and_the_others_are_written(run, clips, tmp_path, capsys):
    listed = tmp_path / 'list.txt'
    (tmp_path / 'bad.mp4').write_text('no video')
    listed.write_text(f'{clips / "0.mp4"} 1\nbad.mp4 0\ngone.mp4 2\n')
    assert called(run, listed, '--out', tmp_path / 'found.csv', '--topk', 1) == 1
    printed = capsys.readouterr()
    assert f'predict: {tmp_path / "bad.mp4"}: not a readable video file' in printed.err
    assert f'predict: {tmp_path / "gone.mp4"}: there is no such file' in printed.err
    assert '2 of 3 could not be predicted' in printed.err
    assert 'of 1 have the class of the list first' in printed.out
    good, bad, gone = rows_of(tmp_path / 'found.csv')
    assert (good['true_class'], good['error']) == ('dim', '')
    assert bad['class'] == gone['class'] == ''
    assert 'not a readable video file' in bad['error']


def test_earlier_results_stay_where_nothing_was_found(run, tmp_path, capsys):
    out = tmp_path / 'found.csv'
    out.write_text('earlier\n')
    bad = tmp_path / 'bad.mp4'
    bad.write_text('no video')
    assert called(run, bad, '--out', out) == 1
    assert out.read_text() == 'earlier\n'
    assert 'left as it was' in capsys.readouterr().err


def test_a_long_video_gets_a_table_and_a_page_of_windows(run, tmp_path, capsys):
    video = write_clip(tmp_path / 'long.mp4', frames=36)
    out = tmp_path / 'line.csv'
    assert called(run, video, '--window', 0.5, '--stride', 0.25, '--out', out, '--topk', 1) == 0
    rows = rows_of(out)
    assert [(row['start'], row['end']) for row in rows] == [
        ('0.0', '0.5'), ('0.25', '0.75'), ('0.5', '1.0'), ('0.75', '1.25'), ('1.0', '1.5'),
    ]  # fmt: skip
    assert '0:00.2 to 0:00.8: ' in capsys.readouterr().out
    page = (tmp_path / 'line.html').read_text()
    assert 'long.mp4' in page
    assert rows[0]['class'] in page
    assert called(run, video, '--window', 1, '--out', tmp_path / 'bare.csv', '--no-html') == 0
    assert not (tmp_path / 'bare.html').exists()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_what_was_found_is_written_when_it_is_stopped(run, clips, tmp_path, monkeypatch, capsys, number):
    original = predict.Predictor.predict_all

    def stopped(self, paths):
        yield from original(self, list(paths)[:1])
        os.kill(os.getpid(), number)
        time.sleep(30)

    monkeypatch.setattr(predict.Predictor, 'predict_all', stopped)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs tests aside ignores it
    try:
        assert called(run, clips, '--out', tmp_path / 'found.csv', '--topk', 1) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(rows_of(tmp_path / 'found.csv')) == 1
    assert 'stopped after 1 of 3' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--topk', '0'], '--topk 0: must be a whole number >= 1'),
        (['--topk', '9'], '--topk 9: the model has 4 classes, give at most as many'),
        (['--batch', '0'], '--batch 0: must be a whole number >= 1'),
        (['--window', '0'], '--window 0: must be a number of seconds > 0'),
        (['--window', 'nan'], '--window nan: must be a number of seconds > 0'),
        (['--window', '1', '--stride', '-1'], '--stride -1: must be a number of seconds > 0'),
        (['--stride', '1'], '--stride needs --window'),
        (['--out', 'found.txt'], '--out found.txt: must end in .csv or .json'),
        (['--out', 'nowhere/found.csv'], 'its folder must be there and writable'),
        (['--device', 'cud'], "device='cud' cannot be used"),
        (['--views', 'centre'], "views='centre': must be one of 'test', 'single'"),
        (['--checkpoint', 'gone.pth'], 'checkpoint gone.pth does not exist'),
        (['--config', 'gone.py'], 'config gone.py does not exist'),
        (['--root', 'nowhere'], '--root nowhere is no folder'),
    ],
)
def test_wrong_arguments_are_said_with_value_rule_and_remedy(run, clips, tmp_path, capsys, arguments, words):
    (tmp_path / 'list.txt').write_text('0.mp4\n')
    inputs = [str(tmp_path / 'list.txt')] if '--root' in arguments else [str(clips)]
    assert main([str(run), *inputs, *arguments, *([] if '--device' in arguments else ['--device', 'cpu'])]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.startswith('predict: ')
    assert printed.out == ''


@pytest.mark.parametrize('place', ['gone', 'gone.mp4', 'empty'])
def test_places_without_videos_are_refused(run, tmp_path, capsys, place):
    (tmp_path / 'empty').mkdir()
    assert called(run, tmp_path / place) == 2
    assert str(tmp_path / place) in capsys.readouterr().err


def test_a_work_directory_that_is_not_there_is_refused(clips, tmp_path, capsys):
    assert called(tmp_path / 'gone', clips) == 2
    assert f'work directory {tmp_path / "gone"} does not exist' in capsys.readouterr().err


def test_without_mmengine_it_says_what_to_install(clips, repository):
    code = (
        'import sys; sys.modules["mmengine"] = None\n'
        'from cdb_video.commands.predict import main\n'
        f'sys.exit(main([".", {str(clips)!r}]))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith('predict: cdb_video.load needs mmengine, which is not installed'), done.stderr


def test_an_option_that_there_is_not_ends_with_2(run, clips, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(run), str(clips), '--wndow', '1'])
    assert ended.value.code == 2
    assert 'there is no option --wndow, perhaps --window: the options are --batch, ' in capsys.readouterr().err


def test_help_and_the_face_of_the_package_load_no_network(repository):
    code = (
        'import sys, cdb_video; before = "torch" in sys.modules\n'
        'from cdb_video.commands.predict import _parser; _parser().format_help()\n'
        'print("torch" in sys.modules and not before, "mmaction.apis" in sys.modules, '
        '"cdb_video.inference" in sys.modules)\n'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=repository, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ['False', 'False', 'False'], done.stderr


def test_a_terminal_gets_a_bar_and_the_lines_above_it(run, clips, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    assert called(run, clips, '--topk', 1) == 0
    printed = capsys.readouterr()
    assert 'predicting' in printed.err
    assert sum(line.startswith(str(clips)) for line in printed.out.splitlines()) == 3
