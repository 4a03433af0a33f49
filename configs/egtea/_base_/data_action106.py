# The 106 actions instead of the 19 verbs. 8 actions have no validation clip with this hold-out and 15 more
# fewer than 5 (data_prep/README.md): their difficulty is undefined or noisy, see prior_count and momentum.
_base_ = 'data.py'

list_root = '{{$EGTEA_ROOT:data/egtea}}/lists/action_split1_subjects-P20-P26'
classes = list_root + '/classes.txt'

train_dataloader = dict(dataset=dict(ann_file=list_root + '/train.txt', classes=classes))
val_dataloader = dict(dataset=dict(ann_file=list_root + '/val.txt', classes=classes))
test_dataloader = dict(dataset=dict(ann_file=list_root + '/test.txt', classes=classes))
