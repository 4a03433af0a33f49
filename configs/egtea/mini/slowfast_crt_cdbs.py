# cRT on tiny SlowFast with CDB-S: classes are drawn in proportion to their difficulty.
_base_ = '_base_/second_stage.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
custom_hooks = [
    dict(type='ClassDifficultyHook'),
    dict(type='SecondStageHook', new_classifier=True),
]
