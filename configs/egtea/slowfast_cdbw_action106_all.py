# SlowFast R50 with CDB-W on the 106 actions, all training clips; CDB_HISTORY is the difficulty to replay.
_base_ = 'slowfast_ce_action106_all.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0)))
history = '{{$CDB_HISTORY:work_dirs/slowfast_cdbw_action106/class_history.jsonl}}'
custom_hooks = [dict(type='DifficultyReplayHook', history=history, stretch='epoch')]
