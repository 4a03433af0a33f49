# CIFAR-100-LT at imbalance 100: python data_prep/make_images.py --source cifar --data cifar-100-python.tar.gz --out DIR
_base_ = '../../digits_lt/_base_/data.py'

data_root = '{{$CIFAR100_ROOT:data/cifar100_lt}}'
dataset = dict(data_root=data_root, classes=data_root + '/classes.txt')
load = dict(type='LoadImageFromFile', color_type='color')
train_pipeline = [
    load,
    dict(type='RandomCrop', crop_size=32, padding=4),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [load, dict(type='PackInputs')]

train_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(batch_size=500, dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(batch_size=500, dataset=dict(pipeline=test_pipeline, **dataset))
