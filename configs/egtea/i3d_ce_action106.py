# I3D R50 with plain cross-entropy on the 106 actions.
_base_ = [
    '_base_/i3d_r50.py',
    '_base_/data_action106.py',
    '_base_/finetune_30e.py',
    '_base_/runtime.py',
]

model = dict(cls_head=dict(num_classes=106))
# Measured and reported like the others, but nothing is driven by it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
