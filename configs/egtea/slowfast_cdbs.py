# SlowFast R50 with CDB-S: classes are drawn in proportion to their difficulty.
_base_ = [
    '_base_/slowfast_r50.py',
    '_base_/data.py',
    '_base_/finetune_30e.py',
    '_base_/runtime.py',
]

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
custom_hooks = [dict(type='ClassDifficultyHook')]
