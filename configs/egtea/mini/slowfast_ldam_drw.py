# Tiny SlowFast with LDAM-DRW: class-balanced weights for the last fifth of the epochs.
_base_ = 'slowfast_ldam.py'

model = dict(cls_head=dict(loss_cls=dict(drw_begin=0.8)))
