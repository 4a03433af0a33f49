# The 106 actions with every clip of the training split, held-out ones included, as published numbers have it. No
# validation: docs/use/published_comparison.md says where the difficulty then comes from.
_base_ = 'data_action106.py'

list_root = '{{$EGTEA_ROOT:data/egtea}}/lists/action_split{{$EGTEA_SPLIT:1}}'
list_end = '.txt' if '{{$EGTEA_READER:pack}}' in ('frames', 'pack') else '_videos.txt'
classes = list_root + '/classes.txt'

train_dataloader = dict(dataset=dict(ann_file=list_root + '/train' + list_end, classes=classes))
test_dataloader = dict(dataset=dict(ann_file=list_root + '/test' + list_end, classes=classes))
val_dataloader = None
val_evaluator = None
test_evaluator = dict(type='ClassAccuracy')
