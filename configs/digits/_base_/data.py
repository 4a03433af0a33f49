# Moving digits (data_prep/make_digit_clips.py). Three environment variables choose what is read:
#   DIGITS_ROOT        folder of the data
#   DIGITS_IMBALANCE   10, 60 or 100: largest class over smallest
#   DIGITS_VAL         1, 2, 5, 10 or 20 validation clips per class
data_root = '{{$DIGITS_ROOT:data/digits}}'
meta_keys = ('filename', 'total_frames', 'num_clips')

# 8 of the 16 frames. Nothing is flipped: a digit in a mirror is none.
pipeline = [
    dict(type='PyAVInit'),
    dict(type='UniformSample', clip_len=8, test_mode=True),
    dict(type='PyAVDecode'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
dataset = dict(
    type='VideoListDataset',
    data_prefix=dict(video=data_root + '/videos'),
    classes=data_root + '/classes.txt',
    pipeline=pipeline,
)
train_list = data_root + '/lists/train_imb{{$DIGITS_IMBALANCE:60}}.txt'
val_list = data_root + '/lists/val_{{$DIGITS_VAL:20}}.txt'

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=train_list, **dataset),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=val_list, test_mode=True, **dataset),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=data_root + '/lists/test.txt', test_mode=True, **dataset),
)
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
