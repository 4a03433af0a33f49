"""From the dumps of the folds to what is written: checks, order, what is left out."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from cdb_video.cross_fit.clips import ListedClips
from cdb_video.cross_fit.division.plan import Plan
from cdb_video.cross_fit.results import (
    Scored,
    check_dump,
    check_nothing_seen,
    remarks_on,
    report_on,
    write_results,
)
from cdb_video.difficulty.history import read_history

LABELS = np.array([0, 0, 1, 1, 2, 0])
FOLDS = np.array([0, 1, 1, 0, 1, 0])
NAMES = tuple(f's/clip{number}' for number in range(6))
SCORES = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 0, 2]]


def clips_of(paths=tuple(f'root/{name}' for name in NAMES), key='frame_dir'):
    lines = tuple(f'{name} 8 {label}' for name, label in zip(NAMES, LABELS, strict=True))
    return ListedClips(Path('train.txt'), lines, NAMES, NAMES, LABELS, ('a', 'b', 'c'), paths, key)


def write_dump(path, places, named=True, labels=LABELS):
    samples = [
        {'pred_score': torch.from_numpy(SCORES[place]).clone(), 'gt_label': torch.tensor([int(labels[place])])}
        | ({'frame_dir': f'elsewhere/{NAMES[place]}', 'total_frames': 8 + place} if named else {})
        for place in places
    ]
    path.write_bytes(pickle.dumps(samples, protocol=2))
    return path


def places_of(fold):
    return np.flatnonzero(np.equal(FOLDS, fold)).tolist()


def read_all(tmp_path, **options):
    paths = [write_dump(tmp_path / f'{fold}.pkl', places_of(fold), **options) for fold in (0, 1)]
    return [check_dump(path, clips_of(), places_of(fold), Path('x.txt')) for fold, path in enumerate(paths)]


@pytest.mark.parametrize('named', [True, False])
def test_scores_come_into_the_order_of_the_clips(tmp_path, named):
    scored = Scored.joined(clips_of(), FOLDS, read_all(tmp_path, named=named))
    np.testing.assert_array_equal(scored.scores, SCORES)
    assert (scored.num_frames.tolist() if named else scored.num_frames) == ([8, 9, 10, 11, 12, 13] if named else None)


@pytest.mark.parametrize(
    ('places', 'options', 'fault'),
    [
        ([3, 0, 5], {}, 'other labels'),
        ([0, 3], {}, '2 clips with other labels'),
        ([5, 3, 0], {}, 'other clips'),
        ([0, 3, 5], {'labels': 1 - np.minimum(LABELS, 1)}, 'other labels'),
    ],
)
def test_a_dump_of_other_clips_is_refused(tmp_path, places, options, fault):
    path = write_dump(tmp_path / 'x.pkl', places, **options)
    with pytest.raises(ValueError, match=rf'x\.pkl has .*{fault} than lists/1\.txt: remove it'):
        check_dump(path, clips_of(), [0, 3, 5], Path('lists/1.txt'))


def test_a_dump_without_names_is_taken_by_its_order(tmp_path):
    path = write_dump(tmp_path / 'x.pkl', [5, 3, 0], named=False)
    assert check_dump(path, clips_of(), [0, 3, 5], Path('x')).labels.tolist() == [0, 1, 0]


def plan_of(groups=None):
    return Plan({}, NAMES, LABELS, groups, FOLDS, 2, None, 0, 1)


def parts():
    scored = [[NAMES[place] for place in places_of(fold)] for fold in (0, 1)]
    return scored[::-1], scored


def test_a_cross_fit_in_which_nothing_was_seen_passes():
    check_nothing_seen(plan_of(), *parts())
    check_nothing_seen(plan_of(('x', 'y', 'y', 'x', 'y', 'x')), *parts())


@pytest.mark.parametrize(
    ('spoil', 'groups', 'message'),
    [
        (
            lambda trained, scored: trained[0].append(NAMES[0]),
            None,
            r"fold 1 scores 's/clip0', .* on that clip",
        ),
        (lambda trained, scored: None, ('x', 'y', 'x', 'x', 'y', 'x'), r"on a clip of its group, 'x'"),
        (lambda trained, scored: scored[0].pop(), None, r"1 clip is not scored exactly once, .* 's/clip5' \(0 times\)"),
        (lambda trained, scored: scored[0].append(NAMES[0]), None, r"'s/clip0' \(2 times\)"),
        (lambda trained, scored: scored[1].append('new'), None, r"fold 2 scores 'new', which is not in the plan"),
    ],
)
def test_a_clip_that_was_seen_left_out_or_added_is_found(spoil, groups, message):
    trained, scored = parts()
    spoil(trained, scored)
    with pytest.raises(ValueError, match=message):
        check_nothing_seen(plan_of(groups), trained, scored)


def test_history_and_dump_hold_the_clips_that_count_and_the_report_is_of_them(tmp_path):
    scored = Scored.joined(clips_of(), FOLDS, read_all(tmp_path))
    found = scored.pooled(2)
    dump, history = write_results(scored, found, tmp_path)
    samples = pickle.loads(dump.read_bytes())
    kept = [0, 1, 2, 3, 5]  # not the only clip of class 2
    assert [sample['frame_dir'] for sample in samples] == [f'root/{NAMES[place]}' for place in kept]
    assert [sample['total_frames'] for sample in samples] == [8 + place for place in kept]
    assert len(dump.read_bytes()) < 4000  # each row with its own storage

    whole = read_history(history)
    (record,) = whole.records
    assert (list(record.num_clips), list(record.num_correct)) == ([3, 2, 0], [1, 2, 0])
    mean = (2 / 3 + 0) / 2
    np.testing.assert_allclose(record.difficulty, [(2 + 5 * mean) / 8, 5 * mean / 7, mean])
    assert whole.header.train_counts == [3, 2, 1]
    expected = {'acc/top1': 0.6, 'acc/mean1': 2 / 3, 'acc/hmean': 2 / (4 / 1.5 + 3 / 2.5), 'acc/worst': 1 / 3}
    assert record.metrics == pytest.approx(expected)

    insight = report_on(tmp_path)
    assert (insight.split, insight.moment) == ('cross-fit', 'cross-fitted')
    rows = {row.label: row for row in insight.rows}
    assert [rows[label].num_clips for label in range(3)] == [3, 2, 0]
    assert [rows[label].train_count for label in range(3)] == [3, 2, 1]
    np.testing.assert_allclose([rows[label].difficulty for label in range(3)], record.difficulty)
    assert any('cross-fitted: of all training clips, each scored by a model' in note for note in insight.notes)
    assert any('all of them are in one fold' in note for note in insight.notes)
    assert not any('cannot be known' in note for note in insight.notes)

    # The same results again replace the files, and add no line.
    write_results(scored, found, tmp_path)
    assert read_history(history) == whole
    assert remarks_on(found, ('a', 'b', 'c'))[1].startswith('1 class is not measured')
