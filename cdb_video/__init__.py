"""Class-difficulty-balanced loss and sampler for long-tailed video recognition with MMAction2.

``custom_imports = dict(imports=['cdb_video'])`` in a config is all that MMAction2 needs: the import
applies the mends of :mod:`cdb_video.hosts.mmengine.mends` and registers the loss, the samplers, the metric and
the hook in mmengine's root registries.

Without mmengine the modules that are pure (``difficulty``, ``annotation``, ``history``) still
import, so that data preparation runs in an environment that has no OpenMMLab stack.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

__version__ = '0.1.0'

# class -> module of this package that registers it
_REGISTERED: dict[str, str] = {
    'CDBLoss': 'losses.cdb',
    'CDBSampler': 'samplers.cdb_sampler',
    'ClassAccuracy': 'metrics.class_accuracy',
    'ClassBalancedLoss': 'losses.class_balanced',
    'ClassDifficultyHook': 'hooks.class_difficulty',
    'ClassSampler': 'samplers.class_sampler',
    'ClassifierHead': 'classifier.heads',
    'ClipFrames': 'hosts.mmaction.clip_frames',
    'DifficultyReplayHook': 'hooks.difficulty_replay',
    'EnduringCheckpointHook': 'restart.checkpoint_hook',
    'EnduringVisBackend': 'restart.vis_backend',
    'EqualizationLoss': 'losses.equalization',
    'FrameListDataset': 'hosts.mmaction.datasets',
    'FrozenFeatures': 'classifier.two_stage',
    'LDAMLoss': 'losses.ldam',
    'PackDecode': 'hosts.mmaction.decode',
    'ProgressiveSampler': 'samplers.by_frequency',
    'RepeatFactorSampler': 'samplers.by_frequency',
    'SampleSeedHook': 'restart.sample_seed_hook',
    'SecondStageHook': 'hooks.second_stage',
    'VideoDecode': 'hosts.mmaction.decode',
    'VideoInit': 'hosts.mmaction.decode',
    'VideoListDataset': 'hosts.mmaction.datasets',
}

_HAS_MMENGINE = find_spec('mmengine') is not None

if _HAS_MMENGINE:
    from cdb_video.hosts.mmengine.mends import apply_mends

    apply_mends()
    for _name in ('restart.atomic_files', *sorted(set(_REGISTERED.values()))):
        import_module(f'cdb_video.{_name}')


def __getattr__(name: str) -> Any:
    """Serve the registered classes as ``cdb_video.CDBLoss`` and so on."""
    if name not in _REGISTERED:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if not _HAS_MMENGINE:
        raise ImportError(
            f'cdb_video.{name} needs mmengine, which is not installed. In a fresh environment: '
            "pip install 'cdb-video[mmaction]'; where mmcv is installed already: "
            "pip install 'cdb-video[host]'."
        )
    return getattr(import_module(f'cdb_video.{_REGISTERED[name]}'), name)
