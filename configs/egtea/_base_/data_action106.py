# The 106 actions instead of the 19 verbs. 8 actions have no validation clip with this hold-out of split 1 and 15
# more fewer than 5 (docs/data/egtea_counts.md): their difficulty is undefined or noisy, see prior_count and momentum.
_base_ = 'data.py'

list_root = '{{$EGTEA_ROOT:data/egtea}}/lists/action_split{{$EGTEA_SPLIT:1}}_subjects-P20-P26'
list_end = '.txt' if '{{$EGTEA_READER:pack}}' in ('frames', 'pack') else '_videos.txt'
classes = list_root + '/classes.txt'

train_dataloader = dict(dataset=dict(ann_file=list_root + '/train' + list_end, classes=classes))
val_dataloader = dict(dataset=dict(ann_file=list_root + '/val' + list_end, classes=classes))
test_dataloader = dict(dataset=dict(ann_file=list_root + '/test' + list_end, classes=classes))
