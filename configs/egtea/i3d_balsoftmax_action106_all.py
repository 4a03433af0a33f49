# I3D R50 with balanced softmax on the 106 actions, all training clips.
_base_ = 'i3d_ce_action106_all.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0, logit_adjustment=1.0)))
