# Tiny SlowFast with class-balanced focal loss.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='ClassBalancedLoss', beta=0.999, focal_gamma=1.0)))
