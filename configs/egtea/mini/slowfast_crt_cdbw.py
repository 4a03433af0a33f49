# cRT on tiny SlowFast with CDB-W: natural sampling, and the loss of a clip is weighted by the difficulty of its class.
_base_ = '_base_/second_stage.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0)))
custom_hooks = [
    dict(type='ClassDifficultyHook'),
    dict(type='SecondStageHook', new_classifier=True),
]
