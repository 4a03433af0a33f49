"""A set of drawn rectangles in LVIS's format, and a Mask R-CNN so small that a CPU trains it in seconds."""

import json

import numpy as np

CLASSES = ('red', 'green', 'blue')
SIDE = 64
_COLOURS = np.array([[40, 40, 230], [40, 230, 40], [230, 40, 40]], np.uint8)

CONFIG = """
_base_ = ['mmdet::_base_/models/mask-rcnn_r50_fpn.py', 'mmdet::_base_/default_runtime.py']
custom_imports = dict(imports=['tests.support.mmcv_operators', 'cdb_video'])
few = dict(nms_pre=100, max_per_img=16)
roi = dict(out_channels=16, roi_layer=dict(sampling_ratio=2), finest_scale=16)
model = dict(
    data_preprocessor=dict(mean=[110] * 3, std=[60] * 3),
    backbone=dict(depth=18, base_channels=4, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[4, 8, 16, 32], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16, anchor_generator=dict(scales=[4], ratios=[1.0])),
    roi_head=dict(
        bbox_roi_extractor=roi,
        bbox_head=dict(in_channels=16, fc_out_channels=32, num_classes=3),
        mask_roi_extractor=roi,
        mask_head=dict(in_channels=16, conv_out_channels=16, num_convs=1, num_classes=3),
    ),
    train_cfg=dict(rpn_proposal=few, rcnn=dict(sampler=dict(num=32))),
    test_cfg=dict(rpn=few, rcnn=dict(score_thr=0.001, max_per_img=20)),
)
resize = dict(type='Resize', scale=(128, 128), keep_ratio=True)  # the last level of features has 2 x 2 pixels
load = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)
meta = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction')
pack = dict(type='PackDetInputs', meta_keys=meta)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='LVISV1Dataset', data_root='ROOT', ann_file='train.json', data_prefix=dict(img=''),
        metainfo=dict(classes=('red', 'green', 'blue')), pipeline=[dict(type='LoadImageFromFile'), load, resize, pack],
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='LVISV1Dataset', data_root='ROOT', ann_file='val.json', data_prefix=dict(img=''), test_mode=True,
        metainfo=dict(classes=('red', 'green', 'blue')), pipeline=[dict(type='LoadImageFromFile'), resize, load, pack],
    ),
)
val_evaluator = [
    dict(type='ObjectAccuracy', prefix='obj'),
    dict(type='ObjectAccuracy', by='segm', prefix='obj_segm'),
    dict(type='LVISMetric', ann_file='ROOT/val.json', metric=['bbox', 'segm']),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
val_cfg = dict(type='ValLoop')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
randomness = dict(seed=0)
work_dir = 'ROOT/work'
"""


def make_shapes(folder, *, train=8, val=5, empty=()):
    """Draw `train.json` and `val.json` with their images.

    Args:
        folder: Is made.
        train: Images to train on.
        val: Images to evaluate.
        empty: Numbers, from 0 on, of the images to evaluate that show nothing.
    """
    import cv2

    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for split, number in (('train', train), ('val', val)):
        images, annotations = [], []
        for index in range(number):
            name = f'{split}_{index}.png'
            picture = rng.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
            if split == 'train' or index not in empty:
                annotations += _draw_objects(picture, index + 1, len(annotations), rng)
            cv2.imwrite(str(folder / name), picture)
            images.append(image_entry(index + 1, name))
        (folder / f'{split}.json').write_text(json.dumps(lvis_document(images, annotations)))


def _draw_objects(picture, image, first, rng):
    """Draw up to three rectangles into a picture; their annotations."""
    found = []
    for place, label in enumerate(rng.integers(0, 3, rng.integers(1, 4))):
        width, height = rng.integers(12, 20, 2)
        x, y = 20 * place + rng.integers(0, 3), rng.integers(0, SIDE - height)
        width = min(width, SIDE - x)
        picture[y : y + height, x : x + width] = _COLOURS[label]
        found.append(annotation(first + place + 1, image, int(label), [int(v) for v in (x, y, width, height)]))
    return found


def image_entry(number, name, *, negative=(), not_exhaustive=()):
    """An image in LVIS's format, with the classes that it is known not to show, and those that are not all labelled."""
    return {
        'id': number,
        'width': SIDE,
        'height': SIDE,
        'coco_url': name,
        'neg_category_ids': list(negative),
        'not_exhaustive_category_ids': list(not_exhaustive),
    }


def annotation(number, image, label, box):
    """An object in LVIS's format: a rectangle x, y, width, height."""
    x, y, width, height = box
    return {
        'id': number,
        'image_id': image,
        'category_id': label + 1,
        'bbox': box,
        'area': width * height,
        'segmentation': [[x, y, x + width, y, x + width, y + height, x, y + height]],
    }


def lvis_document(images, annotations):
    """What LVIS has in a file."""
    categories = [
        {'id': label + 1, 'name': name, 'synset': name, 'synonyms': [name], 'def': name, 'frequency': frequency}
        | {'image_count': 1, 'instance_count': 1}
        for label, (name, frequency) in enumerate(zip(CLASSES, 'fcr', strict=True))
    ]
    return {'info': {}, 'licenses': [], 'images': images, 'annotations': annotations, 'categories': categories}


def make_long_tailed_shapes(folder, *, train=40, val=6, test=6):
    """Draw a small set of twelve classes with `data_prep/make_shapes.py`; the folder."""
    import make_shapes

    parts = [f'--train={train}', f'--val={val}', f'--test={test}']
    assert make_shapes.main(['--out', str(folder), *parts]) == 0
    return folder
