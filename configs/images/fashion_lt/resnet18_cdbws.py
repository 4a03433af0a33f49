# ResNet-18 of width 8 with CDB-W and CDB-S at once, which the papers have as alternatives.
_base_ = 'resnet18_cdbw.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
