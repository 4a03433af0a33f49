"""What a cross-fit is to do, and the file that says so: settings, clips, groups and folds.

``cross_fit.json`` lies in the folder of the cross-fit. It is written before the first training, and whoever goes on
with that folder must be about to do the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.class_names import counted
from cdb_video.cross_fit.clips import ListedClips
from cdb_video.cross_fit.objects.images import ListedImages
from cdb_video.data.units import Units
from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import sample, samples
from cdb_video.launch.settings import setting_hashes
from cdb_video_files.atomic import write_atomically
from cdb_video_files.json_checks import TEXT, WHOLE, Check, first_fault

PLAN_NAME = 'cross_fit.json'
PLAN_VERSION = 1
# Of these the first plans say nothing.
_LATER = ('strategy', 'runner_type', 'compile', 'efficient_conv_bn_eval')
# What a config says of a training; the rest is how it is shown, or of other runs.
_TRAINING = (
    'model',
    'data_preprocessor',
    'train_dataloader',
    'test_dataloader',
    'train_cfg',
    'test_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'default_hooks',
    'custom_hooks',
    'load_from',
    'randomness',
    'default_scope',
    'model_wrapper_cfg',
    'find_unused_parameters',
    'sync_bn',
    'cfg',
    *_LATER,
)
_OPTIONS = {'folds': 'num_folds', 'group': 'group', 'seed': 'seed', 'processes': 'processes'}


@dataclass(frozen=True, eq=False)
class Plan:
    """What a cross-fit is to do.

    Attributes:
        settings: Of the training of every fold: name -> hash.
        clips: N names, sorted.
        labels: (N,) int64, in the order of `clips`, as the next two; where they are images with objects, (M,) int64 of
            these.
        groups: N names of groups; None = the clips are divided without.
        folds: (N,) int64 in 0..K-1, the fold that each is scored in.
        num_folds: K.
        group: By what the clips are grouped: 'session', 'subject' or the name of a file; None = by nothing.
        seed: Of the division and of the trainings.
        processes: Of each training.
        lines: Hash of the lines of the list, whatever they say of a clip; None = an earlier version wrote the plan.
        images: (M,) int64 in 0..N-1, ascending: in which image each object is; None = a clip has one label.
    """

    settings: Mapping[str, str]
    clips: tuple[str, ...]
    labels: IntVector
    groups: tuple[str, ...] | None
    folds: IntVector
    num_folds: int
    group: str | None
    seed: int
    processes: int
    lines: str | None = None
    images: IntVector | None = None

    def differences(self, other: Plan) -> list[str]:
        """What another plan does otherwise, in words; empty = nothing."""
        found = [
            f'--{option} ({getattr(other, name)!r} there, {getattr(self, name)!r} now)'
            for option, name in _OPTIONS.items()
            if getattr(self, name) != getattr(other, name)
        ]
        early = None in (self.lines, other.lines)
        names = [name for name in {**other.settings, **self.settings} if not (early and name in _LATER)]
        settings = [name for name in names if self.settings.get(name) != other.settings.get(name)]
        found += [f'{", ".join(settings)} of the config'] if settings else []
        if self.clips != other.clips or self._labelled != other._labelled:
            found.append(f'the training list ({counted(len(other.clips), sample())} there, {len(self.clips)} now)')
        elif not early and self.lines != other.lines:
            found.append(
                f'the training list, in what its lines say beside {sample()} and label, as numbers of frames'
                if self.images is None
                else 'the annotations, in what they say beside the classes of objects, as boxes and masks'
            )
        elif self.groups != other.groups:
            found.append(f'the groups of the {samples()}')
        elif not found and not np.array_equal(self.folds, other.folds):
            found.append('the folds, which another version of cdb_video may have divided')
        return found

    def to_json(self) -> bytes:
        """The file."""
        columns = zip(self.clips, self._labelled, self.groups or [None] * len(self.clips), self.folds, strict=True)
        key = 'label' if self.images is None else 'labels'
        clips = [
            {'clip': clip, key: labelled, **({} if group is None else {'group': group}), 'fold': int(fold) + 1}
            for clip, labelled, group, fold in columns
        ]
        document = {
            'version': PLAN_VERSION,
            'folds': self.num_folds,
            'group': self.group,
            'seed': self.seed,
            'processes': self.processes,
            **({} if self.lines is None else {'lines': self.lines}),
            'settings': dict(self.settings),
        }
        # One clip a line, so that two divisions can be compared by eye.
        head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix('\n}')
        lines = ',\n'.join(f'  {json.dumps(clip, ensure_ascii=False)}' for clip in clips)
        return f'{head},\n "clips": [\n{lines}\n ]\n}}\n'.encode()

    @property
    def _labelled(self) -> list[Any]:
        """The label of each clip, or the classes of the objects in it, a tuple in ascending order."""
        return Units(self.labels, self.images, len(self.clips)).by_sample()


def make_plan(
    clips: ListedClips | ListedImages,
    settings: Mapping[str, str],
    *,
    num_folds: int,
    group: str | None,
    groups: tuple[str, ...] | None,
    seed: int,
    processes: int,
) -> Plan:
    """Divide the clips of a list.

    Args:
        clips: To be divided.
        settings: Of the training, see `training_settings`.
        num_folds: K >= 2.
        group: By what the clips are grouped; None = by nothing.
        groups: The group of every clip; None = there are none.
        seed: Whole number >= 0.
        processes: Of each training.

    Raises:
        ValueError: If there are fewer clips, or groups, than folds.
    """
    folds = clips.divided(num_folds, groups, seed)
    return Plan(
        settings,
        clips.names,
        clips.units.labels,
        groups,
        folds,
        num_folds,
        group,
        seed,
        processes,
        clips.content,
        clips.units.samples,
    )


def training_settings(config: Any) -> dict[str, str]:
    """A hash of every setting of a config that has a say in what its training gives."""
    return setting_hashes(config, _TRAINING)


def write_plan(plan: Plan, folder: Path) -> Path:
    """Write the file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_atomically(folder / PLAN_NAME, plan.to_json())


