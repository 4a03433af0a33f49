# Tiny SlowFast with class-balanced weights, by the effective number of clips.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='ClassBalancedLoss', beta=0.999)))
