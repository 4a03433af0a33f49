# ResNet-8 with balanced softmax: class frequencies are added to the scores in training.
_base_ = 'resnet8_ce.py'

model = dict(head=dict(loss=dict(_delete_=True, type='CDBLoss', tau=0, logit_adjustment=1.0)))
