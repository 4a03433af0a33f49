"""check_dataset on images: lists and folders, every picture decoded by the rules of training."""

import json

import check_dataset
import pytest

from tests.support.image_files import picture


@pytest.fixture
def data(tmp_path):
    """As make_images writes it: images/, lists/ and classes.txt; all is sound."""
    for label, name in enumerate(('ant', 'bee')):
        for index in range(3):
            path = tmp_path / f'images/{name}/{index}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture('PNG', seed=3 * label + index))
    write_list(tmp_path, 'train', 'ant/0.png 0', 'ant/1.png 0', 'bee/0.png 1')
    write_list(tmp_path, 'val', 'ant/2.png 0', 'bee/1.png 1')
    (tmp_path / 'classes.txt').write_text('ant\nbee\n')
    return tmp_path


def write_list(data, part, *lines):
    path = data / f'lists/{part}.txt'
    path.parent.mkdir(exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
    return path


def check(data, *options, lists='lists'):
    words = ['--source', 'images', '--images', str(data / 'images'), *options]
    return check_dataset.main([*words, '--lists', str(data / lists)] if lists else words)


def test_sound_images_are_counted_by_list(data, capsys):
    assert check(data) == 0
    out = capsys.readouterr().out
    assert 'train.txt        3              0' in out
    assert 'val.txt          2              0' in out
    assert 'every picture decoded' in out
    assert ': 5 colour' in out
    assert out.endswith('nothing is wrong\n')


def test_pictures_at_fault_are_named_with_their_lists_and_the_exit_code_says_so(data, capsys):
    (data / 'images/ant/0.png').write_bytes(picture()[:-100])
    (data / 'images/bee/1.png').write_bytes(picture('PNG', 'I;16'))
    (data / 'images/ant/2.png').unlink()
    write_list(data, 'train_more', 'ant/0.png 0', 'bee/2.png 1')
    out = data / 'found.json'
    assert check(data, '--json', str(out)) == 1
    said = capsys.readouterr()
    assert 'wrong: picture: train.txt and train_more.txt: ant/0.png: is cut off' in said.err
    assert 'wrong: picture: val.txt: bee/1.png: has 16 bits a channel' in said.err
    assert 'wrong: missing: val.txt: ant/2.png: cannot be read (No such file or directory)' in said.err
    assert said.out.endswith('3 problems (missing: 1, picture: 2)\n')
    summary = json.loads(out.read_text())
    assert summary['kinds'] == {'picture': 2, 'missing': 1}
    assert summary['lists'][0] == {'list': 'train.txt', 'images': 3, 'images_with_problems': 1}


def test_odd_pictures_are_warnings(data, capsys):
    (data / 'images/ant/0.png').write_bytes(picture(mode='CMYK'))
    (data / 'images/ant/1.png').write_bytes(picture('PNG', 'RGBA'))
    assert check(data) == 0
    said = capsys.readouterr().err
    assert 'warning: kind: images: 1 pictures are CMYK and read as RGB' in said
    assert '1 pictures have transparency' in said


def test_one_list_will_do_and_without_lists_all_pictures_of_the_folder_are_read(data, capsys):
    (data / 'images/bee/2.png').write_bytes(b'')
    (data / 'images/notes.txt').touch()
    assert check(data, lists='lists/val.txt') == 0
    assert 'train' not in capsys.readouterr().out
    (data / 'images/cow').mkdir()
    assert check(data, lists=None) == 1
    said = capsys.readouterr()
    assert 'wrong: picture: all: bee/2.png: is empty' in said.err
    assert 'warning: empty: all: cow: a folder without a picture' in said.err
    assert 'all         6              1' in said.out


def test_lines_that_break_a_rule_are_named_and_the_other_lists_are_read(data, capsys):
    write_list(data, 'train', 'ant/0.png 0', 'ant/1.png 2')
    assert check(data) == 1
    said = capsys.readouterr()
    assert 'train.txt:2' in said.err
    assert 'label 2 is outside 0..1' in said.err
    assert 'val.txt        2' in said.out


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['--source', 'images'], 'the following arguments are required: --images'),
        (['--source', 'images', '--images', 'x', '--full'], '--source images has no use for --full'),
        (['--data-root', 'x'], 'the following arguments are required: --lists'),
        (['--data-root', 'x', '--lists', 'y', '--images', 'z'], '--source both has no use for --images'),
    ],
)
def test_options_that_are_missing_or_of_another_source_are_refused(options, said, capsys):
    with pytest.raises(SystemExit):
        check_dataset.main(options)
    assert said in capsys.readouterr().err


def test_what_holds_nothing_to_check_is_refused(data, capsys):
    for words, said in (
        (['--images', str(data / 'none')], 'is no folder'),
        (['--images', str(data / 'lists')], 'holds no picture'),
        (['--images', str(data / 'images'), '--lists', str(data / 'images')], 'is no list and holds none'),
    ):
        assert check_dataset.main(['--source', 'images', *words]) == 2
        assert said in capsys.readouterr().err


def test_ctrl_c_ends_a_check_in_words(data, monkeypatch, capsys):
    from prep.check import images

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(images, 'check_images', interrupt)
    assert check(data) == 130
    assert 'Stopped.' in capsys.readouterr().err
