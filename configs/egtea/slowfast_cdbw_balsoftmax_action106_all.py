# SlowFast R50 with CDB-W and balanced softmax on the 106 actions, all training clips.
# CDB_HISTORY is the difficulty to replay; momentum is in it.
_base_ = 'slowfast_ce_action106_all.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=0.5, logit_adjustment=1.0)))
history = '{{$CDB_HISTORY:work_dirs/slowfast_cdbw_balsoftmax_action106/class_history.jsonl}}'
custom_hooks = [dict(type='DifficultyReplayHook', history=history, stretch='epoch')]
