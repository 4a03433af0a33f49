# Tiny SlowFast with CDB-W by a difficulty that training measures on its own batches, averaged over the epochs.
_base_ = 'slowfast_cdbw.py'

custom_hooks = [dict(type='ClassDifficultyHook', source='train', momentum=0.8)]
