"""The training list of a config: its clips by name, and lists of some of them in the same form.

A list is divided by its lines, whatever stands in them: any dataset serves that reads a text file of one clip a line.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import DATASETS, init_default_scope

from cdb_video.class_names import counted
from cdb_video.cross_fit.division.folds import divide_by_clips, divide_by_groups
from cdb_video.data.clip_table import listed_name
from cdb_video.data.labels import dataset_class_names, dataset_labels, sample_path
from cdb_video.data.units import Units, has_objects
from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import sample, samples, words_now
from cdb_video.run.fingerprints import digest_of
from cdb_video_files.atomic import write_atomically
from cdb_video_files.records import AnnotationError, read_lines

_WRAPPERS = ('dataset', 'datasets')
PATH_KEYS = ('filename', 'frame_dir', 'img_path')


@dataclass(frozen=True, eq=False)
class ListedClips:
    """The clips of a training list, sorted by name, so that the order of the list does not matter.

    Attributes:
        path: The list.
        lines: N lines as they stand in the list, without their ends.
        names: N names: paths as they stand in the list, each once; with `with_offset` the offset behind it.
        listed: N paths as they stand in the list, which several segments of one video share.
        labels: (N,) int64.
        class_names: C names; None = the dataset has none.
        paths: N files or folders, as the dataset has them; None = it names none.
        path_key: Under which key it has them: 'filename', 'frame_dir' or 'img_path'; None = under another one, or none.
    """

    path: Path
    lines: tuple[str, ...]
    names: tuple[str, ...]
    listed: tuple[str, ...]
    labels: IntVector
    class_names: tuple[str, ...] | None
    paths: tuple[str, ...] | None
    path_key: str | None

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.lines)

    @property
    def ending(self) -> str:
        """Of the names of lists."""
        return '.txt'

    @property
    def units(self) -> Units:
        """What bears one label each: the clips."""
        return Units(self.labels, None, len(self))

    @property
    def content(self) -> str:
        """A hash of the lines, whatever they say of a clip; how many blanks there are between words does not matter."""
        return digest_of(*(' '.join(line.split()) for line in self.lines))

    @property
    def remarks(self) -> list[str]:
        """What the user must know of the list, in sentences: nothing, for all of it is divided."""
        return []

    def divided(self, num_folds: int, groups: Sequence[str] | None, seed: int) -> IntVector:
        """(N,) int64, the fold of every clip, by clips within classes or by whole groups.

        Raises:
            ValueError: If there are fewer clips, or groups, than folds.
        """
        if groups is None:
            return divide_by_clips(self.labels, num_folds, seed)
        return divide_by_groups(self.labels, groups, num_folds, seed)

    def write(self, path: Path, places: Sequence[int]) -> None:
        """Write a list of the clips at these places, in the same form."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, ''.join(f'{self.lines[place]}\n' for place in places).encode())

    def write_parts(self, parts: Mapping[Path, Sequence[int]]) -> None:
        """Write several lists, each of the clips at its places."""
        for path, places in parts.items():
            self.write(path, places)

    def check_part(self, places: Sequence[int], dataset: Any) -> None:
        """See `check_part`."""
        check_part(self, places, dataset)


def read_training_clips(config: Any) -> ListedClips:
    """The clips that a config trains on.

    Args:
        config: mmengine's Config.

    Raises:
        ValueError: If its training set wraps other sets, or is not read from a list of one clip a line; if a clip is
            twice in it; or if the dataset refuses the list.
    """
    settings = listed_settings(config)
    dataset = build_dataset(config, settings)
    path = Path(str(dataset.ann_file))
    lines = list_lines(path)
    if len(lines) != len(dataset):
        raise ValueError(
            f'{path} has {counted(len(lines), "line")}, and {settings["type"]} reads {counted(len(dataset), sample())} '
            f'from it: cross-fit divides a list of one {sample()} a line. Write such a list, and leave indices and '
            'filter_cfg '
            'out'
        )
    names = clip_names(dataset, lines)
    seen: set[str] = set()
    for name in names:
        place = os.path.normpath(name)
        if place in seen:
            raise ValueError(
                f'{path} has the {sample()} {name!r} more than once, so one fold could be trained on it and another '
                'one '
                f'score it: keep one line a {sample()}'
            )
        seen.add(place)
    listed = listed_paths(dataset, lines)
    infos = [dataset.get_data_info(place) for place in range(len(dataset))]
    order = sorted(range(len(names)), key=names.__getitem__)
    paths = [sample_path(infos[place]) for place in order]
    return ListedClips(
        path,
        tuple(lines[place] for place in order),
        tuple(names[place] for place in order),
        tuple(listed[place] for place in order),
        dataset_labels(dataset)[order],
        dataset_class_names(dataset),
        None if None in paths else tuple(map(str, paths)),
        next((key for key in PATH_KEYS if key in infos[0]), None),
    )


