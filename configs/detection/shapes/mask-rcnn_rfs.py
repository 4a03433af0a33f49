# Mask R-CNN with plain cross-entropy and repeat factor sampling, as LVIS has it.
_base_ = 'mask-rcnn_ce.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ClassBalancedDataset', oversample_thr=0.1, dataset=_base_.train_dataloader.dataset
    )
)
