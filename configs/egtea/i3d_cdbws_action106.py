# I3D R50 with CDB-W and CDB-S on the 106 actions: difficult classes are drawn more often and weigh more.
_base_ = 'i3d_cdbw_action106.py'

train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))