def listed_settings(config: Any) -> dict[str, Any]:
    """The settings of the training set of a config.

    Raises:
        ValueError: If it is none that reads one list.
    """
    loader = config.get('train_dataloader')
    settings = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(settings, Mapping):
        raise ValueError('the config has no train_dataloader with a dataset: give the config of a training')
    wrapped = next((key for key in _WRAPPERS if key in settings), None)
    if wrapped is not None:
        raise ValueError(
            f'the training set is {settings.get("type")}, which wraps others ({wrapped}=...), and cross-fit divides '
            f'one list: name the inner dataset itself, with its ann_file; where {samples()} were repeated, train '
            'for more '
            'epochs in place of it'
        )
    if not isinstance(settings.get('ann_file'), str) or not settings['ann_file']:
        raise ValueError(
            f'the training set, {settings.get("type")}, has no ann_file: cross-fit divides the list of {samples()} '
            f'that a dataset reads. Let yours read {_form()} that ann_file names'
        )
    return dict(settings)


def _form() -> str:
    return (
        "annotations in COCO's or LVIS's format" if words_now().has_objects else f'a text file of one {sample()} a line'
    )


def build_dataset(config: Any, settings: Mapping[str, Any]) -> Any:
    """A dataset of a config, as its training builds it."""
    init_default_scope(config.get('default_scope') or 'mmengine')
    return DATASETS.build(copy.deepcopy(dict(settings)))


def names_in(dataset: Any) -> tuple[str, ...]:
    """The names of all clips of a dataset that reads a list, or of all its images where these show objects."""
    return (
        image_names(dataset) if has_objects(dataset) else clip_names(dataset, list_lines(Path(str(dataset.ann_file))))
    )


def image_names(dataset: Any) -> tuple[str, ...]:
    """The paths of all images of a dataset below its `data_prefix`, as its annotations have them."""
    places = range(len(dataset))
    return tuple(_below_prefix(dataset, str(sample_path(dataset.get_data_info(place)))) for place in places)


def clip_names(dataset: Any, lines: Sequence[str]) -> tuple[str, ...]:
    """The names of all clips of a dataset, each of its own: of several segments of one video each is a clip.

    Args:
        dataset: Of N clips.
        lines: N lines of its list.
    """
    names = []
    for place, path in enumerate(listed_paths(dataset, lines)):
        info = dataset.get_data_info(place)
        has_offset = 'offset' in info and sample_path(info) is not None
        names.append(f'{path} {info["offset"]}' if has_offset else path)
    return tuple(names)


def listed_paths(dataset: Any, lines: Sequence[str]) -> tuple[str, ...]:
    """The paths of all clips of a dataset as they stand in its list.

    Args:
        dataset: Of N clips.
        lines: N lines of its list; where an entry has no path, the line without its last word, the label, is the name.
    """
    names = []
    for place, line in enumerate(lines):
        path = sample_path(dataset.get_data_info(place))
        if path is None:
            names.append(line.strip().rpartition(' ')[0].strip() or line.strip())
            continue
        names.append(_below_prefix(dataset, str(path)))
    return tuple(names)


def _below_prefix(dataset: Any, path: str) -> str:
    for prefix in dict(getattr(dataset, 'data_prefix', None) or {}).values():
        if prefix:
            path = listed_name(path, str(prefix))
    return path


def check_part(whole: ListedClips, places: Sequence[int], dataset: Any) -> None:
    """See that a dataset reads the clips at these places of the whole list from a list of them.

    Raises:
        ValueError: If it reads others, or other labels.
    """
    lines = [whole.lines[place] for place in places]
    fits = len(dataset) == len(lines)
    if fits:
        names = tuple(whole.names[place] for place in places)
        fits = clip_names(dataset, lines) == names and np.array_equal(dataset_labels(dataset), whole.labels[places])
    if not fits:
        raise ValueError(
            f'{dataset.ann_file}: the lines of some {samples()} of {whole.path} give other {samples()} than in the '
            'whole list: '
            f'{type(dataset).__name__} takes something from other lines. Use a list in which each line stands alone'
        )


def list_lines(path: Path) -> list[str]:
    """All lines of a list that are not blank.

    Raises:
        ValueError: If it is no text.
    """
    try:
        return [line for _, line in read_lines(path) if line.strip()]
    except AnnotationError as error:
        raise ValueError(
            f'{path} is no text file ({error.rule}), and cross-fit divides a list of one {sample()} a line: write '
            'such a list'
        ) from error
