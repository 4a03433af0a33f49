# Tiny SlowFast with CDB-W whose tau grows from 0 to 2 over the epochs.
_base_ = 'slowfast_cdbw.py'

model = dict(cls_head=dict(loss_cls=dict(tau=(0, 2))))
