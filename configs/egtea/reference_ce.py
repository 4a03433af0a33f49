# The EGTEA recipe of the papers' reference code, as far as MMAction2 has its parts. What differs:
# - model: ir-CSN-152 for the 3D ResNeXt-101 (see _base_/reference_model.py); its head has dropout 0.5;
# - input: normalised with the mean and deviation of the Kinetics weights; the reference does not normalise;
# - frames: reduced to a short side of 256 first, then crop 256 instead of crop 480;
# - validation and test: the same frames every time, and the centre; the reference draws them at random;
# - checkpoint: the best by mean class accuracy; the reference's is by top-1;
# - accuracy: a class without validation clips keeps its difficulty; the reference gets NaN there.
# The rotation needs torchvision. As in the reference: the split, loss and update of the weights, batch and schedule.
_base_ = [
    '_base_/reference_model.py',
    '_base_/reference_data.py',
    '_base_/reference_100e.py',
    '_base_/runtime.py',
]

# Measured and reported, but nothing is driven by it.
custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]
