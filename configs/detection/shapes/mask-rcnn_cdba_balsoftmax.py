# Mask R-CNN with CDB-A on top of balanced softmax: weights grow with the mean difficulty so far.
_base_ = 'mask-rcnn_ce.py'

loss = dict(type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0, background=1.0)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
