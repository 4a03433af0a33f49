_base_ = 'mmdet::_base_/default_runtime.py'
custom_imports = dict(imports=['cdb_video'], allow_failed_imports=False)

default_hooks = dict(
    # A kill or a full disk leaves no torn checkpoint, and never fewer than before.
    checkpoint=dict(
        type='EnduringCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='lvis/segm_AP',
        rule='greater',
    ),
    # A run that is killed and resumed ends with the same parameters as one that is not.
    sample_seed=dict(type='SampleSeedHook'),
)
vis_backends = [dict(type='EnduringVisBackend')]
visualizer = dict(vis_backends=vis_backends)
