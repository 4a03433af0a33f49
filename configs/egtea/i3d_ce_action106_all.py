# I3D R50 with plain cross-entropy on the 106 actions and all training clips.
_base_ = [
    '_base_/i3d_r50.py',
    '_base_/data_action106_all.py',
    '_base_/finetune_30e.py',
    '_base_/runtime.py',
]

model = dict(cls_head=dict(num_classes=106))
val_cfg = None
default_hooks = dict(checkpoint=dict(save_best=None))
# Only the class report after testing comes from it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
