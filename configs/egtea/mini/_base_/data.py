# EGTEA-mini, verbs, split 1; P20-P26 held out of the training list for validation.
data_root = '{{$EGTEA_ROOT:data/egtea_mini}}'
list_root = data_root + '/lists/verb_split1_subjects-P20-P26'
# pack (extract_frames.py --pack); frames (without --pack); video, decord or pyav (lists of build_lists.py --source
# videos or both)
reader = '{{$EGTEA_READER:pack}}'
start, decoder = dict(
    frames=([], dict(type='RawFrameDecode')),
    pack=([], dict(type='PackDecode')),
    video=([dict(type='VideoInit')], dict(type='VideoDecode')),
    decord=([dict(type='DecordInit')], dict(type='DecordDecode')),
    pyav=([dict(type='PyAVInit')], dict(type='PyAVDecode')),
).get(reader, (None, None))
if decoder is None:
    raise ValueError(f"EGTEA_READER={reader!r}: must be 'frames', 'pack', 'video', 'decord' or 'pyav'")
fuses = reader in ('pack', 'video')
classes = list_root + '/classes.txt'
# Clip names must travel with the scores, or a dump of the predictions says nothing.
meta_keys = ('frame_dir', 'filename', 'total_frames', 'num_clips')

# 16 frames that cover the whole clip, whatever its length. No flips: they turn one verb into
# another.
train_steps = [dict(type='RandomCrop', size=56), dict(type='Resize', scale=(32, 32), keep_ratio=False)]
test_steps = [dict(type='CenterCrop', crop_size=56), dict(type='Resize', scale=(32, 32), keep_ratio=False)]
train_pipeline = [
    *start,
    dict(type='UniformSample', clip_len=16),
    *([dict(fused=train_steps, **decoder)] if fuses else [decoder, *train_steps]),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
test_pipeline = [
    *start,
    dict(type='UniformSample', clip_len=16, test_mode=True),
    *([dict(fused=test_steps, **decoder)] if fuses else [decoder, *test_steps]),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]

if reader in ('frames', 'pack'):
    list_end = '.txt'
    frame_root = data_root + ('/frames' if reader == 'frames' else '/packs')
    dataset = dict(type='FrameListDataset', data_prefix=dict(img=frame_root), classes=classes)
else:
    list_end = '_videos.txt'
    dataset = dict(type='VideoListDataset', data_prefix=dict(video=data_root + '/cropped_clips'), classes=classes)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=list_root + '/train' + list_end, pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/val' + list_end, pipeline=test_pipeline, test_mode=True, **dataset),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/test' + list_end, pipeline=test_pipeline, test_mode=True, **dataset),
)
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
