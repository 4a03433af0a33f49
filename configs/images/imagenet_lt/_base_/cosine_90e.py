# As the papers' code, https://github.com/hitachi-rd-cv/CDB-loss, ImageNet-LT, which builds on classifier-balancing: SGD
# 0.2 with momentum for batches of 512 images, 90 epochs, a cosine without warm-up. --auto-scale-lr for other batches.
max_epochs = 90
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_begin=1, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=2e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(base_batch_size=512)
