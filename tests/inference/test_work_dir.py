import pytest
import torch

import cdb_video
from cdb_video.inference.work_dir import find_checkpoint, find_config
from tests.support.work_dirs import CLASSES, config_of, make_work_dir, pipeline, save_checkpoint


def touch(folder, *names):
    for name in names:
        (folder / name).write_text('model = dict()\n' if name.endswith('.py') else '')


def test_the_only_config_is_taken_and_of_several_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'holds no config \(\*\.py with a model\)'):
        find_config(tmp_path)
    touch(tmp_path, 'a.py')
    (tmp_path / 'notes.py').write_text('print(1)\n')
    assert find_config(tmp_path) == tmp_path / 'a.py'
    touch(tmp_path, 'b.py')
    with pytest.raises(ValueError, match=r'holds 2 configs, a\.py, b\.py: choose one by --config'):
        find_config(tmp_path)
    assert find_config(tmp_path, tmp_path / 'b.py') == tmp_path / 'b.py'


def test_files_that_are_named_are_looked_for_here_and_in_the_work_directory(tmp_path, monkeypatch):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    touch(work_dir, 'epoch_3.pth', 'b.py')
    assert find_checkpoint(work_dir, work_dir.__class__('epoch_3.pth')).path == work_dir / 'epoch_3.pth'
    monkeypatch.chdir(work_dir)
    assert find_config(work_dir, work_dir.__class__('b.py')).samefile(work_dir / 'b.py')
    with pytest.raises(FileNotFoundError, match=r'checkpoint epoch_4\.pth does not exist, here or in .*run'):
        find_checkpoint(work_dir, work_dir.__class__('epoch_4.pth'))


def test_the_best_goes_before_the_newest_and_without_either_there_is_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no checkpoint'):
        find_checkpoint(tmp_path)
    touch(tmp_path, 'epoch_2.pth', 'epoch_10.pth')
    assert find_checkpoint(tmp_path).path.name == 'epoch_10.pth'
    assert find_checkpoint(tmp_path).reason == 'the newest; the run kept no best_*.pth'
    touch(tmp_path, 'best_acc_mean1_epoch_2.pth')
    assert find_checkpoint(tmp_path).path.name == 'best_acc_mean1_epoch_2.pth'


def test_of_several_best_ones_the_record_of_the_run_decides(tmp_path):
    touch(tmp_path, 'best_acc_mean1_epoch_2.pth', 'best_acc_mean1_epoch_4.pth')
    with pytest.raises(ValueError, match=r'holds 2 best checkpoints, .*epoch_2.*epoch_4.*choose one by --checkpoint'):
        find_checkpoint(tmp_path)
    recorded = {'runtime_info': {'best_ckpt': '/elsewhere/best_acc_mean1_epoch_4.pth'}}
    torch.save({'state_dict': {}, 'message_hub': recorded}, tmp_path / 'epoch_4.pth')
    assert find_checkpoint(tmp_path).path.name == 'best_acc_mean1_epoch_4.pth'
    assert 'record' in find_checkpoint(tmp_path).reason


def test_of_the_best_ones_of_several_metrics_none_is_chosen(tmp_path):
    names = {'acc/mean1': 'best_acc_mean1_epoch_2.pth', 'acc/top1': 'best_acc_top1_epoch_4.pth'}
    touch(tmp_path, *names.values())
    several = {'best_ckpt': None} | {f'best_ckpt_{key}': str(tmp_path / name) for key, name in names.items()}
    torch.save({'state_dict': {}, 'message_hub': {'runtime_info': several}}, tmp_path / 'epoch_4.pth')
    recorded = r'one for each of 2 metrics \(best_acc_mean1_epoch_2\.pth, best_acc_top1_epoch_4\.pth\): choose one by'
    with pytest.raises(ValueError, match=recorded):
        find_checkpoint(tmp_path)
    assert find_checkpoint(tmp_path, tmp_path / names['acc/top1']).reason == 'as named'
    del several['best_ckpt_acc/top1']
    torch.save({'state_dict': {}, 'message_hub': {'runtime_info': several}}, tmp_path / 'epoch_4.pth')
    assert find_checkpoint(tmp_path).path.name == names['acc/mean1']


def refused(folder, words, kind=ValueError, **arguments):
    with pytest.raises(kind, match=words):
        cdb_video.load(folder, **{'device': 'cpu', **arguments})


