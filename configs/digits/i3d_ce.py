# Tiny I3D on moving digits with plain cross-entropy. Any method of ../egtea/mini goes on top of it alike.
_base_ = [
    '../egtea/mini/_base_/i3d_tiny.py',
    '_base_/data.py',
    '../egtea/mini/_base_/schedule.py',
    '../egtea/_base_/runtime.py',
]

model = dict(cls_head=dict(num_classes=10))
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
