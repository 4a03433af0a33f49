"""A prediction dump: who was tested, what was predicted, how surely.

mmaction2 writes one by ``mim test ... --dump predictions.pkl``, mmpretrain by ``mim test ... --out predictions.pkl
--out-item pred``, and ``cdb-video test ... --dump predictions.pkl`` both; of a detector this writes a dump of objects.

A dump is a pickle: a list with one dict a clip, or an image with objects, of tensors and text. It is read by
:mod:`cdb_video_files.pickles.unpickle`, which executes nothing that is inside.
"""

from __future__ import annotations

import codecs
import pickle
import posixpath
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.class_names import counted
from cdb_video.difficulty.counts import label_ranks
from cdb_video.difficulty.formulas import FloatVector, IntVector
from cdb_video.host_words import sample as sample_word
from cdb_video.host_words import samples as samples_word
from cdb_video.report.sources.object_dump import ObjectPredictions, is_of_objects, objects_in
from cdb_video_files.clip_names import parse_clip_name
from cdb_video_files.noted_paths import below_shared_folder
from cdb_video_files.pickles.unpickle import TORCH_BEGINNING, load
from cdb_video_files.records import AnnotationError

_PATH_KEYS = ('frame_dir', 'filename', 'img_path')
# Scores are float32 at best, and some heads average them over views in half precision.
_SUM_TOLERANCE = 1e-2
_MOST_CLASSES = 1 << 31
_OF_DETECTOR = 'pred_instances'
_REMEDY = 'dump with cdb-video test --dump (mmaction2 1.2 or mmpretrain 1.2)'


class DumpError(ValueError):
    """A dump cannot be read, or is not what `mim test --dump` writes for single-label recognition."""


class ForeignDumpError(DumpError):
    """A file of another program: what mmdet's own `DumpDetResults` wrote, or a table of something else."""


@dataclass(frozen=True)
class Predictions:
    """What a dump says of N clips and C classes.

    Attributes:
        labels: (N,) int64 in 0..C-1, the true classes.
        scores: (N, C) float, as the model gave them; never NaN.
        paths: N folders of frames, video files or images as the dump names them; None where it names none.
        num_frames: N numbers of frames; None where the dump does not say.
        has_scores: Whether there are scores; else `scores` is 1 for the predicted class and 0 for the others, and says
            no more than that.
    """

    labels: IntVector
    scores: NDArray[np.floating[Any]]
    paths: tuple[str, ...] | None
    num_frames: tuple[int, ...] | None
    has_scores: bool = True

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return int(self.scores.shape[1])

    @cached_property
    def predicted(self) -> IntVector:
        """(N,) int64, the class with the highest score; the lower class of a tie."""
        return self.scores.argmax(axis=1).astype(np.int64)

    @cached_property
    def ranks(self) -> IntVector:
        """(N,) int64 >= 0, how many classes stand before the true one; ties go to the lower class."""
        return label_ranks(self.scores, self.labels)

    @cached_property
    def confidence(self) -> FloatVector:
        """(N,) float64, the score of the predicted class."""
        return self.scores.max(axis=1).astype(np.float64)

    @property
    def are_probabilities(self) -> bool:
        """Whether every clip's scores lie in [0, 1] and add up to 1."""
        sums = self.scores.astype(np.float64).sum(axis=1)
        within = self.scores.min() >= 0 and self.scores.max() <= 1
        return bool(within and (np.abs(sums - 1) < _SUM_TOLERANCE).all())

    @cached_property
    def clip_names(self) -> tuple[str, ...] | None:
        """The last part of each path, without the ending of a video; None where there are no paths."""
        return None if self.paths is None else tuple(clip_name(path) for path in self.paths)

    @cached_property
    def distinct_names(self) -> tuple[str, ...] | None:
        """A name for every clip that no other has: its `clip_names`, else all below the folder of all clips.

        None where there are no paths, or one path names several clips.
        """
        names = self.clip_names
        if names is None or self.paths is None or len(set(names)) == len(names):
            return names
        below = below_shared_folder([posixpath.normpath(path.replace('\\', '/')) for path in self.paths])
        distinct = tuple(posixpath.join(posixpath.dirname(one), name) for one, name in zip(below, names, strict=True))
        return distinct if len(set(distinct)) == len(distinct) else None

    @property
    def repeated_paths(self) -> list[str]:
        """The path of every clip but the first of those that share it."""
        return repeated(self.paths or ())

    @property
    def shared_names(self) -> list[str]:
        """The name of every clip, but the first, of those that share it from different folders."""
        return repeated([clip_name(path) for path in dict.fromkeys(self.paths or ())])


