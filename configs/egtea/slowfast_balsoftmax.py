# SlowFast R50 with balanced softmax: class frequencies are added to the scores in training.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0, logit_adjustment=1.0)))
