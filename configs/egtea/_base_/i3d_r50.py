# I3D R50 32x2 for the 19 verbs of EGTEA, to be fine-tuned from Kinetics-400 weights. The ImageNet weights
# of the base model are not asked for: they would be fetched through torchvision, and then replaced.
_base_ = 'mmaction::_base_/models/i3d_r50.py'

model = dict(
    backbone=dict(pretrained=None, pretrained2d=False),
    cls_head=dict(num_classes=19),
)
load_from = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/i3d/'
    'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb/'
    'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb_20220812-e213c223.pth'
)
