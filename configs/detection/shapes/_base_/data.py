# Drawn shapes in LVIS's format, 12 classes, long-tailed at imbalance 50: python data_prep/make_shapes.py --out DIR
data_root = '{{$SHAPES_ROOT:data/shapes}}/'
# The most frequent first, as in classes.txt.
classes = (
    'circle',
    'ellipse',
    'triangle',
    'ring',
    'square',
    'cross',
    'rhombus',
    'arrow',
    'frame',
    'five_pointed_star',
    'crescent',
    'six_pointed_star',
)
dataset = dict(
    type='LVISV1Dataset', data_root=data_root, data_prefix=dict(img='images/'), metainfo=dict(classes=classes)
)

load = dict(type='LoadImageFromFile')
load_objects = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)
resize = dict(type='Resize', scale=(128, 128), keep_ratio=True)
train_pipeline = [load, load_objects, resize, dict(type='RandomFlip', prob=0.5), dict(type='PackDetInputs')]
# Objects behind Resize: detections have the size of the original picture.
test_pipeline = [
    load,
    resize,
    load_objects,
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        ann_file='annotations/train.json',
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
        **dataset,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file='annotations/val.json', test_mode=True, pipeline=test_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file='annotations/test.json', test_mode=True, pipeline=test_pipeline, **dataset),
)
lvis = dict(type='LVISMetric', metric=['bbox', 'segm'])
val_evaluator = [dict(ann_file=data_root + 'annotations/val.json', **lvis), dict(type='ObjectAccuracy')]
# With the average precision of every class, for the report.
test_evaluator = [
    dict(ann_file=data_root + 'annotations/test.json', classwise=True, **lvis),
    dict(type='ObjectAccuracy'),
]
