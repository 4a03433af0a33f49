"""What a detector calls the objects of an image, against sets of pixels and exact fractions."""

import numpy as np
import pytest

from cdb_video.metrics.object_answers import box_ious, object_answers
from tests.support.object_images import pixels_of, random_image, slow_rows

MISSED = 7


def answers_of(image, **options):
    """The rows of an image as `slow_rows` has them."""
    kept = ~image['ignored']
    ious = box_ious(image['boxes'][kept], image['detections'])
    answers = object_answers(ious, image['scores'], image['names'], missed=MISSED, **options)
    return list(zip(image['labels'][kept].tolist(), answers.tolist(), strict=True))


def test_a_case_by_hand():
    boxes = [[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]]
    detections = [[0, 0, 10, 9], [0, 0, 10, 6], [20, 0, 25, 10], [20, 0, 24, 10], [0, 0, 10, 9]]
    ious = box_ious(boxes, detections)
    assert ious.tolist() == [[0.9, 0.6, 0, 0, 0.9], [0, 0, 0.5, 0.4, 0], [0] * 5]
    # The first object: 0.8 twice, the first counts; the second: exactly half is enough, 0.4 is not; the third: missed.
    answers = object_answers(ious, np.array([0.3, 0.8, 0.2, 0.9, 0.8]), np.array([4, 2, 5, 1, 3]), missed=MISSED)
    assert answers.tolist() == [2, 5, 7]
    assert answers.dtype == np.int64


def test_a_thousand_random_images_equal_the_slow_count():
    rng = np.random.default_rng(0)
    images = [random_image(rng, MISSED) for _ in range(1000)]
    actual, expected = [answers_of(image) for image in images], [slow_rows(image, missed=MISSED) for image in images]
    assert actual == expected
    found = [answer for rows in expected for _, answer in rows]
    assert 500 < sum(answer == MISSED for answer in found) < len(found) - 500
    kinds = {(bool(len(image['labels'])), bool(len(image['scores']))) for image in images}
    assert kinds == {(False, False), (False, True), (True, False), (True, True)}


@pytest.mark.parametrize('threshold', [0.1, 0.75, 1.0])
def test_another_threshold_counts_too(threshold):
    from fractions import Fraction

    rng = np.random.default_rng(1)
    for _ in range(100):
        image = random_image(rng, MISSED)
        exact = Fraction(threshold).limit_denominator(100)
        assert answers_of(image, iou_thr=threshold) == slow_rows(image, missed=MISSED, threshold=exact)


def test_ties_of_scores_go_to_the_first_whatever_the_overlap():
    ious = np.array([[0.6, 0.9, 0.7]])
    for order in ([0, 1, 2], [2, 1, 0]):
        names = np.array([0, 1, 2])[order]
        assert object_answers(ious[:, order], np.zeros(3), names, missed=9).tolist() == [names[0]]


def test_without_detections_all_is_missed_and_without_objects_there_is_no_answer():
    nothing = np.zeros(0)
    assert object_answers(np.zeros((2, 0)), nothing, nothing.astype(int), missed=5).tolist() == [5, 5]
    assert object_answers(np.zeros((0, 1)), np.ones(1), np.array([3]), missed=5).tolist() == []


def test_an_order_of_the_objects_changes_nothing():
    rng = np.random.default_rng(2)
    image = random_image(rng, MISSED, max_objects=40)
    order = rng.permutation(len(image['labels']))
    turned = image | {key: image[key][order] for key in ('boxes', 'labels', 'ignored')}
    assert sorted(answers_of(turned)) == sorted(answers_of(image))


def test_overlaps_equal_those_of_sets_of_pixels_and_empty_boxes_overlap_nothing():
    rng = np.random.default_rng(3)
    image = random_image(rng, MISSED, max_objects=30, max_detections=30)
    ious = box_ious(image['boxes'], image['detections'])
    for box, row in zip(image['boxes'], ious, strict=True):
        for other, iou in zip(image['detections'], row, strict=True):
            own, its = pixels_of(box), pixels_of(other)
            assert iou == pytest.approx(len(own & its) / len(own | its) if own | its else 0, abs=1e-12)
    assert box_ious([[5, 5, 5, 9], [9, 9, 2, 2]], [[5, 5, 5, 9], [0, 0, 9, 9]]).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ('ious', 'scores', 'names', 'message'),
    [
        (np.zeros((1, 2)), np.zeros(3), np.zeros(3, int), r'ious \(1, 2\), scores \(3,\), names \(3,\)'),
        (np.zeros(2), np.zeros(2), np.zeros(2, int), r'ious \(2,\)'),
        (np.zeros((1, 2)), np.array([0.5, np.nan]), np.zeros(2, int), 'the scores of 1 of 2 detections are NaN'),
    ],
)
def test_what_does_not_fit_is_refused(ious, scores, names, message):
    with pytest.raises(ValueError, match=message):
        object_answers(ious, scores, names, missed=3)


def test_boxes_must_have_four_finite_numbers():
    with pytest.raises(ValueError, match=r'boxes have the shape \(1, 5\): must be \(M, 4\)'):
        box_ious(np.zeros((1, 5)), np.zeros((0, 4)))
    with pytest.raises(ValueError, match=r'others hold \[0.0, 0.0, inf, 1.0\]: must be finite'):
        box_ious(np.zeros((1, 4)), [[0, 0, 1, 1], [0, 0, np.inf, 1]])
