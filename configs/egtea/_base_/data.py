# EGTEA frames with a short side of 256 (data_prep/extract_frames.py), as mmaction2 list files.
# EGTEA_ROOT points to the data; the labels are the 19 verbs of split 1, with the papers' hold-out:
# the clips of subjects P20-P26 are for validation, and from them comes the class difficulty.
data_root = '{{$EGTEA_ROOT:data/egtea}}'
list_root = data_root + '/lists/verb_split1_subjects-P20-P26'
data_prefix = dict(img=data_root + '/frames')
classes = list_root + '/classes.txt'
# Clip names travel with the scores, so that a dump of the predictions says which clip is which.
meta_keys = ('frame_dir', 'total_frames', 'num_clips')

train_pipeline = [
    dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
val_pipeline = [
    dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1, test_mode=True),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=10, test_mode=True),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='ThreeCrop', crop_size=256),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]

dataset = dict(type='FrameListDataset', data_prefix=data_prefix, classes=classes)
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=list_root + '/train.txt', pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/val.txt', pipeline=val_pipeline, test_mode=True, **dataset),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/test.txt', pipeline=test_pipeline, test_mode=True, **dataset),
)
# In AccMetric's place and with its keys; the difficulty comes from its counts.
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
