# The reference's schedule: plain SGD for 100 epochs, a tenth of the learning rate from epoch 60 on.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0, weight_decay=5e-4),
)
param_scheduler = [dict(type='MultiStepLR', milestones=[60], gamma=0.1, by_epoch=True)]
# The reference says 8 clips per GPU and not how many GPUs: taken as one (our choice).
auto_scale_lr = dict(enable=False, base_batch_size=8)
