# Tiny SlowFast with balanced softmax; logit adjustment is the same with another factor than 1.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0, logit_adjustment=1.0)))
