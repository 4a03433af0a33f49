# Mask R-CNN, 2x, with balanced softmax: class frequencies are added to the scores in training.
_base_ = 'mask-rcnn_r50_fpn_2x_ce.py'

model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='CDBLoss', tau=0, logit_adjustment=1.0, background=1.0))))
