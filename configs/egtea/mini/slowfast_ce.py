# Plain cross-entropy: what every other leaf is compared with.
_base_ = [
    '_base_/slowfast_tiny.py',
    '_base_/data.py',
    '_base_/schedule.py',
    '_base_/runtime.py',
]

# Measured and reported like the others, but nothing is driven by it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
