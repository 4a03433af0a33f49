"""The config of a prediction is that of the training, whatever lies in the work directory."""

import logging

import pytest
import torch

import cdb_video
from tests.support.work_dirs import config_of, make_work_dir, pipeline

CHECKPOINT = 'best_acc_mean1_epoch_2.pth'


@pytest.fixture
def folder(tmp_path):
    """A work directory in which a test with more views has replaced the config."""
    folder = make_work_dir(tmp_path / 'run')
    keep_config(folder, (folder / 'toy.py').read_text())
    config_of(pipeline(num_clips=3)).dump(folder / 'toy.py')
    return folder


def keep_config(folder, text):
    """Put a config into the checkpoint, as mmengine does."""
    content = torch.load(folder / CHECKPOINT, weights_only=False)
    content['meta']['cfg'] = text
    torch.save(content, folder / CHECKPOINT)


def num_clips(predictor):
    return next(step.num_clips for step in predictor.pipeline._steps if hasattr(step, 'num_clips'))


def test_the_config_of_the_training_is_taken_and_a_later_one_is_told_of(folder, caplog):
    model = cdb_video.load(folder, device='cpu')
    assert (num_clips(model), model.config) == (1, folder / CHECKPOINT)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said.startswith(f'{folder / "toy.py"} differs from the config in {folder / CHECKPOINT} in test_dataloader, ')
    assert said.endswith('is taken; to take the other, name it: --config toy.py')


def test_a_config_that_is_named_wins_without_a_word(folder, caplog):
    model = cdb_video.load(folder, device='cpu', config='toy.py')
    assert (num_clips(model), model.config) == (3, folder / 'toy.py')
    assert not caplog.records
    with pytest.raises(FileNotFoundError, match=r'config other\.py does not exist'):
        cdb_video.load(folder, device='cpu', config='other.py')


def test_a_config_that_differs_in_what_no_prediction_reads_is_not_told_of(folder, caplog):
    config = config_of(pipeline())
    config.load_from = 'other.pth'
    config.dump(folder / 'toy.py')
    cdb_video.load(folder, device='cpu')
    assert not caplog.records


def test_a_folder_of_no_config_or_several_is_no_hindrance(folder):
    (folder / 'toy.py').rename(folder / 'one.py')
    (folder / 'two.py').write_text('model = dict()\n')
    assert num_clips(cdb_video.load(folder, device='cpu')) == 1
    (folder / 'one.py').unlink()
    (folder / 'two.py').unlink()
    assert num_clips(cdb_video.load(folder, device='cpu')) == 1


@pytest.mark.parametrize('text', [None, '', 7])
def test_a_checkpoint_without_a_config_is_read_with_that_of_the_folder(folder, text, caplog):
    keep_config(folder, text)
    model = cdb_video.load(folder, device='cpu')
    assert (num_clips(model), model.config) == (3, folder / 'toy.py')
    assert not caplog.records


def test_a_text_that_holds_more_than_values_is_not_executed(folder, tmp_path, caplog):
    keep_config(folder, f"open({str(tmp_path / 'made')!r}, 'w')\nmodel = dict()\n")
    assert num_clips(cdb_video.load(folder, device='cpu')) == 3
    assert not (tmp_path / 'made').exists()
    assert 'cannot be read (line 1 gives no value to a name: open(' in caplog.text
    (folder / 'toy.py').unlink()
    with pytest.raises(FileNotFoundError, match='and the checkpoint none that can be read'):
        cdb_video.load(folder, device='cpu')


def test_messages_name_the_checkpoint_that_holds_the_config(folder):
    config = config_of(pipeline())
    config.custom_imports = {'imports': ['no_such_module'], 'allow_failed_imports': False}
    keep_config(folder, config.pretty_text)
    with pytest.raises(ValueError, match=rf'the config in .*{CHECKPOINT} cannot be read as a config \(ImportError'):
        cdb_video.load(folder, device='cpu')
    config = config_of(pipeline())
    config.model.cls_head.num_classes = 5
    keep_config(folder, config.pretty_text)
    with pytest.raises(ValueError, match=rf'the model of the config in .*{CHECKPOINT} has 5 classes, its class list 4'):
        cdb_video.load(folder, device='cpu')
