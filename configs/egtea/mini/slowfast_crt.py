# cRT on tiny SlowFast: a new classifier on frozen features, with class-balanced sampling.
_base_ = '_base_/second_stage.py'

train_dataloader = dict(sampler=dict(type='ClassSampler', frequency_power=0))
custom_hooks = [
    dict(type='ClassDifficultyHook', observe_only=True),
    dict(type='SecondStageHook', new_classifier=True),
]
