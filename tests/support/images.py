"""Tiny images of a few classes, as folders and lists, and configs of mmpretrain that train on them."""

import copy

import cv2
import numpy as np

from tests.support.runs import merged

CLASSES = ('ant', 'bee', 'cow', 'dog')
COUNTS = {'train': (16, 8, 6, 4), 'val': (4, 4, 4, 4)}
SIZE = 16


def make_images(root, counts=COUNTS, seed=0):
    """A folder a part and class, `<part>/<class>/<number>.png`, and beside them lists of lines `path label`.

    The class is the quadrant that is bright, so that a network can learn it in a few steps.
    """
    generator = np.random.default_rng(seed)
    for part, numbers in counts.items():
        lines = []
        for label, (name, number) in enumerate(zip(CLASSES, numbers, strict=True)):
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(number):
                image = generator.integers(0, 120, (SIZE, SIZE, 3), dtype=np.uint8)
                row, column = divmod(label, 2)
                image[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] += 120
                cv2.imwrite(str(folder / f'{name}_{index}.png'), image)
                lines.append(f'{name}/{name}_{index}.png {label}\n')
        (root / f'{part}.txt').write_text(''.join(lines))
    (root / 'classes.txt').write_text(''.join(f'{name}\n' for name in CLASSES))
    return root


def _loader(root, part, batch_size):
    return {
        'batch_size': batch_size,
        'num_workers': 0,
        'persistent_workers': False,
        'collate_fn': {'type': 'default_collate'},
        'dataset': {
            'type': 'CustomDataset',
            'data_root': str(root),
            'data_prefix': part,
            'ann_file': str(root / f'{part}.txt'),
            'classes': str(root / 'classes.txt'),
            'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'PackInputs'}],
        },
        'sampler': {'type': 'DefaultSampler', 'shuffle': part == 'train'},
    }


def image_config(root, **changes):
    """A dict for mmengine's Config: a network of one convolution, CDB-W, two epochs."""
    base = {
        'custom_imports': {'imports': ['cdb_video'], 'allow_failed_imports': False},
        'default_scope': 'mmpretrain',
        'model': {
            'type': 'ImageClassifier',
            'backbone': {'type': 'CIFARResNet', 'depth': 8, 'base_channels': 4},
            'neck': {'type': 'GlobalAveragePooling'},
            'head': {
                'type': 'LinearClsHead',
                'num_classes': len(CLASSES),
                'in_channels': 16,
                'loss': {'type': 'CDBLoss', 'tau': 1.0},
            },
            'data_preprocessor': {'mean': [127.5] * 3, 'std': [60.0] * 3, 'num_classes': len(CLASSES)},
        },
        'train_dataloader': _loader(root, 'train', 8),
        'val_dataloader': _loader(root, 'val', 8),
        'test_dataloader': _loader(root, 'val', 8),
        'val_evaluator': {'type': 'ClassAccuracy'},
        'test_evaluator': {'type': 'ClassAccuracy'},
        'train_cfg': {'by_epoch': True, 'max_epochs': 2, 'val_interval': 1},
        'val_cfg': {},
        'test_cfg': {},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.05, 'momentum': 0.9}},
        'custom_hooks': [{'type': 'ClassDifficultyHook'}],
        'default_hooks': {
            'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'acc/mean1', 'rule': 'greater'},
            'logger': {'type': 'LoggerHook', 'interval': 2},
        },
        'randomness': {'seed': 0},
    }
    return merged(copy.deepcopy(base), changes)
