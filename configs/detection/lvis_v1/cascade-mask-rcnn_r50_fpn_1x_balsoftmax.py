# Cascade Mask R-CNN, 1x, with balanced softmax: class frequencies are added to the scores in training.
_base_ = 'cascade-mask-rcnn_r50_fpn_1x_ce.py'

loss = dict(type='CDBLoss', tau=0, logit_adjustment=1.0, background=1.0)
model = dict(roi_head=dict(bbox_head=[dict(head, loss_cls=loss) for head in _base_.model.roi_head.bbox_head]))
