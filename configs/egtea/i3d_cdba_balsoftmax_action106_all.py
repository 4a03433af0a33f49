# I3D R50 with CDB-A and balanced softmax on the 106 actions, all training clips.
# CDB_HISTORY is the difficulty to replay, of a run with momentum='mean'.
_base_ = 'i3d_ce_action106_all.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', law='accumulated', strength=3.0, logit_adjustment=1.0)))
history = '{{$CDB_HISTORY:work_dirs/i3d_cdba_balsoftmax_action106/class_history.jsonl}}'
custom_hooks = [dict(type='DifficultyReplayHook', history=history, stretch='epoch')]
