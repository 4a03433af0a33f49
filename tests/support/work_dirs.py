"""Work directories as a training leaves them, with small networks whose weights are drawn."""

import copy

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from tests.integration.video_runs import RECOGNIZER_3D

CLASSES = ('dark', 'dim', 'light', 'bright')
FUSED = [{'type': 'CenterCrop', 'crop_size': 32}, {'type': 'Resize', 'scale': (24, 24), 'keep_ratio': False}]
VIDEO = [{'type': 'VideoInit'}]


def pipeline(start=VIDEO, decoder='VideoDecode', fused=FUSED, behind=(), **sampler):
    """Four frames, two apart, of a clip; what is `fused` and what stands behind the decoder."""
    sample = {'type': 'SampleFrames', 'clip_len': 4, 'frame_interval': 2, 'num_clips': 1, 'test_mode': True}
    return [
        *start,
        sample | sampler,
        {'type': decoder, **({'fused': fused} if fused else {})},
        *behind,
        {'type': 'FormatShape', 'input_format': 'NCTHW'},
        {'type': 'PackActionInputs'},
    ]


def config_of(steps, classes=CLASSES, dataset='VideoListDataset', **changes):
    """A config that tests with `steps`."""
    model = copy.deepcopy(RECOGNIZER_3D)
    model['cls_head']['num_classes'] = len(classes)
    part = {
        'batch_size': 3,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': {'type': dataset, 'ann_file': 'list.txt', 'classes': list(classes), 'pipeline': steps},
    }
    loaders = {'train_dataloader': copy.deepcopy(part), 'test_dataloader': copy.deepcopy(part)}
    imports = {'imports': ['cdb_video'], 'allow_failed_imports': False}
    settings = {'default_scope': 'mmaction', 'custom_imports': imports, 'model': model, 'test_pipeline': steps}
    return Config({**settings, **loaders, **changes})


def save_checkpoint(path, config, classes=CLASSES, seed=0, **more):
    """Weights that are drawn, with what mmengine writes beside them; the head is made to differ between clips."""
    torch.manual_seed(seed)
    init_default_scope('mmaction')
    model = MODELS.build(copy.deepcopy(config.model))
    with torch.no_grad():
        model.cls_head.fc_cls.weight.normal_()
    meta = {'dataset_meta': {'classes': tuple(classes)}} if classes else {}
    torch.save({'meta': meta, 'state_dict': model.state_dict(), 'message_hub': {'runtime_info': {}}, **more}, path)
    return path


def make_work_dir(folder, steps=None, name='best_acc_mean1_epoch_2.pth', classes=CLASSES, **changes):
    """A folder with a config, of one pipeline, and a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(pipeline() if steps is None else steps, classes, **changes)
    config.dump(folder / 'toy.py')
    save_checkpoint(folder / name, config, classes)
    return folder
