# SGD with momentum, a short warm-up and a cosine, stepped every iteration.
max_epochs = 20
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_begin=1, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4))
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
