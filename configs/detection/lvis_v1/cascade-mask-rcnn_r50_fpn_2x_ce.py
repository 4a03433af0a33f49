# Cascade Mask R-CNN, 2x, with plain cross-entropy: what the other leaves are compared with.
_base_ = [
    '_base_/cascade-mask-rcnn_r50_fpn.py',
    '_base_/data.py',
    'mmdet::_base_/schedules/schedule_2x.py',
    '../_base_/runtime.py',
]

# Measured and reported like the others, but nothing is driven by it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True, val_subset=2000)]
