# Tiny SlowFast with CDB-W and balanced softmax; see docs/methods/which_method.md.
_base_ = 'slowfast_cdbw.py'

model = dict(cls_head=dict(loss_cls=dict(tau=0.5, logit_adjustment=1.0)))
custom_hooks = [dict(type='ClassDifficultyHook', momentum=0.8)]
