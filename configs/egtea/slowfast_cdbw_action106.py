# SlowFast R50 with CDB-W on the 106 actions: the loss of a clip is weighted by the difficulty of its class.
_base_ = 'slowfast_ce_action106.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook')]
