# ResNet-50 with CDB-W: classes are weighted by their difficulty.
_base_ = 'resnet50_ce.py'

model = dict(head=dict(loss=dict(_delete_=True, type='CDBLoss', tau=1.5)))
custom_hooks = [dict(type='ClassDifficultyHook')]
