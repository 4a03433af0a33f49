# scikit-learn's handwritten digits, 32x32, long-tailed at imbalance 100: python data_prep/make_images.py --out DIR
data_root = '{{$DIGITS_ROOT:data/digit_images}}'
train_list = 'lists/train_imb{{$IMBALANCE:100}}.txt'
dataset = dict(type='CustomDataset', data_root=data_root, data_prefix='images', classes=data_root + '/classes.txt')

# No flips: they turn one digit into another.
load = dict(type='LoadImageFromFile', color_type='grayscale')
train_pipeline = [load, dict(type='RandomCrop', crop_size=32, padding=3), dict(type='PackInputs')]
test_pipeline = [load, dict(type='PackInputs')]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=train_list, pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file='lists/val.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
test_dataloader = dict(
    batch_size=100,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file='lists/test.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
