"""ObjectAccuracy on samples of mmdet: against a slow count, in several processes, and what it refuses."""

import copy

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS

import cdb_video  # noqa: F401  registers the metric
from tests.support.object_images import SIDE, slow_rows
from tests.support.parallel import in_processes


@pytest.fixture(scope='module')
def support():
    from tests.support import detection_samples

    return detection_samples


@pytest.fixture
def metric():
    """An ObjectAccuracy of three classes, which has evaluated nothing."""
    built = METRICS.build({'type': 'ObjectAccuracy', '_scope_': 'mmdet'})
    built.dataset_meta = {'classes': ('cat', 'dog', 'owl')}
    return built


def sample(boxes, labels, detections, scores, names, **others):
    """A sample as a metric is given it."""
    return {
        'img_path': 'a/b.jpg',
        'gt_instances': {'bboxes': torch.tensor(boxes).reshape(-1, 4), 'labels': torch.tensor(labels)},
        'pred_instances': {
            'bboxes': torch.tensor(detections).reshape(-1, 4),
            'scores': torch.tensor(scores),
            'labels': torch.tensor(names),
        },
        **others,
    }


BOX, FAR = [0.0, 0, 10, 10], [50.0, 50, 60, 60]
RIGHT = sample([BOX], [1], [BOX], [0.9], [1])


