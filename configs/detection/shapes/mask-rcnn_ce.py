# Mask R-CNN with plain cross-entropy: what the other leaves are compared with.
_base_ = [
    '_base_/mask-rcnn.py',
    '_base_/data.py',
    '_base_/cosine_12e.py',
    '../_base_/runtime.py',
]

# Measured and reported like the others, but nothing is driven by it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
default_hooks = dict(logger=dict(interval=10))
