# CDB-W in the recipe of the papers' reference code, with the dynamic tau of its EGTEA folder (not that of the papers).
_base_ = 'reference_ce.py'

model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau='dynamic-egtea')))
custom_hooks = [dict(type='ClassDifficultyHook')]
