"""Division of the training clips into folds, of which each is scored by a model that was trained on the others.

Pure functions over NumPy arrays. By clips, every class is spread over the folds as evenly as can be. By groups, such as
subjects or sessions, no group is divided, and the classes are spread as evenly as whole groups allow.

Example: five clips with the labels (0, 0, 0, 1, 1) in two folds: one has two clips of class 0 and one of class 1, the
other one of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import samples
from cdb_video_files.whole_groups import assign_groups

Mask = NDArray[np.bool_]


def divide_by_clips(labels: IntVector, num_folds: int, seed: int) -> IntVector:
    """Deal the clips of one class after the other to the folds in turn, each class in an order that is drawn.

    So the clips of a class in two folds differ by one at most, and so do the sizes of two folds.

    Args:
        labels: (N,) int64 in 0..C-1.
        num_folds: K, from 2 to N.
        seed: Whole number >= 0; decides the order of the clips in a class, and of the classes.

    Returns:
        (N,) int64 in 0..K-1, the fold of every clip.

    Raises:
        ValueError: If the number of folds is out of its range.
    """
    _check_num_folds(num_folds, len(labels), samples())
    rng = np.random.default_rng(seed)
    place_of_class = rng.permutation(int(labels.max()) + 1)
    order = np.lexsort((rng.permutation(len(labels)), place_of_class[labels]))
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % num_folds
    return folds


def divide_by_groups(labels: IntVector, groups: Sequence[str], num_folds: int, seed: int) -> IntVector:
    """Give every group a fold, so that the counts of every class in the folds come near each other.

    A greedy division, the largest group first; see `cdb_video_files.whole_groups.assign_groups`. The order of the clips
    does not matter.

    Args:
        labels: (N,) int64 in 0..C-1.
        groups: N names of groups.
        num_folds: K, from 2 to the number of groups.
        seed: Whole number >= 0; decides between groups of one size.

    Returns:
        (N,) int64 in 0..K-1, the fold of every clip.

    Raises:
        ValueError: If the number of folds is out of its range.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    _check_num_folds(num_folds, len(names), 'groups')
    present, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(present)))
    np.add.at(counts, (group_of, class_of), 1)
    shares = np.full(num_folds, 1 / num_folds)
    fold_of_group = np.asarray(assign_groups(counts, shares, np.random.default_rng(seed)), np.int64)
    return fold_of_group[group_of]


def divide_images(labels: IntVector, images: IntVector, num_folds: int, seed: int, groups: Sequence[str]) -> IntVector:
    """Give every image a fold, so that the objects of every class, and the images, are spread evenly over the folds.

    The same greedy division: an image is a group of its objects, and counts once more as an image, so that those
    without objects are spread too. Images of one group stay together.

    Args:
        labels: (M,) int64 in 0..C-1, of all objects.
        images: (M,) int64 in 0..N-1, in which image each is.
        num_folds: K, from 2 to the number of groups.
        seed: Whole number >= 0; decides between groups of one size.
        groups: N names of groups; each image has one of its own where nothing else must stay together.

    Returns:
        (N,) int64 in 0..K-1, the fold of every image.

    Raises:
        ValueError: If the number of folds is out of its range.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    _check_num_folds(num_folds, len(names), samples() if len(names) == len(groups) else 'groups')
    present, class_of = np.unique(labels, return_inverse=True)
    # Whole numbers of half the size: LVIS has 100,000 images and 1,203 classes.
    counts = np.zeros((len(names), len(present) + 1), np.int32)
    np.add.at(counts, (group_of[images], class_of), 1)
    counts[:, -1] = np.bincount(group_of, minlength=len(names))
    shares = np.full(num_folds, 1 / num_folds)
    return np.asarray(assign_groups(counts, shares, np.random.default_rng(seed)), np.int64)[group_of]


def clips_per_fold(labels: IntVector, folds: IntVector, num_folds: int, num_classes: int) -> IntVector:
    """Clips of every class in every fold.

    Args:
        labels: (N,) int64 in 0..C-1.
        folds: (N,) int64 in 0..K-1.
        num_folds: K.
        num_classes: C.

    Returns:
        (K, C) int64.
    """
    counts = np.bincount(folds * num_classes + labels, minlength=num_folds * num_classes)
    return counts.reshape(num_folds, num_classes)


def known_to_scorer(labels: IntVector, folds: IntVector, num_folds: int, num_classes: int) -> Mask:
    """Whether the model that scores a clip was trained on clips of its class.

    The model of a fold is trained on all other folds. So a class that one of the models never saw has all its clips in
    one fold, and that model scores them all: it is a class of one clip, or of one group.

    Args:
        labels: (N,) int64 in 0..C-1.
        folds: (N,) int64 in 0..K-1.
        num_folds: K.
        num_classes: C.

    Returns:
        (N,) bool.
    """
    counts = clips_per_fold(labels, folds, num_folds, num_classes)
    trained_on = counts.sum(axis=0) - counts
    known: Mask = trained_on[folds, labels] > 0
    return known


def _check_num_folds(num_folds: int, most: int, what: str) -> None:
    if isinstance(num_folds, bool) or not isinstance(num_folds, int) or num_folds < 2:
        raise ValueError(f'folds={num_folds!r}: must be a whole number >= 2 (2 costs about one training more)')
    if num_folds > most:
        raise ValueError(
            f'folds={num_folds}: there are only {most} {what}, and each fold needs one: use fewer folds'
            + ('' if what == samples() else f', finer groups, or divide by {samples()}')
        )
