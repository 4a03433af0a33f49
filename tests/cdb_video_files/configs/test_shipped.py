"""Where shipped files lie, and configs by their names."""

import pytest

from cdb_video_files.configs import shipped as module
from cdb_video_files.configs.shipped import base_nodes, config_bases, config_names, config_summary, find_config, shipped


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A folder in the place of site-packages, with a package that has nothing yet."""
    (tmp_path / 'cdb_video').mkdir()
    (tmp_path / 'cdb_video_files').mkdir()
    monkeypatch.setattr(module, '__file__', str(tmp_path / 'cdb_video_files' / 'configs' / 'shipped.py'))
    return tmp_path


def test_a_checkout_has_shipped_files_in_its_root(repository):
    for name in ('configs', 'data_prep', 'model-index.yml'):
        assert shipped(name) == repository / name


def test_a_wheel_has_them_in_the_package_whatever_lies_beside_it(installation):
    (installation / 'configs').mkdir()
    assert shipped('configs') == installation / 'configs'
    (installation / 'cdb_video/.mim/configs').mkdir(parents=True)
    assert shipped('configs') == installation / 'cdb_video/.mim/configs'


def test_what_did_not_come_along_is_named_with_the_places_and_the_remedy(installation):
    with pytest.raises(FileNotFoundError, match=r'data_prep did not .*\.mim/data_prep or .*: install cdb-video anew'):
        shipped('data_prep')


def test_configs_are_found_by_name_and_so_are_their_bases(repository):
    path = repository / 'configs/egtea/slowfast_cdbs.py'
    for name in ('egtea/slowfast_cdbs.py', 'egtea/slowfast_cdbs', 'cdb_video::egtea/slowfast_cdbs.py'):
        assert find_config(name) == path
    assert find_config('cdb_video::egtea/_base_/data.py') == repository / 'configs/egtea/_base_/data.py'
    names = config_names()
    assert 'egtea/mini/slowfast_cdbs.py' in names
    assert not [name for name in names if '_base_' in name]


@pytest.mark.parametrize(
    ('name', 'nearest'),
    [
        ('egtea/slowfast_cbds.py', 'perhaps egtea/slowfast_cdbs.py or '),
        ('slowfast_cdbs', 'perhaps egtea/mini/slowfast_cdbs.py or egtea/slowfast_cdbs.py. '),
        ('../pyproject.toml', "no config '../pyproject.toml.py' comes with cdb-video. `cdb-video config` lists"),
        ('', '`cdb-video config` lists those that do'),
    ],
)
def test_a_name_that_is_none_is_said_with_the_nearest(name, nearest):
    with pytest.raises(FileNotFoundError) as caught:
        find_config(name)
    assert nearest in str(caught.value)


@pytest.mark.parametrize('name', config_names())
def test_every_config_says_in_a_line_what_it_is(name):
    summary = config_summary(find_config(name))
    assert 20 < len(summary) < 130, summary


def test_the_first_sentence_of_the_first_comment_is_the_summary(tmp_path):
    path = tmp_path / 'config.py'
    for text, summary in (
        ('# One: two\n# three. Four.\nx = 1\n# Five.', 'One: two three'),
        ('# See page.md.\n', 'See page.md'),
        ('x = 1  # One.', ''),
    ):
        path.write_text(text)
        assert config_summary(path) == summary


def test_bases_are_followed_but_for_those_of_other_packages(repository):
    configs = repository / 'configs'
    bases = {path.relative_to(configs).as_posix() for path in config_bases(configs / 'egtea/mini/slowfast_cdbs.py')}
    assert bases == {
        'egtea/mini/slowfast_ce.py', 'egtea/_base_/runtime.py',
        *(f'egtea/mini/_base_/{name}.py' for name in ('slowfast_tiny', 'data', 'schedule', 'runtime')),
    }  # fmt: skip
    assert list(config_bases(configs / 'egtea/_base_/slowfast_r50.py')) == []


def test_bases_that_are_computed_are_refused():
    assert [node.value for node in base_nodes("_base_ = ['a.py', 'b.py']")] == ['a.py', 'b.py']
    with pytest.raises(ValueError, match='_base_ is computed'):
        base_nodes("_base_ = ['a' + '.py']")
