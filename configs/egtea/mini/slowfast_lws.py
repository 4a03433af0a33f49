# LWS on tiny SlowFast: all is frozen but one factor for the scores of each class; class-balanced sampling.
_base_ = '_base_/second_stage.py'

model = dict(
    trained=('cls_head.fc_cls.class_scale',),
    cls_head=dict(type='ClassifierHead', head='SlowFastHead', classifier='scaled'),
)
train_dataloader = dict(sampler=dict(type='ClassSampler', frequency_power=0))
custom_hooks = [
    dict(type='ClassDifficultyHook', observe_only=True),
    dict(type='SecondStageHook', new_classifier=False),
]
