_base_ = '../../_base_/cosine_20e.py'

max_epochs = 60
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=2, by_epoch=True, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs - 2,
        begin=2,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
