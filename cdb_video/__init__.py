"""Class-difficulty-balanced loss and sampler for long-tailed video recognition with MMAction2.

``custom_imports = dict(imports=['cdb_video'])`` in a config is all that MMAction2 needs: the import
mends the hosts, and registers the losses, the samplers, the metric and the hooks in mmengine's root registries.

Without mmengine nothing is registered, and whatever derives from no class of a host serves all the same: the losses,
the samplers and `DifficultyTracker` with torch, the formulas, the history and the reports without.
"""

from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cdb_video.hosts.host import apply_mends, hosts
from cdb_video.options import name_options
from cdb_video.version import __version__ as __version__
from cdb_video.watched_imports import when_imported

if TYPE_CHECKING:
    from cdb_video.difficulty.tracking.tracker import DifficultyTracker as DifficultyTracker
    from cdb_video.inference.load import load as load

# what there is beside the classes that are registered -> module of this package that defines it
_NAMES = {'DifficultyTracker': 'difficulty.tracking.tracker', 'load': 'inference.load'}
# class -> module of this package that defines it, registry of mmengine that it goes to
_REGISTERED: dict[str, tuple[str, str]] = {
    'CDBImageSampler': ('samplers.cdb_image_sampler', 'DATA_SAMPLERS'),
    'CDBLoss': ('losses.cdb', 'MODELS'),
    'CDBSampler': ('samplers.cdb_sampler', 'DATA_SAMPLERS'),
    'ClassAccuracy': ('metrics.class_accuracy', 'METRICS'),
    'ClassBalancedLoss': ('losses.class_balanced', 'MODELS'),
    'ClassDifficultyHook': ('hooks.class_difficulty', 'HOOKS'),
    'ClassSampler': ('samplers.class_sampler', 'DATA_SAMPLERS'),
    'ClassifierHead': ('classifier.heads', 'MODELS'),
    'DifficultyReplayHook': ('hooks.difficulty_replay', 'HOOKS'),
    'EnduringCheckpointHook': ('restart.checkpoint_hook', 'HOOKS'),
    'EnduringVisBackend': ('restart.vis_backend', 'VISBACKENDS'),
    'EqualizationLoss': ('losses.equalization', 'MODELS'),
    'FrozenFeatures': ('classifier.two_stage', 'MODELS'),
    'LDAMLoss': ('losses.ldam', 'MODELS'),
    'ProgressiveSampler': ('samplers.by_frequency', 'DATA_SAMPLERS'),
    'RepeatFactorSampler': ('samplers.by_frequency', 'DATA_SAMPLERS'),
    'SampleSeedHook': ('restart.sample_seed_hook', 'HOOKS'),
    'SecondStageHook': ('hooks.second_stage', 'HOOKS'),
} | {name: row for host in hosts() for name, row in host.classes.items()}


def _find(name: str) -> Any:
    """A class by its name, or the stand-in for one whose host cannot be imported."""
    for host in hosts():
        if name in host.classes:
            return host.find(name)
    return getattr(import_module(f'cdb_video.{_REGISTERED[name][0]}'), name)


def _name_options(module: ModuleType) -> bool:
    """Have the registered classes of a module name their options where a misspelt one is given."""
    own = [getattr(module, name) for name, (home, _) in _REGISTERED.items() if module.__name__ == f'cdb_video.{home}']
    return any([name_options(kind) for kind in own if isinstance(kind, type)])


def _check_owned(runner: Any) -> None:
    """Check that a training whose parts wait for a difficulty has a hook that hands it on."""
    import_module('cdb_video.hooks.difficulty_owner').check_owned(runner)


def _register() -> None:
    """Mend the hosts, tell mmengine all names, and let its log and what hosts know of datasets be used."""
    from mmengine.fileio import register_backend

    from cdb_video.data.labels import add_reader
    from cdb_video.host_words import add_source
    from cdb_video.hosts.mmengine import HOST as mmengine
    from cdb_video.hosts.mmengine.console import shorten_consoles
    from cdb_video.hosts.mmengine.log import join_log
    from cdb_video.hosts.mmengine.registries import name_the_nearest, register
    from cdb_video.hosts.mmengine.repeated_warnings import say_warnings_once
    from cdb_video.hosts.mmengine.training_start import check_before_training

    apply_mends()
    join_log()
    shorten_consoles()
    say_warnings_once()
    atomic_files = import_module('cdb_video.restart.atomic_files')
    register_backend('atomic', atomic_files.AtomicLocalBackend, force=True)
    for name, (_, registry) in _REGISTERED.items():
        register(name, registry, partial(_find, name))
    for host in hosts():
        add_reader(host)
    add_source(mmengine.words_now)
    name_the_nearest()
    check_before_training(_check_owned)


for _module in dict.fromkeys(home for home, _ in _REGISTERED.values()):
    when_imported(f'cdb_video.{_module}', _name_options)
if hosts()[0].fault is None:
    _register()


def __getattr__(name: str) -> Any:
    """Serve ``cdb_video.CDBLoss``, ``cdb_video.load`` and so on, and the list of what can be had here."""
    if name == '__all__':
        return ['__version__', *filter(_can_be_had, [*_NAMES, *sorted(_REGISTERED)])]
    if name not in _NAMES and name not in _REGISTERED:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    try:
        found = getattr(import_module(f'cdb_video.{_NAMES[name]}'), name) if name in _NAMES else _find(name)
    except ModuleNotFoundError as error:
        if str(error.name).partition('.')[0] != 'mmengine':
            raise
        raise ImportError(
            f'cdb_video.{name} needs mmengine, which is not installed. In a fresh environment: '
            "pip install 'cdb-video[mmaction]'; where mmcv is installed already: "
            "pip install 'cdb-video[host]'."
        ) from error
    if any(name in host.classes and host.fault for host in hosts()):
        found()  # the stand-in, which says why
    return found


def _can_be_had(name: str) -> bool:
    """Whether a class is none of an absent host's, so that ``from cdb_video import *`` can have it."""
    try:
        return __getattr__(name) is not None
    except ImportError:
        return False


def __dir__() -> list[str]:
    """What the module holds and the registered classes that can be had; none is imported where mmengine is there."""
    if hosts()[0].fault is not None:
        return sorted({*globals(), *__getattr__('__all__')})
    absent = {name for host in hosts() if host.fault is not None for name in host.classes}
    return sorted({*globals(), *_NAMES, *_REGISTERED} - absent)
