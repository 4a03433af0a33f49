# Tiny SlowFast with repeat-factor sampling.
_base_ = 'slowfast_ce.py'

train_dataloader = dict(sampler=dict(type='RepeatFactorSampler'))
