# ResNet-18 of width 8 with CDB-A on top of balanced softmax: weights grow with the mean difficulty of validations.
_base_ = 'resnet18_ce.py'

model = dict(head=dict(loss=dict(_delete_=True, type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
