# Plain cross-entropy: what every other leaf is compared with.
_base_ = [
    '_base_/slowfast_b1.py',
    '_base_/data.py',
    '_base_/schedule.py',
    '../_base_/runtime.py',
]
