# Tiny SlowFast with the sigmoid equalization loss.
_base_ = 'slowfast_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='EqualizationLoss', form='sigmoid', threshold=0.03)))