def test_a_case_by_hand(metric):
    metric.process(None, [RIGHT, sample([BOX, FAR], [1, 0], [BOX, BOX], [0.5, 0.6], [1, 2])])
    metric.process(None, [sample([], np.zeros(0, int), [BOX], [0.9], [0]), sample([FAR], [2], [FAR], [0.1], [2])])
    assert metric.evaluate(4) == {
        'obj/top1': 0.5,
        'obj/missed': 0.25,
        'obj/confused': 0.25,
        'obj/mean1': 0.5,  # of the classes 0, 1/2 and 1
        'obj/hmean': pytest.approx(3 / (2 / 0.5 + 3 / 1.5 + 2 / 1.5)),
        'obj/worst': 0.0,
    }
    assert metric.counts_.num_clips.tolist() == [1, 2, 1]
    assert metric.counts_.num_correct.tolist() == [0, 1, 1]
    assert metric.counts_.num_predicted.tolist() == [0, 1, 2]
    assert metric.counts_.num_missed.tolist() == [1, 0, 0]
    assert metric.confusion.tolist() == [[0, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize('score_thr', [0.0, 0.5])
def test_a_thousand_random_images_equal_the_slow_count_by_boxes(support, score_thr):
    images = support.random_images(1000, 0)
    _, _, outcomes = support.evaluated(images, score_thr=score_thr)
    rows = [row for image in images for row in slow_rows(image, missed=support.NUM_CLASSES, lowest=score_thr)]
    assert list(zip(*(column.tolist() for column in outcomes), strict=True)) == rows
    assert any(image['ignored'].any() for image in images)


def test_random_images_equal_the_slow_count_by_masks_in_every_form(support):
    images = support.random_images(300, 1)
    rows = [row for image in images for row in support.slow_rows_by_masks(image)]
    for runs in (False, True):
        metric = METRICS.build({'type': 'ObjectAccuracy', 'by': 'segm', 'num_classes': support.NUM_CLASSES})
        metric.process(None, [support.as_sample(image, runs=runs) for image in images])
        metric.evaluate(len(images))
        assert list(zip(*(column.tolist() for column in metric.outcomes_), strict=True)) == rows
    assert 50 < sum(answer == support.NUM_CLASSES for _, answer in rows) < len(rows) - 50


def test_polygons_are_taken_as_the_pixels_in_them(support):
    images = support.random_images(100, 2)
    for image in images:  # objects and detections are whole boxes, as the polygons are
        for masks, boxes in ((image['masks'], image['boxes']), (image['found_masks'], image['detections'])):
            for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
                mask[y1:y2, x1:x2] = 1
    found = {}
    for polygons in (False, True):
        metric = METRICS.build({'type': 'ObjectAccuracy', 'by': 'segm', 'num_classes': support.NUM_CLASSES})
        metric.process(None, [support.as_sample(image, polygons=polygons) for image in images])
        found[polygons] = metric.evaluate(len(images))
    assert found[True] == found[False]


def test_the_scores_of_masks_count_where_masks_are_matched(support):
    one = {'boxes': np.array([[0, 0, 8, 8]]), 'labels': np.array([1]), 'ignored': np.array([False])}
    one |= {'detections': np.array([[0, 0, 8, 8]] * 2), 'scores': np.array([0.9, 0.1]), 'names': np.array([2, 1])}
    whole = np.zeros((1, SIDE, SIDE), np.uint8)
    whole[:, :8, :8] = 1
    made = support.as_sample(one | {'masks': whole, 'found_masks': np.concatenate([whole, whole])})
    made['pred_instances']['mask_scores'] = torch.tensor([0.2, 0.8])
    answers = {}
    for by in ('bbox', 'segm'):
        metric = METRICS.build({'type': 'ObjectAccuracy', 'by': by, 'num_classes': 3})
        metric.process(None, [made])
        metric.evaluate(1)
        answers[by] = metric.outcomes_[1].tolist()
    assert answers == {'bbox': [2], 'segm': [1]}


@pytest.mark.parametrize('number', [13, 3])
def test_one_to_four_processes_find_the_same_whatever_remains(support, number):
    expected = support.evaluated_in_process(0, 1, number, 5, {'by': 'segm'})
    for world_size in (1, 2, 3, 4):
        found = in_processes(world_size, support.evaluated_in_process, world_size, number, 5, {'by': 'segm'})
        assert [one[:2] for one in found] == [expected[:2]] * world_size
        assert found[0][2] == expected[2]


def test_an_error_in_one_process_ends_all(support):
    first, second = in_processes(2, support.fails_in_process, 2)
    assert first[:2] == second[:2]
    assert 'a detection has class' in first[1]
    assert first[2] == ['(raised in process 1)']


def test_images_without_objects_and_without_detections_are_images_too(support):
    images = support.random_images(8, 4)
    for image in images[::2]:
        for key in ('boxes', 'labels', 'ignored', 'masks'):
            image[key] = image[key][:0]
    for image in images[1::4]:
        for key in ('detections', 'scores', 'names', 'found_masks'):
            image[key] = image[key][:0]
    for by in ('bbox', 'segm'):
        _, counts, _ = support.evaluated(images, by=by)
        assert counts.num_clips.sum() == sum((~image['ignored']).sum() for image in images)
        assert counts.num_missed.sum() >= sum((~image['ignored']).sum() for image in images[1::4])


def test_an_evaluation_without_any_object_is_refused(support, metric):
    metric.process(None, [sample([], np.zeros(0, int), [BOX], [0.9], [0])])
    with pytest.raises(ValueError, match='no object was evaluated: either no image'):
        metric.evaluate(1)
    with pytest.raises(ValueError, match='no object was evaluated'):
        metric.evaluate(0)


def without(made, part, key):
    made = copy.deepcopy(made)
    del made[part][key]
    return made


@pytest.mark.parametrize(
    ('by', 'made', 'message'),
    [
        (
            'bbox',
            without(RIGHT, 'gt_instances', 'labels'),
            r'image a/b.jpg: gt_instances has no labels.*with_bbox=True\)',
        ),
        ('bbox', RIGHT | {'gt_instances': {}}, 'gt_instances has no labels and bboxes, so the objects were not loaded'),
        ('segm', RIGHT, r'gt_instances has no masks.*with_mask=True\) behind Resize'),
        ('bbox', sample([BOX], [3], [BOX], [0.9], [1]), 'an object has label 3, and there are 3 classes'),
        ('bbox', sample([BOX], [-1], [BOX], [0.9], [1]), 'an object has label -1, and there are 3 classes'),
        ('bbox', sample([BOX], [1], [BOX], [0.9], [80]), 'a detection has class 80, and there are 3 classes'),
        ('bbox', sample([BOX], [1], [BOX], [np.nan], [1]), 'image a/b.jpg: the scores of 1 of 1 detections are NaN'),
        ('bbox', sample([BOX], [1], [[0.0, 0, np.inf, 1]], [0.5], [1]), r'others hold \[0.0, 0.0, inf, 1.0\]'),
    ],
)
def test_what_cannot_be_counted_is_refused_by_the_name_of_the_image(metric, by, made, message):
    metric.by = by
    with pytest.raises(ValueError, match=message):
        metric.process(None, [made])


def test_masks_of_another_size_and_a_detector_without_masks_are_refused(support):
    images = [image for image in support.random_images(9, 1) if not image['ignored'].all() and len(image['names'])]
    made = support.as_sample(images[0])
    metric = METRICS.build({'type': 'ObjectAccuracy', 'by': 'segm', 'num_classes': support.NUM_CLASSES})
    resized = {**made, 'gt_instances': {**made['gt_instances']}}
    resized['gt_instances']['masks'] = made['gt_instances']['masks'].resize((40, 30))
    with pytest.raises(ValueError, match='masks of the objects are 40 x 30, those of the detections 24 x 24'):
        metric.process(None, [resized])
    with pytest.raises(
        ValueError, match="by='segm' needs masks, and those that the detector finds have bboxes, labels"
    ):
        metric.process(None, [without(made, 'pred_instances', 'masks')])


def test_without_a_class_list_the_number_of_classes_is_asked_for(metric):
    metric.dataset_meta = None
    with pytest.raises(ValueError, match='the dataset has no class list: set num_classes of ObjectAccuracy'):
        metric.process(None, [RIGHT])
    metric.num_classes = 2
    metric.process(None, [RIGHT])
    assert metric.evaluate(1)['obj/top1'] == 1
    assert len(metric.counts_.num_clips) == 2


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'by': 'mask'}, "by='mask': must be 'bbox'"),
        ({'iou_thr': 0}, 'iou_thr=0: must be above 0 and at most 1'),
        ({'iou_thr': 50}, 'iou_thr=50'),
        ({'iou_thr': '0.5'}, "iou_thr='0.5'"),
        ({'score_thr': 1}, 'score_thr=1: must be at least 0 and below 1'),
        ({'shot_thresholds': (100, 10)}, 'shot_thresholds='),
        ({'num_classes': 0}, 'num_classes=0'),
        ({'collect_device': 'disk'}, "collect_device='disk'"),
    ],
)
def test_bad_arguments_are_refused_with_their_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build({'type': 'ObjectAccuracy', **arguments})