def repeated(texts: Iterable[str]) -> list[str]:
    """What stood before already, as often as it comes again."""
    seen: set[str] = set()
    again = []
    for text in texts:
        if text in seen:
            again.append(text)
        seen.add(text)
    return again


def sessions_of(clip_names: Sequence[str]) -> tuple[str, ...] | None:
    """The session of every clip, by EGTEA's names; None if any name is not of that form."""
    try:
        return tuple(parse_clip_name(name).session for name in clip_names)
    except AnnotationError:
        return None


def read_any_dump(path: Path) -> Predictions | ObjectPredictions:
    """Read a dump, of samples with one label each or of objects, without executing what is inside.

    Raises:
        FileNotFoundError: If there is no such file.
        DumpError: If it is torn, holds anything but tensors and plain values, or lacks scores, labels or boxes.
    """
    samples = _loaded(path)
    if not is_of_objects(samples):
        return _predictions(path, samples)
    try:
        return objects_in(samples)
    except ValueError as error:
        raise DumpError(f'{path}: {error}') from error


def read_dump(path: Path) -> Predictions:
    """Read a dump of samples with one label each without executing what is inside.

    Raises:
        FileNotFoundError: If there is no such file.
        DumpError: If it is torn, holds anything but tensors and plain values, or lacks scores or labels.
    """
    return _predictions(path, _loaded(path))


def _loaded(path: Path) -> Sequence[Mapping[str, Any]]:
    """The dicts in a dump, at least one."""
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist: name the file that mim test --dump wrote')
    if path.is_dir():
        raise DumpError(f'{path} is a folder: name the file that mim test --dump wrote')
    content = path.read_bytes()
    fault = _other_kind(path, content)
    if fault:
        raise DumpError(f'{path} {fault}')
    try:
        samples = load(content)
    except pickle.UnpicklingError as error:
        text = _beginning_of_text(content)
        remedy = (
            'A dump is what mim test --dump writes: write it anew'
            if text is None
            else f'It is a text file, which begins with {text}: name the file that mim test --dump wrote'
        )
        raise DumpError(f'{path}: {error}. {remedy}') from error
    if not isinstance(samples, list) or not samples or not all(isinstance(sample, Mapping) for sample in samples):
        raise DumpError(
            f'{path}: not a list with one dict a {sample_word()}, as mim test --dump writes it; name such a file'
        )
    if all(_OF_DETECTOR in sample for sample in samples) and not is_of_objects(samples):
        raise ForeignDumpError(
            f"{path} is mmdet's own dump, which says what was found and not which objects are there: a report needs "
            'the dump that cdb-video test --dump writes of a detector'
        )
    return samples


def _predictions(path: Path, samples: Sequence[Mapping[str, Any]]) -> Predictions:
    """What the dicts of samples with one label each say."""
    labels = np.array(
        [_label(sample, f'{path}: {sample_word()} {index}') for index, sample in enumerate(samples)], np.int64
    )
    scores = _scores(path, samples)
    outside = np.flatnonzero((labels < 0) | (labels >= scores.shape[1]))
    if outside.size:
        raise DumpError(
            f'{path}: {sample_word()} {outside[0]} has label {labels[outside[0]]}, but {scores.shape[1]} scores: '
            f'labels must be 0..{scores.shape[1] - 1}; test with a list that belongs to the model'
        )
    return Predictions(labels, scores, _paths(samples), _num_frames(samples))


