# ResNet-32 for CIFAR, 0.47 million parameters with a classifier of 100 classes.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='CIFARResNet', depth=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=100, in_channels=64, loss=dict(type='CrossEntropyLoss')),
    data_preprocessor=dict(
        mean=[129.304, 124.070, 112.434], std=[68.170, 65.392, 70.418], to_rgb=True, num_classes=100
    ),
)
