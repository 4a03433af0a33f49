# Tiny SlowFast with the softmax equalization loss, with the papers' numbers for EGTEA.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='EqualizationLoss', threshold=0.03, gamma=0.95)))
