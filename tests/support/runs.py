"""Whole toy runs through mmengine's Runner."""

import copy

from mmengine.config import Config
from mmengine.runner import Runner

from tests.support.toys import CLASS_NAMES

BASE = {
    'model': {'type': 'ToyModel', 'loss_cls': {'type': 'CDBLoss', 'tau': 1.0}},
    'train_dataloader': {
        'batch_size': 8,
        'num_workers': 0,
        'dataset': {'type': 'ToyDataset', 'counts': [40, 20, 10, 5]},
        'sampler': {'type': 'CDBSampler', 'tau': 1.0},
    },
    'val_dataloader': {
        'batch_size': 8,
        'num_workers': 0,
        'dataset': {'type': 'ToyDataset', 'counts': [9, 8, 7, 6], 'seed': 1},
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    },
    'train_cfg': {'by_epoch': True, 'max_epochs': 3, 'val_interval': 1},
    'val_cfg': {},
    'val_evaluator': {'type': 'ClassAccuracy'},
    'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.3, 'momentum': 0.9}},
    'custom_hooks': [{'type': 'ClassDifficultyHook'}],
    'default_hooks': {
        'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'acc/mean1', 'rule': 'greater'},
        'logger': {'type': 'LoggerHook', 'interval': 5},
    },
    'randomness': {'seed': 7},
    'default_scope': 'mmengine',
}


def merged(base, changes):
    """`base` with nested `changes`; a value of ... removes its key."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is ...:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict) and not value.pop('_delete_', False):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def make_runner(work_dir, name, **changes):
    """A Runner of the toy configuration; `name` must be new within the process."""
    settings = {'work_dir': str(work_dir), 'experiment_name': name, **merged(BASE, changes)}
    return Runner.from_cfg(Config(settings))


def hook_of(runner, kind='ClassDifficultyHook'):
    return next(hook for hook in runner.hooks if type(hook).__name__ == kind)


__all__ = ['BASE', 'CLASS_NAMES', 'hook_of', 'make_runner', 'merged']
