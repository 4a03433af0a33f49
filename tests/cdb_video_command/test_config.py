"""The command config: shipped configs listed, copied and read again."""

import pytest
from mmengine.config import Config

from cdb_video_command.config import main
from cdb_video_files.configs.copies import planned_copies, write_copies
from cdb_video_files.configs.shipped import config_bases, config_names, find_config

NAME = 'egtea/mini/slowfast_cdbs.py'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_all_configs_are_listed_with_what_they_are(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == config_names()
    assert any(
        line.endswith('SlowFast R50 with CDB-S: classes are drawn in proportion to their difficulty') for line in lines
    )


def test_a_copy_is_a_plain_config_whose_bases_are_the_shipped_files(folder, repository, capsys):
    assert main([NAME]) == 0
    said = capsys.readouterr().out
    assert said == (
        'wrote slowfast_cdbs.py; 6 bases are in _base_/cdb_video\ntrain it: cdb-video train slowfast_cdbs.py --seed 0\n'
    )
    copied = content(folder)
    own = copied.pop('slowfast_cdbs.py').decode()
    assert own == (repository / 'configs' / NAME).read_text().replace(
        "'slowfast_ce.py'", "'_base_/cdb_video/egtea/mini/slowfast_ce.py'"
    )
    assert len(copied) == 6
    for name, text in copied.items():
        assert text == (repository / 'configs' / name.removeprefix('_base_/cdb_video/')).read_bytes()


@pytest.mark.parametrize('name', config_names())
def test_the_bases_of_every_copy_are_plain_paths_to_what_was_copied(name, folder):
    out = folder / 'deep' / 'copy.py'
    files = planned_copies(name, out)
    assert not any(b'cdb_video::' in text for text in files.values())
    write_copies(files)
    copied = [path.relative_to(out.parent / '_base_/cdb_video') for path in config_bases(out)]
    shipped = [path.relative_to(find_config('digits/i3d_ce').parents[1]) for path in config_bases(find_config(name))]
    assert copied == shipped
    assert {out, *(out.parent / '_base_/cdb_video' / path for path in copied)} == set(files)


@pytest.mark.parametrize(
    'name',
    ['digits/i3d_ce.py', 'egtea/i3d_cdbws_action106.py', 'egtea/mini/slowfast_crt.py', 'egtea/reference_cdbw.py'],
)
def test_a_copy_reads_as_the_original(name, folder):
    write_copies(planned_copies(name, folder / 'copy.py'))
    assert Config.fromfile(folder / 'copy.py').to_dict() == Config.fromfile(find_config(name)).to_dict()


def test_a_copy_again_changes_nothing_and_another_config_shares_its_bases(folder, capsys):
    assert main([NAME]) == 0
    before = content(folder)
    capsys.readouterr()
    assert main([NAME]) == 0
    assert 'slowfast_cdbs.py is there already, the same; 6 bases' in capsys.readouterr().out
    assert content(folder) == before
    assert main(['egtea/mini/slowfast_ce', '--out', 'other.py']) == 0
    assert set(content(folder)) == {*before, 'other.py'}


def test_what_was_changed_is_replaced_by_force_alone(folder, capsys):
    assert main([NAME]) == 0
    changed = folder / '_base_/cdb_video/egtea/mini/_base_/data.py'
    changed.write_text('mine = 1\n')
    (folder / 'slowfast_cdbs.py').unlink()
    assert main([NAME]) == 2
    assert capsys.readouterr().err == (
        'config: _base_/cdb_video/egtea/mini/_base_/data.py: there already, and not the same. --force replaces what is '
        'there\n'
    )
    assert not (folder / 'slowfast_cdbs.py').exists()
    assert changed.read_text() == 'mine = 1\n'
    assert main([NAME, '--force']) == 0
    assert changed.read_text() != 'mine = 1\n'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (
            ['egtea/slowfast_cbds.py'],
            "no config 'egtea/slowfast_cbds.py' comes with cdb-video; perhaps egtea/slowfast_cdbs",
        ),
        ([NAME, '--out', 'here'], '--out here: must be a file that ends in .py'),
        ([NAME, '--out', 'taken/x.py'], 'taken'),
    ],
)
def test_what_cannot_be_copied_is_said_and_nothing_is_written(folder, capsys, arguments, message):
    (folder / 'taken').write_text('a file')
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert set(content(folder)) == {'taken'}


@pytest.mark.parametrize('option', [['--force'], ['--out', 'x.py']])
def test_options_of_a_copy_without_a_name_are_refused(option, capsys):
    with pytest.raises(SystemExit) as ended:
        main(option)
    assert ended.value.code == 2
    assert 'name a config, as egtea/slowfast_cdbs.py' in capsys.readouterr().err
