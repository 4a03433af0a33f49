# Fine-tuning for 30 epochs, warm-up and cosine; reasons in docs/use/egtea_training.md. The learning rate is a tenth
# of what SlowFast was trained from scratch with, and that which I3D was fine-tuned from ImageNet with.
# Validated after every epoch: the difficulty is as old as the last validation.
max_epochs = 30
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=40, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=3, by_epoch=True, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs - 3,
        eta_min=0,
        begin=3,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
# The learning rate is for 8 GPUs with 8 clips each; --auto-scale-lr adapts it to another total.
auto_scale_lr = dict(enable=False, base_batch_size=64)
