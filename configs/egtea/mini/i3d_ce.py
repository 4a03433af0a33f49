# Plain cross-entropy with the other backbone.
_base_ = [
    '_base_/i3d_tiny.py',
    '_base_/data.py',
    '_base_/schedule.py',
    '_base_/runtime.py',
]

# Measured and reported like the others, but nothing is driven by it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
