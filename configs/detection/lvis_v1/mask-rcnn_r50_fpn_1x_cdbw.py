# Mask R-CNN, 1x, with CDB-W: classes are weighted by their difficulty.
_base_ = 'mask-rcnn_r50_fpn_1x_ce.py'

model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0, background=1.0))))
custom_hooks = [dict(type='ClassDifficultyHook', min_difficulty=0.1, val_subset=2000)]
