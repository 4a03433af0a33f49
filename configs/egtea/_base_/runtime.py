default_scope = 'mmaction'
custom_imports = dict(imports=['cdb_video'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # A kill or a full disk leaves no torn checkpoint, and never fewer than before.
    checkpoint=dict(
        type='EnduringCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='acc/mean1',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    # Augmentation and dropout of a resumed run as they would have been without the interruption:
    # sample_seed=dict(type='SampleSeedHook'),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='EnduringVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
