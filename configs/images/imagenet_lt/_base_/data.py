# ImageNet-LT: 115,846 training images, with the published lists of lines `path label`, relative to the folder of
# ImageNet. 20 validation and 50 test images a class.
data_root = '{{$IMAGENET_ROOT:data/imagenet}}'
list_root = '{{$IMAGENET_LT_LISTS:data/imagenet_lt}}'
dataset = dict(type='ImageNet', data_root=data_root, data_prefix='', split='')

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=list_root + '/ImageNet_LT_train.txt', pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/ImageNet_LT_val.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/ImageNet_LT_test.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
