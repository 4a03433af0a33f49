# Mask R-CNN cut down: ResNet-18 an eighth as wide, few proposals; trained from scratch in minutes on two cores.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

proposals = dict(nms_pre=300, max_per_img=64)
regions = dict(out_channels=32, roi_layer=dict(sampling_ratio=2), finest_scale=28)
model = dict(
    data_preprocessor=dict(mean=[120.0] * 3, std=[60.0] * 3),
    backbone=dict(depth=18, base_channels=8, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=32),
    rpn_head=dict(in_channels=32, feat_channels=32, anchor_generator=dict(scales=[4], ratios=[1.0])),
    roi_head=dict(
        bbox_roi_extractor=regions,
        bbox_head=dict(in_channels=32, fc_out_channels=64, num_classes=12),
        mask_roi_extractor=regions,
        mask_head=dict(in_channels=32, conv_out_channels=32, num_convs=2, num_classes=12),
    ),
    train_cfg=dict(rpn_proposal=proposals, rcnn=dict(sampler=dict(num=64))),
    test_cfg=dict(rpn=proposals, rcnn=dict(score_thr=0.0001, max_per_img=100)),
)
