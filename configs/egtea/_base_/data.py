# EGTEA Gaze+ as mmaction2 list files (data_prep/). Three environment variables choose what is read, since a
# variable of a leaf does not reach its base:
#   EGTEA_ROOT    folder of the data
#   EGTEA_SPLIT   1, 2 or 3
#   EGTEA_READER  pack: JPEG frames with a short side of 256, one file a clip (extract_frames.py --pack);
#                 frames: the same in folders (extract_frames.py);
#                 video, decord or pyav: the videos themselves (lists of build_lists.py --source videos or both),
#                 with the reader of this package or those of mmaction2 (docs/data/reader_speed.md compares them all)
# The labels are the 19 verbs, with the papers' hold-out: the clips of subjects P20-P26 are for validation,
# and from them comes the class difficulty.
data_root = '{{$EGTEA_ROOT:data/egtea}}'
list_root = data_root + '/lists/verb_split{{$EGTEA_SPLIT:1}}_subjects-P20-P26'
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
# These two do what follows them while they decode.
fuses = reader in ('pack', 'video')
list_end = '.txt' if reader in ('frames', 'pack') else '_videos.txt'
classes = list_root + '/classes.txt'
# Clip names travel with the scores, so that a dump of the predictions says which clip is which.
meta_keys = ('frame_dir', 'filename', 'total_frames', 'num_clips')

# 55 % of EGTEA's clips have fewer than the 63 frames that 32 x 2 spans. From these ClipFrames takes one frame of
# each of 32 equal parts, where SampleFrames starts over at the first frame (docs/data/short_clips.md).
train_steps = [
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
]
val_steps = [dict(type='Resize', scale=(-1, 256)), dict(type='CenterCrop', crop_size=224)]
test_steps = [dict(type='Resize', scale=(-1, 256))]
train_pipeline = [
    *start,
    dict(type='ClipFrames', clip_len=32, frame_interval=2, num_clips=1),
    *([dict(fused=train_steps, **decoder)] if fuses else [decoder, *train_steps]),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
val_pipeline = [
    *start,
    dict(type='ClipFrames', clip_len=32, frame_interval=2, num_clips=1, test_mode=True),
    *([dict(fused=val_steps, **decoder)] if fuses else [decoder, *val_steps]),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
test_pipeline = [
    *start,
    dict(type='ClipFrames', clip_len=32, frame_interval=2, num_clips=10, test_mode=True),
    # The ten views of a clip have most frames in common, and ThreeCrop writes to none.
    *([dict(fused=test_steps, share_repeats=True, **decoder)] if fuses else [decoder, *test_steps]),
    dict(type='ThreeCrop', crop_size=256),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]

if reader in ('frames', 'pack'):
    frame_root = data_root + ('/frames' if reader == 'frames' else '/packs')
    dataset = dict(type='FrameListDataset', data_prefix=dict(img=frame_root), classes=classes)
else:
    dataset = dict(type='VideoListDataset', data_prefix=dict(video=data_root + '/cropped_clips'), classes=classes)
# Two workers on cores of their own read some 80 clips a second from packs or frames (docs/data/reader_speed.md),
# about what one GPU trains on; four leave room for slow disks. From videos it takes ten times as many. Workers stay
# over the epochs, each has two batches ready, and runs on one thread, OpenCV too (runtime.py): more threads than
# cores wait for each other. Clips are uint8 until they are on the GPU, and pinned memory shortens their way there.
workers = dict(num_workers=4 if list_end == '.txt' else 8, persistent_workers=True, pin_memory=True)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file=list_root + '/train' + list_end, pipeline=train_pipeline, **dataset),
    **workers,
)
val_dataloader = dict(
    batch_size=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/val' + list_end, pipeline=val_pipeline, test_mode=True, **dataset),
    **workers,
)
test_dataloader = dict(
    batch_size=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=list_root + '/test' + list_end, pipeline=test_pipeline, test_mode=True, **dataset),
    **workers,
)
# In AccMetric's place and with its keys; the difficulty comes from its counts.
val_evaluator = dict(type='ClassAccuracy')
test_evaluator = val_evaluator
