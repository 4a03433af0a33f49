# mmpretrain's ResNet-18 for CIFAR with 8 channels in the first stage, trained from scratch.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet_CIFAR', depth=18, in_channels=1, stem_channels=8, base_channels=8, num_stages=4, out_indices=(3,)
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=64, loss=dict(type='CrossEntropyLoss')),
    data_preprocessor=dict(mean=[72.9], std=[90.0], to_rgb=False, num_classes=10),
)
