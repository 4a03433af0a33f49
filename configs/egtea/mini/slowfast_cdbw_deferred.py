# Tiny SlowFast with deferred CDB-W: plain cross-entropy for the first half of the epochs.
_base_ = 'slowfast_cdbw.py'

model = dict(cls_head=dict(loss_cls=dict(begin=0.5)))
