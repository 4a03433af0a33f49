"""Datasets that check their list before training: `FrameListDataset` and `VideoListDataset`.

They are mmaction2's RawframeDataset and VideoDataset and take the same arguments. What they add:
the list is read by `cdb_video_files.records`, so a line that does not parse, an empty list or a label
beyond the classes stops the run at once, with file and line; every clip's files must exist; and
the class names get to `metainfo`, where the loss, the metric and the reports find them. And the list
is kept in arrays, not in dictionaries, and shared by the loader's workers: see `cdb_video.data.clip_table`.

    dataset=dict(
        type='FrameListDataset',
        data_root='data/egtea',
        ann_file='lists/verb_split1_subjects-P20-P26/train.txt',
        data_prefix=dict(img='frames'),
        classes='lists/verb_split1_subjects-P20-P26/classes.txt',
        pipeline=train_pipeline)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmaction.datasets import RawframeDataset, VideoDataset

from cdb_video.checks import check_flags
from cdb_video.data.clip_table import ClipTable, listed_name, read_frame_table, read_video_table
from cdb_video.data.damaged_clips import ClipReader, Replacing
from cdb_video.data.frame_names import what_is_there
from cdb_video.data.missing_files import Fault, check_file, faults_message, other_form, video_fault
from cdb_video.hosts.mmaction import stock_readers
from cdb_video.hosts.mmaction.step_rules import build_step, check_options
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.packs import PACK_SUFFIX
from cdb_video_files.video.containers import video_path

_EXTRACT = (
    'Run data_prep/extract_frames.py, with --pack where packs are read, and build the list anew (the configs of '
    'configs/egtea read what EGTEA_READER says: pack, frames or video), '
)


class _CheckedList(Replacing):
    """What both datasets add; the attributes are those of mmaction2's datasets."""

    clip_reader: ClassVar[ClipReader] = stock_readers
    _fully_initialized: bool
    ann_file: str
    data_list: ClipTable | list[dict[str, Any]]
    data_prefix: dict[str, str]
    metainfo: dict[str, Any]
    num_classes: int | None

    def __init__(
        self,
        ann_file: str,
        pipeline: list[Any],
        *args: Any,
        classes: str | os.PathLike[str] | Sequence[str] | None = None,
        check_files: bool = True,
        allow_absolute: bool = False,
        **kwargs: Any,
    ) -> None:
        check_flags(check_files=check_files, allow_absolute=allow_absolute)
        self.check_files = check_files
        self.allow_absolute = allow_absolute
        names = _class_names(classes, kwargs.get('data_root'))
        if names is not None:
            metainfo = dict(kwargs.pop('metainfo', None) or {})
            known = metainfo.setdefault('classes', names)
            if tuple(known) != names:
                raise ValueError(
                    f"classes={classes!r} gives {len(names)} names, metainfo['classes'] gives "
                    f'{len(known)} and they differ. Give one of the two'
                )
            kwargs['metainfo'] = metainfo
        try:
            super().__init__(ann_file, pipeline, *args, **kwargs)
        except AssertionError:
            for settings in pipeline:
                if isinstance(settings, Mapping):
                    build_step(settings)  # says which it is, and what of it
            raise
        check_options(getattr(self.pipeline, 'transforms', ()))

    def get_cat_ids(self, idx: int) -> list[int]:
        """The label of clip `idx` as a list, for mmengine's ClassBalancedDataset."""
        label = self.get_data_info(idx)['label']  # type: ignore[attr-defined]
        return list(label) if isinstance(label, (list, tuple)) else [label]

    @property
    def serialize_data(self) -> bool:
        """Whether mmengine keeps the entries pickled; never those of a table, which needs less memory."""
        return self._serialize_lists and not isinstance(getattr(self, 'data_list', None), ClipTable)

    @serialize_data.setter
    def serialize_data(self, value: bool) -> None:
        self._serialize_lists = value

    def _get_unserialized_subset(self, indices: int | Sequence[int]) -> ClipTable | list[dict[str, Any]]:
        if not isinstance(self.data_list, ClipTable):
            return super()._get_unserialized_subset(indices)  # type: ignore[misc]
        if not self._fully_initialized and (indices == 0 or (isinstance(indices, Sequence) and not indices)):
            # As the host, which fails to store an empty list, but in words.
            raise ValueError(f'indices={indices!r} leaves no clip of {self.ann_file}. Leave it out, or choose some')
        if isinstance(indices, Sequence):
            return self.data_list.take(indices)
        if self._fully_initialized and isinstance(indices, int) and abs(indices) > len(self.data_list):
            raise ValueError(f'a subset of {indices} clips: {self.ann_file} has only {len(self.data_list)}')
        return super()._get_unserialized_subset(indices)  # type: ignore[misc]

    def _kept(self, clips: ClipTable, own: type) -> ClipTable | list[dict[str, Any]]:
        """The clips as `data_list` holds them.

        Entries of a table cannot be changed. So a subclass, which may change them in methods of its own, gets a list of
        dictionaries, as does one who asks for `serialize_data=False`.
        """
        return clips if type(self) is own and self._serialize_lists else list(clips)

    def _num_classes(self) -> int | None:
        """Number of classes that labels are checked against; None = nobody said."""
        names = self.metainfo.get('classes')
        if names is None:
            return self.num_classes
        if self.num_classes not in (None, len(names)):
            raise ValueError(
                f'num_classes={self.num_classes}, but there are {len(names)} class names. Leave '
                'num_classes out, or use the class names that belong to the list'
            )
        return len(names)

    def _prefix(self, key: str) -> str:
        if key not in self.data_prefix:
            raise ValueError(
                f'data_prefix={dict(self.data_prefix)}: {type(self).__name__} needs the folder of its clips as '
                f'data_prefix=dict({key}=...)'
            )
        return self.data_prefix[key]

    def _check_list(self) -> None:
        check_file('ann_file', self.ann_file, 'its list of clips')

    def _raise_for_missing(self, faults: Sequence[Fault], total: int, key: str, remedy: str, cause: str = '') -> None:
        folder = self._prefix(key)
        found = faults_message(faults, total, self.ann_file, folder, remedy, may_go_on=not self.test_mode)
        raise FileNotFoundError(cause + found)


