# Cascade Mask R-CNN, 2x, with plain cross-entropy and repeat factor sampling, as LVIS has it.
_base_ = 'cascade-mask-rcnn_r50_fpn_2x_ce.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ClassBalancedDataset', oversample_thr=1e-3, dataset=_base_.train_dataloader.dataset
    )
)
