# Mask R-CNN with CDB-A: weights grow with the mean difficulty so far.
_base_ = 'mask-rcnn_ce.py'

model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='CDBLoss', law='accumulated', background=1.0))))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
