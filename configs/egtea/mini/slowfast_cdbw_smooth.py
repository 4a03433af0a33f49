# Tiny SlowFast with CDB-W on a difficulty that few validation clips do not throw about.
_base_ = 'slowfast_cdbw.py'

custom_hooks = [dict(type='ClassDifficultyHook', prior_count=10, momentum=0.8)]