def _other_kind(path: Path, content: bytes) -> str | None:
    """What a file is and what to do, if its first bytes say that it is no pickle of clips; None if they do not."""
    if not content:
        return f'is empty: a dump has one dict a {sample_word()}; write it anew with mim test --dump'
    if content.startswith((b'PK\x03\x04', TORCH_BEGINNING)):
        return (
            'is a checkpoint, or another file that torch.save wrote, and no dump: predict with it by mim test '
            f'CONFIG --checkpoint {path} --dump predictions.pkl, and name predictions.pkl'
        )
    return None


def _beginning_of_text(content: bytes) -> str | None:
    """How a text file begins, quoted; None if it is none."""
    try:
        start = codecs.getincrementaldecoder('utf-8')().decode(content[:1000])
    except UnicodeDecodeError:
        return None
    is_text = all(character.isprintable() or character.isspace() for character in start)
    return reprlib.repr(start.lstrip().partition('\n')[0]) if is_text else None


def _scores(path: Path, samples: Sequence[Mapping[str, Any]]) -> NDArray[np.floating[Any]]:
    """The scores of all clips, (N, C)."""
    rows = [_numbers(sample, 'pred_score', f'{path}: {sample_word()} {i}') for i, sample in enumerate(samples)]
    for index, row in enumerate(rows):
        if row.ndim != 1 or row.dtype.kind not in 'fiu' or row.shape != rows[0].shape:
            raise DumpError(
                f'{path}: {sample_word()} {index} has a pred_score of shape {row.shape} and type {row.dtype}, '
                f'{sample_word()} 0 of shape {rows[0].shape}: one score a class is needed; test with '
                'average_clips="prob"'
            )
    scores = np.stack(rows)
    missing = np.flatnonzero(~np.isfinite(scores.astype(np.float64)).all(axis=1))
    if missing.size:
        raise DumpError(
            f'{path}: {counted(missing.size, f"{sample_word()} has", f"{samples_word()} have")} scores of NaN or '
            f'infinity, the first is {sample_word()} {missing[0]}: the model has diverged; test another checkpoint'
        )
    return scores


def _label(sample: Mapping[str, Any], where: str) -> int:
    """The one label of a clip."""
    label = _numbers(sample, 'gt_label', where)
    if label.size != 1 or label.dtype.kind not in 'iu':
        raise DumpError(
            f'{where} has the labels {reprlib.repr(label.tolist())}: one whole number a {sample_word()} is needed'
        )
    number = int(label.reshape(-1)[0])
    if not 0 <= number < _MOST_CLASSES:
        raise DumpError(f'{where} has label {number}: labels are 0..C-1; test with a list that belongs to the model')
    return number


def _numbers(sample: Mapping[str, Any], key: str, where: str) -> NDArray[Any]:
    """A value of a clip as an array: of a tensor, a number, or a flat list of numbers."""
    if key not in sample:
        keys = ', '.join(sorted(name[:40] for name in sample if isinstance(name, str))[:20]) or 'no keys that are text'
        raise DumpError(f'{where} has no {key}, only {keys}: {_REMEDY}')
    value = sample[key]
    parts = value if isinstance(value, list | tuple) else [value]
    if isinstance(value, np.ndarray) or all(isinstance(part, int | float | np.number) for part in parts):
        return np.asarray(value)
    raise DumpError(f'{where} has a {key} that is no array of numbers: {_REMEDY}')


def _paths(samples: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    paths = [next((path for key in _PATH_KEYS if isinstance(path := sample.get(key), str)), None) for sample in samples]
    if any(path is None for path in paths):
        return None
    # Halves of a surrogate pair, which a pickle can hold, cannot be written into a file.
    return tuple(path.encode('utf-8', 'replace').decode() for path in paths if path is not None)


def _num_frames(samples: Sequence[Mapping[str, Any]]) -> tuple[int, ...] | None:
    values = [sample.get('total_frames') for sample in samples]
    return tuple(values) if all(type(value) is int for value in values) else None  # type: ignore[arg-type]


def clip_name(path: str) -> str:
    """The last part of a path, without the ending of a video."""
    name = path.replace('\\', '/').rstrip('/').rpartition('/')[2]
    stem, dot, ending = name.rpartition('.')
    return stem if dot and len(ending) in (3, 4) and ending.isalnum() else name
