# Cascade Mask R-CNN, 1x, with CDB-W: classes are weighted by their difficulty.
_base_ = 'cascade-mask-rcnn_r50_fpn_1x_ce.py'

loss = dict(type='CDBLoss', tau=1.0, background=1.0)
model = dict(roi_head=dict(bbox_head=[dict(head, loss_cls=loss) for head in _base_.model.roi_head.bbox_head]))
custom_hooks = [dict(type='ClassDifficultyHook', min_difficulty=0.1, val_subset=2000)]
