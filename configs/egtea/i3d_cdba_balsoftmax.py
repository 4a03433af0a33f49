# I3D R50 with CDB-A and balanced softmax; see docs/methods/which_method.md.
_base_ = 'i3d_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
