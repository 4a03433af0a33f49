# Tiny SlowFast with LDAM: margins by frequency, on a normalised classifier.
_base_ = 'slowfast_ce.py'

head = dict(type='ClassifierHead', head='SlowFastHead', classifier='normalized')
model = dict(cls_head=dict(loss_cls=dict(type='LDAMLoss'), **head))
