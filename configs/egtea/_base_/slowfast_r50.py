# SlowFast R50 8x8 for the 19 verbs of EGTEA, to be fine-tuned from Kinetics-400 weights.
_base_ = 'mmaction::_base_/models/slowfast_r50.py'

model = dict(
    backbone=dict(resample_rate=4, speed_ratio=4, slow_pathway=dict(fusion_kernel=7)),
    cls_head=dict(num_classes=19),
)
load_from = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/slowfast/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb_20220818-1cb6dfc8.pth'
)
