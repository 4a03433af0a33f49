# SlowFast R50 with CDB-A and balanced softmax on the 106 actions; see docs/methods/which_method.md.
_base_ = 'slowfast_ce_action106.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]
