_base_ = 'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py'

model = dict(
    roi_head=dict(
        bbox_head=[dict(head, num_classes=1203) for head in _base_.model.roi_head.bbox_head],
        mask_head=dict(num_classes=1203),
    ),
    test_cfg=dict(rcnn=dict(score_thr=0.0001, max_per_img=300)),  # as many as LVIS allows
)
