# Tiny SlowFast with CDB-A on top of balanced softmax.
_base_ = 'slowfast_cdba.py'

model = dict(cls_head=dict(loss_cls=dict(strength=3.0, logit_adjustment=1.0)))