class FrameListDataset(_CheckedList, RawframeDataset):
    """RawframeDataset over a checked list of `<frame folder> <number of frames> <label>`.

    Args:
        ann_file: The list; a local file.
        pipeline: See RawframeDataset, as all arguments not named here.
        classes: Class names in the order of the labels, or the file that holds them, one a line
            (relative to `data_root`, like `ann_file`). Labels must be below their number.
        check_files: Whether the first and the last frame of every clip must exist, or its pack; of a million
            clips it takes longer to look for them than to read the list.
        allow_absolute: Whether a line may name its clip by an absolute path, which `data_prefix` does not go before.

    Keyword Args:
        on_error (str): 'raise', or 'resample' to let another clip of the same class stand in for one that
            cannot be read in training: see `cdb_video.data.damaged_clips.Replacing`, as for `max_damaged`.

    Frames are looked for by `filename_tmpl`, `img_{:05}.jpg`, and `start_index`, 1, as in RawframeDataset: where a
    folder holds others, the error says which of the two to set.

    A `frame_dir` may stand for the pack `<frame_dir>.pack`, which `PackDecode` reads. With `multi_class` or
    `with_offset` the list has another form: it is left to RawframeDataset
    and not checked. Frames are looked for with modality 'RGB' only.

    Raises:
        AnnotationError: If a line does not parse or a label is beyond the last class.
        FileNotFoundError: If frames, the list or the file of class names are missing.
        ValueError: If class names and `num_classes` or `metainfo` contradict each other.
    """

    def load_data_list(self) -> ClipTable | list[dict[str, Any]]:
        """Read and check the list; `frame_dir`, `total_frames` and `label` of every clip."""
        if self.multi_class or self.with_offset:
            return super().load_data_list()
        self._check_list()
        clips = read_frame_table(self.ann_file, self._num_classes(), self._prefix('img'), self.allow_absolute)
        if self.check_files and self.modality == 'RGB':
            faults = [(info, fault) for info in clips if (fault := self._frame_fault(info))]
            if faults:
                self._raise_for_frames(faults, len(clips))
        return self._kept(clips, FrameListDataset)

    def _frame_fault(self, info: dict[str, Any]) -> Fault | None:
        # Frames are numbered without a gap, so the two ends answer for the clip.
        for index in (self.start_index, self.start_index + info['total_frames'] - 1):
            path = os.path.join(info['frame_dir'], self.filename_tmpl.format(index))
            if os.path.isfile(path):
                continue
            if os.path.isfile(info['frame_dir'].removesuffix(PACK_SUFFIX) + PACK_SUFFIX):
                return None
            name = listed_name(info['frame_dir'], self._prefix('img'))
            if os.path.isdir(info['frame_dir']):
                return Fault(name, 'incomplete', f'{listed_name(path, self._prefix("img"))} (no such frame)')
            return Fault(name, 'missing', f'{name} (no folder, no pack)')
        return None

    def _raise_for_frames(self, found: Sequence[tuple[dict[str, Any], Fault]], total: int) -> None:
        faults = [fault for _, fault in found]
        remedy, cause = _EXTRACT, other_form(faults, total, self._prefix('img'))
        if cause:
            remedy = 'Otherwise '
        elif there := [(fault.name, info) for info, fault in found if fault.kind == 'incomplete']:
            clips = [(name, info['frame_dir'], info['total_frames']) for name, info in there]
            known = len(there) + total - len(faults)
            cause, is_remedy = what_is_there(clips, known, self.start_index, self.filename_tmpl)
            remedy = 'Otherwise ' if is_remedy else _EXTRACT
        self._raise_for_missing(faults, total, 'img', remedy, f'{cause}. ' if cause else '')


