# Cascade Mask R-CNN, 1x, with CDB-A on top of balanced softmax: weights grow with the mean difficulty so far.
_base_ = 'cascade-mask-rcnn_r50_fpn_1x_ce.py'

loss = dict(type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0, background=1.0)
model = dict(roi_head=dict(bbox_head=[dict(head, loss_cls=loss) for head in _base_.model.roi_head.bbox_head]))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean', val_subset=2000)]
