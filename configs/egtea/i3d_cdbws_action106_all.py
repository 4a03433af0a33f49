# I3D R50 with CDB-W and CDB-S on the 106 actions, all training clips; CDB_HISTORY is the difficulty to replay.
_base_ = 'i3d_ce_action106_all.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0)))
train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
history = '{{$CDB_HISTORY:work_dirs/i3d_cdbws_action106/class_history.jsonl}}'
custom_hooks = [dict(type='DifficultyReplayHook', history=history, stretch='epoch')]
