_base_ = '../../_base_/runtime.py'

# A run that is killed and resumed ends with the same parameters as one that is not.
default_hooks = dict(sample_seed=dict(type='SampleSeedHook'))
