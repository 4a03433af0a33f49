# Tiny SlowFast with focal loss: CDBLoss without difficulty.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0, focal_gamma=1.0)))
