# ResNet-8 for small images, half as wide: 20,000 parameters, trained from scratch in a minute or two on two cores.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='CIFARResNet', depth=8, in_channels=1, base_channels=8),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=32, loss=dict(type='CrossEntropyLoss')),
    data_preprocessor=dict(mean=[80.0], std=[90.0], to_rgb=False, num_classes=10),
)
