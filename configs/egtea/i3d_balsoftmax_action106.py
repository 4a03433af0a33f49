# I3D R50 with balanced softmax on the 106 actions: class frequencies are added to the scores in training.
_base_ = 'i3d_ce_action106.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0, logit_adjustment=1.0)))
