"""The weights that the trainings start from: they may not have been trained on clips that a fold is to score.

A checkpoint of mmengine has the config of its training, and one of this package a digest of its training list. The list
itself is read again, if it is still there. Nothing of the checkpoint is executed: of the earlier config count the names
of files and folders alone, and they are read by datasets that are known.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.runner import CheckpointLoader

from cdb_video.class_names import counted
from cdb_video.cross_fit.clips import ListedClips, build_dataset, names_in
from cdb_video.cross_fit.objects.images import ListedImages
from cdb_video.data.labels import sample_path
from cdb_video.host_words import sample, samples, words_now
from cdb_video.hosts.mmaction.pipelines import kind_of
from cdb_video.report.sources.dump import clip_name
from cdb_video.run.checkpoint_entry import CheckpointEntry
from cdb_video.run.clip_lists import ClipList
from cdb_video_files.clip_names import parse_clip_name
from cdb_video_files.configs.text import read_config_text
from cdb_video_files.records import AnnotationError

_IN_MODEL = ('pretrained', 'checkpoint')  # the second of init_cfg
_READERS = {
    'FrameListDataset': 'FrameListDataset',
    'VideoListDataset': 'VideoListDataset',
    'RawframeDataset': 'mmaction.RawframeDataset',
    'VideoDataset': 'mmaction.VideoDataset',
    'CocoDataset': 'mmdet.CocoDataset',
    'LVISV1Dataset': 'mmdet.LVISV1Dataset',
}
_OF_A_LIST = ('ann_file', 'data_root', 'data_prefix', 'with_offset', 'delimiter')
# Of annotations: which classes and images a dataset takes out of them.
_OF_ANNOTATIONS = ('metainfo', 'filter_cfg')


def read_checkpoint(path: str) -> Mapping[str, Any]:
    """What a checkpoint holds, tensors on the CPU.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        content: Any = CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    except Exception as error:  # of a zip file, of pickle or of torch, as the damage has it
        raise ValueError(
            f'{path} cannot be read ({type(error).__name__}: {error}): remove it, and give the same command again'
        ) from error
    return content if isinstance(content, dict) else {}


def check_weights(config: Config, clips: ListedClips | ListedImages) -> list[str]:
    """See that the weights of a config come of no training on its clips, as far as their checkpoints say.

    Args:
        config: Of the training.
        clips: Its list.

    Returns:
        Sentences on what could not be checked.

    Raises:
        ValueError: If weights were trained on this list, or on some of its clips.
    """
    remarks = []
    for key, path in _weights(config):
        found = _check(f'{key}={path!r}', read_checkpoint(path), config, clips)
        remarks += [] if found is None else [found]
    return remarks


def _weights(config: Config) -> Iterator[tuple[str, str]]:
    """The files that the trainings start from, and under which key the config names them."""
    named = [('load_from', config.get('load_from')), *_named_in(config.model)]
    yield from ((key, path) for key, path in named if isinstance(path, str) and Path(path).is_file())


