# In the place of the reference's 3D ResNeXt-101, which MMAction2 lacks: ir-CSN with 152 layers. Its blocks are those
# of a ResNeXt (1x1x1, grouped 3x3x3, 1x1x1) with the grouping taken to its end, one channel a group, and there are
# weights that saw Kinetics-400 only. There are none for the 101 layers that the backbone can have as well.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3dCSN',
        depth=152,
        pretrained=None,
        pretrained2d=False,
        with_pool2=False,
        bottleneck_mode='ir',
        norm_eval=False,
        zero_init_residual=False,
    ),
    cls_head=dict(
        type='I3DHead',
        num_classes=19,
        in_channels=2048,
        spatial_type='avg',
        dropout_ratio=0.5,
        init_std=0.01,
        average_clips='prob',
    ),
    # The mean and standard deviation that these weights were trained with.
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[110.2008, 100.63983, 95.99475],
        std=[58.14765, 56.46975, 55.332195],
        format_shape='NCTHW',
    ),
)
load_from = (
    'https://download.openmmlab.com/mmaction/recognition/csn/vmz/'
    'vmz_ircsn_from_scratch_r152_32x2x1_180e_kinetics400_rgb_20210617-5c933ae1.pth'
)
