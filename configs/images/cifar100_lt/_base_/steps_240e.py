# The schedule of the papers' code, https://github.com/hitachi-rd-cv/CDB-loss, CIFAR-LT/cifar_train.py: SGD 0.1 with
# momentum, batches of 32, 240 epochs, the rate a hundredth from epoch 160 and again from 210, no decay of the bias of
# the classifier. Our difference: its bias starts at 0, theirs at -log(C - 1) for all classes, which changes no softmax.
max_epochs = 240
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_begin=1, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'head.fc.bias': dict(decay_mult=0.0)}),
)
param_scheduler = [dict(type='MultiStepLR', milestones=[160, 210], gamma=0.01, by_epoch=True)]
auto_scale_lr = dict(base_batch_size=32)
