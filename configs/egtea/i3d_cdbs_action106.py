# I3D R50 with CDB-S on the 106 actions: classes are drawn in proportion to their difficulty.
_base_ = 'i3d_ce_action106.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
custom_hooks = [dict(type='ClassDifficultyHook')]
