# EGTEA-mini, verbs, split 1; P20-P26 held out of the training list for validation.
data_root = '{{$EGTEA_ROOT:data/egtea_mini}}'
list_root = data_root + '/lists/verb_split1_subjects-P20-P26'
data_prefix = dict(img=data_root + '/frames')
classes = list_root + '/classes.txt'
# Clip names must travel with the scores, or a dump of the predictions says nothing.
meta_keys = ('frame_dir', 'total_frames', 'num_clips')

# 16 frames that cover the whole clip, whatever its length. No flips: they turn one verb into
# another.
train_pipeline = [
    dict(type='UniformSample', clip_len=16),
    dict(type='RawFrameDecode'),
    dict(type='RandomCrop', size=56),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='UniformSample', clip_len=16, test_mode=True),
    dict(type='RawFrameDecode'),
    dict(type='CenterCrop', crop_size=56),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]

dataset = dict(type='FrameListDataset', data_prefix=data_prefix, classes=classes)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=list_root + '/train.txt', pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/val.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/test.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
