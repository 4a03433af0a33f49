# Tiny SlowFast with CDB-W and balanced softmax.
_base_ = 'slowfast_cdbw.py'

model = dict(cls_head=dict(loss_cls=dict(logit_adjustment=1.0)))
