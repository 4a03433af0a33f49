# ResNet-8 with CDB-W: classes are weighted by their difficulty.
_base_ = 'resnet8_ce.py'

model = dict(head=dict(loss=dict(_delete_=True, type='CDBLoss', tau=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook')]
