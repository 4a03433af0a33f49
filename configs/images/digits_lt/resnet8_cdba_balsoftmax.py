# ResNet-8 with CDB-A on top of balanced softmax: weights grow with the mean difficulty of all validations so far.
_base_ = 'resnet8_ce.py'

model = dict(head=dict(loss=dict(_delete_=True, type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
