# ResNet-10 with CDB-S: classes are drawn in proportion to their difficulty.
_base_ = 'resnet10_ce.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
custom_hooks = [dict(type='ClassDifficultyHook')]
