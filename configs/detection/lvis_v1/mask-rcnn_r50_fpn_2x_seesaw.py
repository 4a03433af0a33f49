# Mask R-CNN, 2x, with Seesaw loss, which knows nothing of difficulty, as mmdet ships it for LVIS.
_base_ = 'mask-rcnn_r50_fpn_2x_ce.py'

# tempearture is how mmdet spells it.
predictor = dict(type='NormedLinear', tempearture=20)
loss = dict(type='SeesawLoss', p=0.8, q=2.0, num_classes=1203, loss_weight=1.0)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=predictor, loss_cls=loss)))
