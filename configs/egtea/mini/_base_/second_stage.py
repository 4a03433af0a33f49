# The second of two stages: the features of a run of slowfast_ce.py stay as they are, and the classifier is trained on
# them. CDB_FIRST_STAGE is the checkpoint of the first; unset, that of tools/train.py configs/egtea/mini/slowfast_ce.py.
# The quickstart writes to work_dirs/egtea_mini/slowfast_ce.
_base_ = '../slowfast_ce.py'

model = dict(type='FrozenFeatures', recognizer='Recognizer3D')
load_from = '{{$CDB_FIRST_STAGE:work_dirs/slowfast_ce/epoch_18.pth}}'

max_epochs = 6
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='CosineAnnealingLR', T_max=max_epochs, eta_min=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True
    )
]
