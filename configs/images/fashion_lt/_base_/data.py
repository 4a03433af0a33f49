# Fashion-MNIST, long-tailed at imbalance 100, largest class 2,000, 15 validation images a class:
# python data_prep/make_images.py --source fashion-mnist --data DIR --out DIR --largest 2000 --val-per-class 15
_base_ = '../../digits_lt/_base_/data.py'

data_root = '{{$FASHION_ROOT:data/fashion_lt}}'
dataset = dict(data_root=data_root, classes=data_root + '/classes.txt')
load = dict(type='LoadImageFromFile', color_type='grayscale')
train_pipeline = [
    load,
    dict(type='RandomCrop', crop_size=28, padding=2),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]

train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(**dataset))
test_dataloader = dict(batch_size=500, dataset=dict(**dataset))
