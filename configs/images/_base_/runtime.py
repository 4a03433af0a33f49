default_scope = 'mmpretrain'
custom_imports = dict(imports=['cdb_video'], allow_failed_imports=False)

default_hooks = dict(
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
    # A run that is killed and resumed ends with the same parameters as one that is not.
    sample_seed=dict(type='SampleSeedHook'),
    visualization=dict(type='VisualizationHook', enable=False),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='EnduringVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
val_cfg = dict()
test_cfg = dict()
