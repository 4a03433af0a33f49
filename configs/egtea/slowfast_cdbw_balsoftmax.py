# SlowFast R50 with CDB-W and balanced softmax; see docs/methods/which_method.md.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0.5, logit_adjustment=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum=0.8)]
