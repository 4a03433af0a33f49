# ResNet-50 with CDB-W and CDB-S at once, which the papers have as alternatives.
_base_ = 'resnet50_cdbw.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
