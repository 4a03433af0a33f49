# Tiny SlowFast with CDB-W and focal loss.
_base_ = 'slowfast_cdbw.py'

model = dict(cls_head=dict(loss_cls=dict(focal_gamma=1.0)))
