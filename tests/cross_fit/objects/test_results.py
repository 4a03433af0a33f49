"""From the dumps of the folds to what every object is called: checks, order, what is left out, what is written."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from cdb_video.cross_fit.division.plan import Plan, make_plan, read_plan, write_plan
from cdb_video.cross_fit.objects.images import ListedImages
from cdb_video.cross_fit.objects.results import ScoredObjects, check_object_dump
from cdb_video.cross_fit.results import remarks_on, report_on, write_results
from cdb_video.data.units import Units
from cdb_video.difficulty.history import read_history
from cdb_video.host_words import DETECTION, speaking

CLASSES = ('a', 'b', 'c')
SHOWN = ((0, 1), (), (0, 0, 2), (1,), (2, 0), (1,))
"""The classes of the objects in each image; images 0, 2 and 4 are of the first fold, so that c is in one alone."""
FOLDS = np.array([0, 1, 0, 1, 0, 1])
ANSWERS = ((0, 3), (), (0, 1, 2), (1,), (3, 0), (0,))
NAMES = tuple(f'part/{number}.jpg' for number in range(6))


@pytest.fixture(autouse=True)
def _of_detection():
    with speaking(DETECTION):
        yield


def images_of(shown=SHOWN, content='x'):
    labels = np.array([label for own in shown for label in own], np.int64)
    images = np.repeat(np.arange(len(shown)), [len(own) for own in shown])
    units = Units(labels, images, len(shown))
    paths = tuple(f'root/{name}' for name in NAMES)
    return ListedImages(Path('train.json'), NAMES, tuple(range(6)), units, CLASSES, paths, content, 7)


def entry(place, shown, answers):
    number = len(shown)
    boxes = np.arange(4 * number, dtype=np.float32).reshape(number, 4) + 100 * place
    return {
        'img_path': f'elsewhere/{NAMES[place]}',
        'num_classes': 3,
        'gt_labels': np.array(shown, np.int64),
        'answers': np.array(answers, np.int64),
        'scores': np.array([np.nan if answer == 3 else 0.5 + place / 10 for answer in answers], np.float32),
        'gt_bboxes': boxes,
        'bboxes': np.where(np.equal(answers, 3)[:, None], np.nan, boxes).astype(np.float32).reshape(-1, 4),
    }


def places_of(fold):
    return np.flatnonzero(np.equal(FOLDS, fold)).tolist()


def write_dump(path, places, shown=SHOWN, answers=ANSWERS):
    path.write_bytes(pickle.dumps([entry(place, shown[place], answers[place]) for place in places], protocol=2))
    return path


def scored_in(tmp_path):
    paths = [write_dump(tmp_path / f'{fold}.pkl', places_of(fold)) for fold in (0, 1)]
    dumps = [check_object_dump(path, images_of(), places_of(n), Path('x.json')) for n, path in enumerate(paths)]
    return ScoredObjects.joined(images_of(), FOLDS, dumps)


def test_objects_come_into_the_order_of_the_images(tmp_path):
    scored = scored_in(tmp_path)
    assert scored.objects.labels.tolist() == [label for own in SHOWN for label in own]
    assert scored.objects.predicted.tolist() == [answer for own in ANSWERS for answer in own]
    assert scored.objects.images.tolist() == [0, 0, 2, 2, 2, 3, 4, 4, 5]
    assert scored.remarks == []


def test_what_is_written_is_what_counts(tmp_path):
    scored = scored_in(tmp_path)
    found = scored.pooled(2)
    # a and c are in the images of the first fold alone, whose model has seen neither; b is in both folds.
    assert found.unmeasured.tolist() == [0, 2]
    out = tmp_path / 'out'
    out.mkdir()
    dump, history = write_results(scored, found, out)
    entries = pickle.loads(dump.read_bytes())
    assert [one['gt_labels'].tolist() for one in entries] == [[1], [], [], [1], [], [1]]
    assert [one['img_path'] for one in entries] == [f'root/{name}' for name in NAMES]
    np.testing.assert_array_equal(entries[3]['gt_bboxes'], entry(3, (1,), (1,))['gt_bboxes'])
    assert entries[0]['bboxes'].dtype == np.float32
    assert np.isnan(entries[0]['scores']).all()
    kept = read_history(history)
    assert kept.header.train_counts == [4, 3, 2]
    assert kept.header.train_images == [3, 3, 2]
    (record,) = kept.records
    assert record.source == 'cross-fit'
    assert (record.num_clips, record.num_correct) == ([0, 3, 0], [0, 1, 0])
    assert record.difficulty == pytest.approx([2 / 3, (2 + 5 * 2 / 3) / 8, 2 / 3])
    assert {name: record.metrics[f'obj/{name}'] for name in ('top1', 'missed', 'confused')} == pytest.approx(
        dict.fromkeys(('top1', 'missed', 'confused'), 1 / 3)
    )
    insight = report_on(out)
    assert insight.split == 'cross-fit'
    said = ' '.join(remarks_on(found, CLASSES))
    assert 'counted with 5 more objects of the mean difficulty, 0.667' in said
    assert 'all objects of such a class are in one fold' in said
    assert 'a, c. They take the mean difficulty, and 6 objects are left out' in said


@pytest.mark.parametrize(
    ('places', 'changes', 'fault'),
    [
        ([0, 2], {}, r'other images \(2\)'),
        ([0, 4, 2], {}, r'other images \(3\)'),
        ([0, 2, 4], {'shown': ((0, 2), *SHOWN[1:])}, r'other objects \(7\)'),
        ([0, 2, 4], {'shown': ((1, 1), *SHOWN[1:])}, r'other objects \(7\)'),
    ],
)
def test_a_dump_of_others_is_refused(tmp_path, places, changes, fault):
    path = write_dump(tmp_path / 'x.pkl', places, **changes)
    with pytest.raises(ValueError, match=rf'x.pkl has {fault} than x.json: remove it'):
        check_object_dump(path, images_of(), places_of(0), Path('x.json'))


def test_an_object_that_the_loading_ignores_is_missing_from_the_dump_and_counted(tmp_path):
    shown, answers = ((1,), *SHOWN[1:]), ((3,), *ANSWERS[1:])
    paths = [write_dump(tmp_path / f'{fold}.pkl', places_of(fold), shown, answers) for fold in (0, 1)]
    dumps = [check_object_dump(path, images_of(), places_of(n), Path('x.json')) for n, path in enumerate(paths)]
    (said,) = ScoredObjects.joined(images_of(), FOLDS, dumps).remarks
    assert said.startswith('1 object was not scored, since the test pipeline ignores them')


def plan_of(images, **changes):
    options = {'num_folds': 2, 'group': None, 'groups': None, 'seed': 0, 'processes': 1}
    return make_plan(images, {'model': 'x'}, **{**options, **changes})


def test_a_plan_of_images_is_read_as_it_was_written_and_says_what_differs(tmp_path):
    plan = plan_of(images_of())
    found = read_plan(write_plan(plan, tmp_path))
    assert isinstance(found, Plan)
    assert plan.differences(found) == []
    assert found.images.tolist() == plan.images.tolist()
    # The order of the objects in an image says nothing.
    assert plan_of(images_of(((1, 0), *SHOWN[1:]))).differences(found) == []
    assert plan_of(images_of(((1, 1), *SHOWN[1:]))).differences(found) == ['the training list (6 images there, 6 now)']
    assert plan_of(images_of(content='y')).differences(found) == [
        'the annotations, in what they say beside the classes of objects, as boxes and masks'
    ]


def test_a_plan_with_a_label_that_is_none_is_refused(tmp_path):
    path = write_plan(plan_of(images_of()), tmp_path)
    path.write_text(path.read_text().replace('"labels": []', '"labels": [-1]'))
    with pytest.raises(ValueError, match=r'images\[1\]: labels'):
        read_plan(path)


def test_images_that_the_filter_leaves_out_are_remarked_on():
    (said,) = images_of().remarks
    assert said.startswith('1 of the 7 images of train.json are left out by the filter')
