"""How the clips of a fold are scored: the loader that reads them, and the head that gives one answer a clip."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from cdb_video.host_words import samples
from cdb_video.hosts.mmaction.pipelines import single_view

# Where the part that is scored differs from the part that is trained on: a clip that cannot be read is an error there.
_OF_TRAINING = ('pipeline', 'on_error', 'max_damaged')
_OF_SCORING = ('sampler', 'batch_sampler', 'drop_last', 'dataset')
_ROLES = ('test', 'val')


def scoring_loader(config: Config, settings: Mapping[str, Any], scored_list: str) -> dict[str, Any]:
    """The loader of a fold's clips: the dataset of the training, read by the test pipeline, one view of each clip.

    Args:
        config: Of the training.
        settings: Of its training set.
        scored_list: The list of the fold.

    Raises:
        ValueError: If the config has no test or validation pipeline by which clips could be scored, or several.
    """
    loaders = {f'{role}_dataloader': config.get(f'{role}_dataloader') for role in _ROLES}
    stated = {name: loader for name, loader in loaders.items() if isinstance(loader, Mapping) and loader}
    sets = {name: list(inner_sets(loader.get('dataset'))) for name, loader in stated.items()}
    # The test, but for one without a pipeline beside a validation that has one.
    with_pipeline = [name for name in sets if any(one.get('pipeline') is not None for one in sets[name])]
    chosen = next(iter([*with_pipeline, *sets]), '')
    evaluated = sets.get(chosen, [])
    dataset = {key: copy.deepcopy(value) for key, value in settings.items() if key not in _OF_TRAINING}
    if with_pipeline:
        dataset['pipeline'] = single_view(_one_pipeline(chosen, evaluated), config.model)
    elif 'pipeline' in settings:
        raise ValueError(
            f'{_without_pipeline(sets)}, by which the {samples()} of a fold could be scored: add a test_dataloader'
        )
    if 'pipeline' in settings or any('test_mode' in one for one in evaluated):
        dataset['test_mode'] = True
    loader = {key: copy.deepcopy(value) for key, value in stated.get(chosen, {}).items() if key not in _OF_SCORING}
    return {
        'batch_size': config.train_dataloader.get('batch_size', 1),
        **loader,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': {**dataset, 'ann_file': scored_list},
    }


def inner_sets(settings: Any) -> Iterator[Mapping[str, Any]]:
    """The settings of the sets that a dataset reads: its own, or those within ConcatDataset and its like."""
    if not isinstance(settings, Mapping):
        return
    inner = [settings['dataset']] if 'dataset' in settings else settings.get('datasets')
    if not isinstance(inner, list | tuple):
        yield settings
        return
    for one in inner:
        yield from inner_sets(one)


def average_views(model: Any, scope: str) -> None:
    """Let the head give one probability a class for a clip; without that a head of MMAction2 gives one a view."""
    head = model.get('cls_head')
    if isinstance(head, dict) and ('average_clips' in head or _is_of_host(head.get('type'), scope)):
        head['average_clips'] = 'prob'


def _one_pipeline(loader: str, sets: list[Mapping[str, Any]]) -> Any:
    pipelines = [one['pipeline'] for one in sets if one.get('pipeline') is not None]
    if any(pipeline != pipelines[0] for pipeline in pipelines):
        raise ValueError(
            f'{loader} reads {len(sets)} sets by different pipelines, and the {samples()} of all folds are to '
            'be scored by one: give a test_dataloader with one set'
        )
    return pipelines[0]


def _without_pipeline(sets: Mapping[str, list[Mapping[str, Any]]]) -> str:
    if not any(sets.values()):
        return 'the config has neither test_dataloader nor val_dataloader with a pipeline'
    found = ', '.join(f'{name} ({one.get("type")})' for name, inner in sets.items() for one in inner)
    return f'{found} has no pipeline'


def _is_of_host(kind: Any, scope: str) -> bool:
    if isinstance(kind, str):
        init_default_scope(scope)
        with MODELS.switch_scope_and_registry(scope) as registry:
            kind = registry.get(kind)
    return any(ancestor.__name__ == 'BaseHead' for ancestor in getattr(kind, '__mro__', ()))
