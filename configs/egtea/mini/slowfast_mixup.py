# Tiny SlowFast with Mixup, as MMAction2 has it.
_base_ = 'slowfast_ce.py'

model = dict(data_preprocessor=dict(blending=dict(type='MixupBlending', num_classes=19, alpha=0.2)))