class VideoListDataset(_CheckedList, VideoDataset):
    """VideoDataset over a checked list of `<video file> <label>`.

    Args:
        ann_file: The list; a local file.
        pipeline: See VideoDataset, as all arguments not named here.
        classes: Class names in the order of the labels, or the file that holds them, one a line
            (relative to `data_root`, like `ann_file`). Labels must be below their number.
        check_files: Whether every video must exist and not be empty; of its name '.mp4' may be left out, as
            DecordInit and VideoInit read it.
        allow_absolute: See FrameListDataset.

    Keyword Args:
        on_error (str): See FrameListDataset, as for `max_damaged`.

    Unlike VideoDataset it reads file names with blanks, from lists with the default `delimiter`.
    With `multi_class` or another `delimiter` than a blank the list has another form: it is left
    to VideoDataset and not checked.

    Raises:
        AnnotationError: If a line does not parse or a label is beyond the last class.
        FileNotFoundError: If videos, the list or the file of class names are missing.
        ValueError: If class names and `num_classes` or `metainfo` contradict each other.
    """

    def load_data_list(self) -> ClipTable | list[dict[str, Any]]:
        """Read and check the list; `filename` and `label` of every clip."""
        if self.multi_class or self.delimiter != ' ':
            return super().load_data_list()
        self._check_list()
        clips = read_video_table(self.ann_file, self._num_classes(), self._prefix('video'), self.allow_absolute)
        if self.check_files:
            folder = self._prefix('video')
            paths = (video_path(info['filename']) for info in clips)
            faults = [fault for path in paths if (fault := video_fault(path, listed_name(path, folder)))]
            if faults:
                self._raise_for_missing(faults, len(clips), 'video', 'Put the clips there, ')
        return self._kept(clips, VideoListDataset)


def _class_names(
    classes: str | os.PathLike[str] | Sequence[str] | None, data_root: str | None
) -> tuple[str, ...] | None:
    if classes is None:
        return None
    if isinstance(classes, str | os.PathLike):
        path = Path(data_root or '', classes)
        check_file('classes', path, 'the names of its classes, one a line; or give them as a list')
        return tuple(read_class_names(path))
    if not classes:
        raise ValueError(f'classes={classes!r}: must hold at least one name, or be None')
    return tuple(classes)
