# Tiny SlowFast with sampling that goes from natural to class-balanced over the epochs.
_base_ = 'slowfast_ce.py'

train_dataloader = dict(sampler=dict(type='ProgressiveSampler'))
