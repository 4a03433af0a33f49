"""Runs of small mmaction2 recognizers on a dozen real clips."""

import uuid
from unittest import mock

from mmengine.config import Config
from mmengine.runner import Runner

from cdb_video.losses.cdb import CDBLoss
from tests.support.clips import write_clip
from tests.support.runs import merged

CLASSES = ('dark', 'dim', 'light', 'bright')


def write_lists(folder):
    """Four classes of grey clips, 6, 3, 2 and 1 to train on and 2 each to validate on, with their lists."""
    for name, counts in (('train', (6, 3, 2, 1)), ('val', (2, 2, 2, 2))):
        lines = []
        for label, count in enumerate(counts):
            for number in range(count):
                shade = [40 + 60 * label + number] * 8
                write_clip(folder / f'{name}_{label}_{number}.mp4', frames=8, size=(32, 32), shade=shade)
                lines.append(f'{name}_{label}_{number}.mp4 {label}')
        (folder / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return folder


def pipeline(num_clips=1, test_mode=False, layout='NCTHW'):
    clip_len = 4 if layout == 'NCTHW' else 1
    return [
        {'type': 'PyAVInit'},
        {
            'type': 'SampleFrames',
            'clip_len': clip_len,
            'frame_interval': 1,
            'num_clips': num_clips,
            'test_mode': test_mode,
        },
        {'type': 'PyAVDecode'},
        {'type': 'FormatShape', 'input_format': layout},
        {'type': 'PackActionInputs'},
    ]


RECOGNIZER_3D = {
    'type': 'Recognizer3D',
    'backbone': {
        'type': 'ResNet3d',
        'pretrained': None,
        'pretrained2d': False,
        'depth': 18,
        'base_channels': 4,
        'num_stages': 1,
        'stage_blocks': (1,),
        'spatial_strides': (1,),
        'temporal_strides': (1,),
        'dilations': (1,),
        'out_indices': (0,),
        'conv1_kernel': (1, 3, 3),
        'conv1_stride_t': 1,
        'pool1_stride_t': 1,
        'inflate': (0,),
        'norm_eval': False,
        'zero_init_residual': False,
    },
    'cls_head': {
        'type': 'I3DHead',
        'in_channels': 4,
        'num_classes': 4,
        'dropout_ratio': 0,
        'average_clips': 'prob',
        'loss_cls': {'type': 'CDBLoss'},
    },
    'data_preprocessor': {
        'type': 'ActionDataPreprocessor',
        'mean': [128.0] * 3,
        'std': [64.0] * 3,
        'format_shape': 'NCTHW',
    },
}


def video_runner(folder, work_dir, **changes):
    """A Runner of two epochs over the lists of `write_lists`; a batch of 4, 4 and 1 clips each."""
    dataset = {'type': 'VideoListDataset', 'classes': CLASSES, 'data_prefix': {'video': str(folder)}}
    loader = {'num_workers': 0, 'batch_size': 4}
    base = {
        'model': RECOGNIZER_3D,
        'train_dataloader': {
            'sampler': {'type': 'CDBSampler', 'num_samples': 9},
            'dataset': {**dataset, 'ann_file': str(folder / 'train.txt'), 'pipeline': pipeline()},
            **loader,
        },
        'val_dataloader': {
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'dataset': {**dataset, 'ann_file': str(folder / 'val.txt'), 'pipeline': pipeline(test_mode=True)},
            **loader,
        },
        'val_evaluator': {'type': 'ClassAccuracy'},
        'val_cfg': {},
        'train_cfg': {'by_epoch': True, 'max_epochs': 2, 'val_interval': 1},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.02}},
        'custom_hooks': [{'type': 'ClassDifficultyHook'}],
        'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'interval': 9}},
        'randomness': {'seed': 3},
        'default_scope': 'mmaction',
    }
    settings = {'work_dir': str(work_dir), 'experiment_name': uuid.uuid4().hex, **merged(base, changes)}
    return Runner.from_cfg(Config(settings))


def losses_of(runner):
    """Train, and return (scores, labels, class weights, loss) of every step."""
    seen = []
    original = CDBLoss.forward

    def forward(self, cls_score, label, **kwargs):
        loss = original(self, cls_score, label, **kwargs)
        seen.append((cls_score.detach(), label.detach(), self.class_weight, loss.detach()))
        return loss

    with mock.patch.object(CDBLoss, 'forward', forward):
        runner.train()
    return seen