def _named_in(settings: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            if key in _IN_MODEL:
                yield key, value
            yield from _named_in(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _named_in(value)


def _check(name: str, content: Mapping[str, Any], config: Config, clips: ListedClips | ListedImages) -> str | None:
    """A sentence on what could not be checked; None = all was, or the checkpoint says nothing of its clips."""
    settings = config.train_dataloader['dataset']
    whole = build_dataset(config, settings)
    digest = CheckpointEntry.of(content).lists.get('train')
    if digest is not None and digest == ClipList.of(whole):
        raise ValueError(
            f'{name} was trained on this very list, so every model would have seen the {samples()} that it is to '
            f'score: {_REMEDY}'
        )
    meta = content.get('meta')
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    if not isinstance(text, str) and digest is None:
        return None
    unknown = f'it could not be checked whether {name} was trained on {samples()} of {clips.path}'
    if not isinstance(text, str):
        return f'{unknown}, for it does not say on which list. {_take_care()}'
    try:
        earlier = build_dataset(config, _known_settings(_training_set(text), settings))
        listed = sorted({str(one.ann_file) for one in _leaves(earlier)})
        has_changed = digest is not None and ClipList.of(earlier) != digest
        theirs = _Known.of(earlier)
    except Exception as error:  # of whichever dataset, and a list that is gone is the usual case
        return f'{unknown}, for its list cannot be read here ({type(error).__name__}: {error}). {_take_care()}'
    if has_changed:
        return f'{unknown}, for its list ({", ".join(listed)}) has changed since. {_take_care()}'
    ours = _Known.of(whole)
    shared = len(ours.marks & theirs.marks)
    if shared:
        raise ValueError(
            f'{name} was trained on {", ".join(listed)}, which has {shared} of the {counted(len(clips), sample())} of '
            f'{clips.path}, so models would have seen {samples()} that they are to score: {_REMEDY}'
        )
    alike = len(ours.names & theirs.names)
    if alike:
        return (
            f'{name} was trained on {", ".join(listed)}, which has {counted(alike, sample())} of the same name in '
            f'another folder. {_take_care()}'
        )
    return None


_REMEDY = 'start from weights of other data, or from none (load_from=None)'


def _take_care() -> str:
    return f'If they are {samples()} of this list, their scores come out too good: start from other weights then'


def _training_set(text: str) -> Any:
    """The settings of the training set in the text of a config."""
    loader = read_config_text(text).get('train_dataloader')
    return loader.get('dataset') if isinstance(loader, Mapping) else None


def _known_settings(settings: Any, own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an earlier training set, as far as they name lists and are of known classes.

    Args:
        settings: Of the set.
        own: Of the training set to come, whose class is known too.

    Raises:
        ValueError: If it is of another class.
        FileNotFoundError: If a list is gone.
    """
    kind = kind_of(settings) if isinstance(settings, Mapping) and isinstance(settings.get('type'), str) else None
    if kind == 'ConcatDataset':
        inner = [_known_settings(one, own) for one in settings['datasets']]
        return {'type': 'mmengine.ConcatDataset', 'datasets': inner}
    if kind == 'RepeatDataset':
        inner_one = _known_settings(settings['dataset'], own)
        return {'type': 'mmengine.RepeatDataset', 'dataset': inner_one, 'times': settings['times']}
    if kind == 'ClassBalancedDataset' and words_now().has_objects:  # as LVIS is repeated
        inner_one = _known_settings(settings['dataset'], own)
        return {
            'type': 'mmengine.ClassBalancedDataset',
            'dataset': inner_one,
            'oversample_thr': settings['oversample_thr'],
        }
    known = {**_READERS, kind_of(own): own['type']}
    if kind not in known:
        raise ValueError(f'the training set is {kind}, and read are {", ".join(known)}')
    place = Path(str(settings.get('data_root') or ''), str(settings.get('ann_file')))
    if not place.is_file():  # nor is anything fetched that a checkpoint names
        raise FileNotFoundError(f'there is no {place}')
    taken = (*_OF_A_LIST, *(_OF_ANNOTATIONS if words_now().has_objects else ()))
    made = {key: settings[key] for key in taken if key in settings}
    if 'pipeline' in settings:
        made['pipeline'] = []
    if kind in ('FrameListDataset', 'VideoListDataset'):  # their clips need not be there any more
        made |= {'check_files': False, 'allow_absolute': True}
    return {**made, 'type': known[kind]}


def _leaves(dataset: Any) -> Iterator[Any]:
    """The sets in a set that reads lists."""
    if isinstance(dataset, ConcatDataset):
        for one in dataset.datasets:
            yield from _leaves(one)
    elif isinstance(dataset, RepeatDataset | ClassBalancedDataset):
        yield from _leaves(dataset.dataset)
    else:
        yield dataset


@dataclass(frozen=True)
class _Known:
    """By what the clips of sets are known again.

    Attributes:
        marks: Of each clip the name that EGTEA gave it, or its file or folder; with its offset.
        names: Of each clip what stands in its list, without the ending of a video.
    """

    marks: set[object]
    names: set[str]

    @classmethod
    def of(cls, dataset: Any) -> _Known:
        """Read the entries of a set, and its lists."""
        marks: set[object] = set()
        names: set[str] = set()
        for leaf in _leaves(dataset):
            listed = names_in(leaf)
            marks |= {_mark(leaf.get_data_info(place), name) for place, name in enumerate(listed)}
            names |= set(map(_without_ending, listed))
        return cls(marks, names)


def _mark(info: Mapping[str, Any], name: str) -> object:
    path = sample_path(info)
    if path is None:
        return name
    short = clip_name(path)
    return (str(parse_clip_name(short)) if _is_egteas(short) else os.path.abspath(path)), info.get('offset')


def _is_egteas(name: str) -> bool:
    try:
        parse_clip_name(name)
    except AnnotationError:
        return False
    return True


def _without_ending(name: str) -> str:
    last = name.replace('\\', '/').rstrip('/').rpartition('/')[2]
    return name.removesuffix(last) + clip_name(last)
