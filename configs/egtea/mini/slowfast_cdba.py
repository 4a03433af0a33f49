# Tiny SlowFast with CDB-A: weights that grow with the mean difficulty of all validations so far.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', law='accumulated', strength=9.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