def test_a_work_directory_that_is_none_is_refused(tmp_path):
    refused(tmp_path / 'missing', 'missing does not exist: name the folder that a training wrote to', FileNotFoundError)
    touch(tmp_path, 'file')
    refused(tmp_path / 'file', 'file is no folder', FileNotFoundError)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'views': 'centre'}, "views='centre': must be one of 'test', 'single'"),
        ({'batch_size': 0}, 'batch_size=0: must be a whole number >= 1'),
        ({'device': 'cud'}, "device='cud' cannot be used .*: here are 'cpu'"),
        ({'device': 'meta'}, "device='meta' cannot be used"),
        ({'device': 'cuda:99'}, "device='cuda:99' cannot be used"),
    ],
)
def test_arguments_outside_their_range_are_refused_before_anything_is_read(tmp_path, arguments, words):
    refused(tmp_path / 'missing', words, **arguments)


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'PK\x03\x04 torn'])
def test_a_checkpoint_that_is_torn_is_refused(tmp_path, content):
    folder = make_work_dir(tmp_path / 'run')
    (folder / 'best_acc_mean1_epoch_2.pth').write_bytes(content)
    refused(folder, r'best_acc_mean1_epoch_2\.pth cannot be read as a checkpoint')


def test_a_file_of_torch_that_is_no_checkpoint_is_refused(tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    for content in ({'weights': 1}, [1]):
        torch.save(content, folder / 'best_acc_mean1_epoch_2.pth')
        refused(folder, 'has no state_dict')


def test_a_checkpoint_of_another_class_list_is_refused(tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    config = config_of(pipeline())
    save_checkpoint(folder / 'epoch_9.pth', config, ('dark', 'dim', 'bright', 'light'))
    refused(
        folder,
        "class 2 is 'bright' in the checkpoint .*epoch_9.pth and 'light' in the config",
        checkpoint='epoch_9.pth',
    )
    other = config_of(pipeline(), ('a', 'b'))
    save_checkpoint(folder / 'epoch_8.pth', other, ('a', 'b'))
    refused(folder, 'has 2 classes, the config .* 4', checkpoint='epoch_8.pth')


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    path = folder / 'best_acc_mean1_epoch_2.pth'
    content = torch.load(path, weights_only=False)
    weights = content['state_dict']
    for change, words in (
        (lambda: weights.pop('cls_head.fc_cls.bias'), 'cls_head.fc_cls.bias is missing in the checkpoint'),
        (lambda: weights.update({'cls_head.other': torch.zeros(1)}), r'\(2 such faults\)'),
        (lambda: weights.update({'cls_head.fc_cls.bias': torch.zeros(7)}), 'the model has no cls_head.other'),
        (lambda: weights.pop('cls_head.other'), r'is \(7,\) in the checkpoint and \(4,\) in the model'),
    ):
        change()
        torch.save(content, path)
        refused(folder, words)
    weights['cls_head.fc_cls.bias'] = torch.zeros(4)
    torch.save({**content, 'state_dict': {f'module.{name}': value for name, value in weights.items()}}, path)
    assert cdb_video.load(folder, device='cpu').class_names == CLASSES


def test_a_checkpoint_of_a_newer_version_is_refused(tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    path = folder / 'best_acc_mean1_epoch_2.pth'
    torch.save({**torch.load(path, weights_only=False), 'class_difficulty': {'version': 99}}, path)
    refused(folder, 'written by another version of cdb_video.*version 99 is newer.*Update cdb_video')


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'model': {'type': 'NoSuchModel'}}, r'cannot be built with cdb_video .* and what is installed'),
        ({'custom_imports': {'imports': ['no_such_module']}}, 'cannot be read as a config'),
        ({'test_dataloader': {}, 'test_pipeline': []}, 'has no test pipeline'),
    ],
)
def test_a_config_that_asks_for_what_is_not_there_is_refused(tmp_path, changes, words):
    folder = make_work_dir(tmp_path / 'run')
    config = config_of(pipeline())
    for key, value in changes.items():
        config[key] = value
    config.dump(folder / 'toy.py')
    refused(folder, words)


def test_pipelines_and_heads_that_cannot_serve_are_refused(tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    config = config_of(pipeline())
    config.test_dataloader.dataset.modality = 'Flow'
    config.dump(folder / 'toy.py')
    refused(folder, "modality='Flow', and videos are read as RGB only")
    config = config_of([{'type': 'PoseDecode'}])
    config.dump(folder / 'toy.py')
    refused(folder, r'toy\.py: the test pipeline \(PoseDecode\) reads no video')
    config = config_of(pipeline())
    config.model.cls_head.average_clips = None
    config.dump(folder / 'toy.py')
    refused(folder, 'average_clips=None')


def test_the_head_must_have_as_many_classes_as_there_are_names(tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    config = config_of(pipeline())
    config.model.cls_head.num_classes = 5
    config.dump(folder / 'toy.py')
    refused(folder, 'has 5 classes, its class list 4')