def read_plan(path: Path) -> Plan:
    """Read the file.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        document: Any = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} cannot be read ({error}). {_ANEW}') from error
    fault = _fault(document)
    if fault:
        raise ValueError(f'{path} cannot be read: {fault}. {_ANEW}')
    clips = document['clips']
    grouped = all('group' in clip for clip in clips)
    labels, images = _labels_in(clips)
    return Plan(
        settings=document['settings'],
        clips=tuple(clip['clip'] for clip in clips),
        labels=labels,
        groups=tuple(clip['group'] for clip in clips) if grouped else None,
        folds=np.array([clip['fold'] for clip in clips], np.int64) - 1,
        num_folds=document['folds'],
        group=document['group'],
        seed=document['seed'],
        processes=document['processes'],
        lines=document.get('lines'),
        images=images,
    )


def _labels_in(clips: Sequence[Mapping[str, Any]]) -> tuple[IntVector, IntVector | None]:
    """The labels of all clips, or of all objects in them, with the place of the image of each."""
    if all('label' in clip for clip in clips):
        return np.array([clip['label'] for clip in clips], np.int64), None
    numbers = [len(clip['labels']) for clip in clips]
    labels = np.array([label for clip in clips for label in clip['labels']], np.int64)
    return labels, np.repeat(np.arange(len(clips)), numbers)


_ANEW = 'Remove the folder, or name another one by --work-dir'
_DOCUMENT = {
    'version': Check(lambda value: value == PLAN_VERSION, f'{PLAN_VERSION}; update cdb_video'),
    'folds': WHOLE,
    'group': TEXT.or_null(),
    'seed': WHOLE,
    'processes': WHOLE,
    'settings': Check(
        lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()), 'a dict of texts'
    ),
    'clips': Check(lambda value: isinstance(value, dict), 'a dict').listed(),
}
_CLIP = {'clip': TEXT, 'fold': WHOLE}
_LABEL = {'label': WHOLE}
_LABELS = {'labels': Check(lambda value: value == [] or WHOLE.listed().fits(value), WHOLE.listed().rule)}


def _fault(document: Any) -> str | None:
    if not isinstance(document, dict):
        return 'it is no dict'
    fault = first_fault(document, _DOCUMENT) or first_fault(document, {'lines': TEXT}, required=False)
    for place, clip in enumerate(document['clips'] if fault is None else ()):
        labelled = _LABELS if 'labels' in document['clips'][0] else _LABEL
        fault = first_fault(clip, _CLIP | labelled) or first_fault(clip, {'group': TEXT}, required=False)
        if fault is None and not 1 <= clip['fold'] <= document['folds']:
            fault = f'fold is {clip["fold"]}; it must be from 1 to {document["folds"]}'
        if fault:
            return f'{samples()}[{place}]: {fault}'
    return fault
