# Tiny SlowFast with deferred CDB-S: natural sampling for the first half of the epochs.
_base_ = 'slowfast_cdbs.py'

train_dataloader = dict(sampler=dict(begin=0.5))
