"""Configs with bases that come with this package: `_base_ = 'cdb_video::egtea/slowfast_cdbs.py'`."""

import logging

import pytest
from mmengine.config import Config
from mmengine.config import utils as config_utils

from cdb_video.hosts.mmengine import mends
from cdb_video_files.configs.shipped import find_config

PLAIN = '_base_ = {base!r}\n'


def read(folder, text):
    path = folder / 'mine.py'
    path.write_text(text)
    return Config.fromfile(path)


@pytest.fixture
def unmended(monkeypatch):
    """An mmengine that does not know the package; what was mended comes back afterwards."""
    find = Config.__dict__['_get_cfg_path'].__func__
    theirs = find.__wrapped__
    monkeypatch.setattr(Config, '_get_cfg_path', staticmethod(theirs))
    monkeypatch.setattr(
        config_utils, 'MODULE2PACKAGE', {k: v for k, v in config_utils.MODULE2PACKAGE.items() if k != 'cdb_video'}
    )
    monkeypatch.setattr(mends, 'MODULE2PACKAGE', config_utils.MODULE2PACKAGE)


@pytest.mark.parametrize(
    'name', ['egtea/slowfast_cdbs.py', 'egtea/mini/i3d_cdbws.py', 'digits/i3d_ce.py', 'egtea/_base_/data.py']
)
def test_a_base_of_the_package_is_read_as_the_same_file_by_its_path(name, tmp_path):
    by_name = read(tmp_path, PLAIN.format(base=f'cdb_video::{name}') + 'mine = 1\n')
    by_path = read(tmp_path, PLAIN.format(base=str(find_config(name))) + 'mine = 1\n')
    assert by_name.to_dict() == by_path.to_dict()
    assert by_name.mine == 1
    assert "'_scope_': 'cdb_video'" not in str(by_name.to_dict())


def test_variables_of_such_a_base_are_used_as_those_of_a_path(tmp_path):
    text = 'epochs = {{_base_.train_cfg.max_epochs}}\nloader = {{_base_.val_dataloader}}\n'
    name = 'egtea/mini/slowfast_cdbs.py'
    by_name = read(tmp_path, PLAIN.format(base=f'cdb_video::{name}') + text)
    by_path = read(tmp_path, PLAIN.format(base=str(find_config(name))) + text)
    assert by_name.to_dict() == by_path.to_dict()
    assert by_name.epochs == by_name.train_cfg.max_epochs
    assert by_name.loader.dataset.type == by_name.val_dataloader.dataset.type


def test_what_such_a_base_has_is_built_without_a_word_about_its_scope(tmp_path, caplog):
    from mmengine.logging import MMLogger
    from mmengine.registry import DATA_SAMPLERS, MODELS, init_default_scope

    init_default_scope('mmengine')
    config = read(tmp_path, PLAIN.format(base='cdb_video::egtea/mini/slowfast_cdbw.py'))
    MMLogger.get_current_instance().addHandler(caplog.handler)
    with caplog.at_level(logging.DEBUG):
        assert type(MODELS.build(config.model.cls_head.loss_cls)).__name__ == 'CDBLoss'
        assert DATA_SAMPLERS.get('CDBSampler') is not None
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_name_that_is_none_is_said_with_the_nearest(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no config 'egtea/slowfast_cbds\.py' .*perhaps egtea/slowfast_cdbs\.py"
    ):
        read(tmp_path, PLAIN.format(base='cdb_video::egtea/slowfast_cbds.py'))


def test_bases_of_other_packages_and_plain_ones_are_left_to_mmengine(tmp_path):
    pytest.importorskip('mmaction')
    config = read(tmp_path, PLAIN.format(base='mmaction::_base_/models/slowfast_r50.py'))
    assert config.model._scope_ == 'mmaction'
    (tmp_path / 'other.py').write_text('x = 2\n')
    assert read(tmp_path, PLAIN.format(base='other.py')).x == 2


def test_an_mmengine_that_does_not_know_the_package_is_mended_once(unmended, tmp_path):
    text = PLAIN.format(base='cdb_video::egtea/slowfast_cdbs.py')
    with pytest.raises(AssertionError, match='does not support to load cdb_video config'):
        read(tmp_path, text)
    assert mends.find_shipped_bases()
    assert read(tmp_path, text).train_dataloader.sampler.type == 'CDBSampler'
    find = Config._get_cfg_path
    assert not mends.find_shipped_bases()
    assert Config._get_cfg_path is find


def test_an_mmengine_that_knows_the_package_or_reads_otherwise_is_left_alone(unmended, monkeypatch):
    monkeypatch.setitem(config_utils.MODULE2PACKAGE, 'cdb_video', 'cdb-video')
    assert not mends.find_shipped_bases()
    monkeypatch.delitem(config_utils.MODULE2PACKAGE, 'cdb_video')
    monkeypatch.delattr(Config, '_get_cfg_path')
    assert not mends.find_shipped_bases()
    assert 'cdb_video' not in config_utils.MODULE2PACKAGE
