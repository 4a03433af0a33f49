# The reference's reading of a clip: one random frame from each of 10 equal segments; a crop of 480 from the 640x480
# of EGTEA, turned by up to 10 degrees, flipped, reduced to 224. Frames here have a short side of 256, so the same
# field of view is a crop of 256. All frames of a clip are cropped, turned and flipped alike.
_base_ = 'data.py'

reader = '{{$EGTEA_READER:pack}}'
start, decoder = dict(
    frames=([], dict(type='RawFrameDecode')),
    pack=([], dict(type='PackDecode')),
    video=([dict(type='VideoInit')], dict(type='VideoDecode')),
    decord=([dict(type='DecordInit')], dict(type='DecordDecode')),
    pyav=([dict(type='PyAVInit')], dict(type='PyAVDecode')),
)[reader]
fuses = reader in ('pack', 'video')
meta_keys = ('frame_dir', 'filename', 'total_frames', 'num_clips')

train_steps = [dict(type='Resize', scale=(-1, 256)), dict(type='RandomCrop', size=256)]
test_steps = [
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=256),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
]
train_pipeline = [
    *start,
    dict(type='UniformSample', clip_len=10),
    *([dict(fused=train_steps, **decoder)] if fuses else [decoder, *train_steps]),
    dict(type='TorchVisionWrapper', op='RandomRotation', degrees=10),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
test_pipeline = [
    *start,
    dict(type='UniformSample', clip_len=10, test_mode=True),
    *([dict(fused=test_steps, **decoder)] if fuses else [decoder, *test_steps]),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