def test_shot_groups_are_by_images_and_their_bounds_those_of_lvis(metric):
    metric.set_train_counts([900, 900, 900])  # objects: of no effect
    assert not any('shot' in key for key in metric.result_keys(np.ones(3, np.int64)))
    metric.set_train_images([10, 11, 101])
    announced = metric.result_keys(np.array([0, 1, 1]))
    metric.process(None, [RIGHT, sample([BOX], [2], [BOX], [0.9], [1])])
    found = metric.evaluate(2)
    assert list(found) == announced
    assert {key: value for key, value in found.items() if 'shot' in key} == {'obj/medium_shot': 1, 'obj/many_shot': 0}
    metric.set_train_images([1, 2])
    metric.process(None, [RIGHT])
    with pytest.raises(ValueError, match='the training counts are for 2 classes'):
        metric.evaluate(1)


def test_more_objects_than_the_set_has_are_refused_and_fewer_are_warned_of(metric, caplog):
    metric.set_clip_counts([0, 2, 0])
    metric.process(None, [RIGHT])
    metric.evaluate(1)
    assert '1 of the 2 ' in caplog.text
    metric.process(None, [RIGHT] * 3)
    with pytest.raises(ValueError, match=r'class 1 \(?.*has 2 .* in the evaluated set, and 3 were counted'):
        metric.evaluate(3)


def test_probabilities_are_refused_and_no_key_is_sure(metric):
    metric.keep_probability(False)
    with pytest.raises(ValueError, match="measure='probability' needs the probability of the true class of an object"):
        metric.keep_probability()
    assert metric.sure_keys(1) == []
    with pytest.raises(ValueError, match='no confusion before the first evaluation'):
        _ = metric.confusion
