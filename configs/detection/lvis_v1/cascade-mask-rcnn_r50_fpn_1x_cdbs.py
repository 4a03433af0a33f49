# Cascade Mask R-CNN, 1x, with CDB-S: classes are drawn by their difficulty, then an image that shows them.
_base_ = 'cascade-mask-rcnn_r50_fpn_1x_ce.py'

train_dataloader = dict(sampler=dict(type='CDBImageSampler', tau=1.0))
custom_hooks = [dict(type='ClassDifficultyHook', min_difficulty=0.1, val_subset=2000)]
