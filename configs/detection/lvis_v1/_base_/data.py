# LVIS v1 on the images of COCO 2017, as mmdet reads it, but without its repeat factors: the leaves `rfs` have these.
_base_ = 'mmdet::_base_/datasets/lvis_v1_instance.py'
data_root = '{{$LVIS_ROOT:data/lvis_v1}}/'

train_dataloader = dict(
    dataset=dict(_delete_=True, **{**_base_.train_dataloader.dataset.dataset, 'data_root': data_root})
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
val_evaluator = [
    dict(_base_.val_evaluator, ann_file=data_root + 'annotations/lvis_v1_val.json'),
    dict(type='ObjectAccuracy'),
]
test_evaluator = val_evaluator
