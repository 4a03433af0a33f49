# SlowFast R50 with CDB-S on the 106 actions, all training clips; CDB_HISTORY is the difficulty to replay.
_base_ = 'slowfast_ce_action106_all.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
history = '{{$CDB_HISTORY:work_dirs/slowfast_cdbs_action106/class_history.jsonl}}'
custom_hooks = [dict(type='DifficultyReplayHook', history=history, stretch='epoch')]
