# Tiny SlowFast with square-root sampling.
_base_ = 'slowfast_ce.py'

train_dataloader = dict(sampler=dict(type='ClassSampler', frequency_power=0.5))
