"""The drawn shapes: class sizes, what stands in which picture, what the annotations say, what is drawn."""

import cv2
import numpy as np
import pytest
from prep.long_tail.profiles import OrderError, class_sizes, largest_within
from prep.shapes.annotations import category_entries, frequency, object_entry, objects_of
from prep.shapes.kinds import ALIKE, KINDS, draw_outlines
from prep.shapes.plan import EMPTY, NUM_CLASSES, Options, Picture, ShapesError, deal, make_plan
from prep.shapes.scene import LEAST_SEEN, draw_scene, fill, seen_of

BALANCED = ('val', 'test')


def test_the_largest_class_within_a_total_is_the_largest():
    for total, imbalance in ((720, 50.0), (100, 1.0), (37, 8.0), (12, 50.0)):
        largest = largest_within(total, 12, imbalance)
        assert sum(class_sizes('exponential', 12, largest, imbalance)) <= total
        assert sum(class_sizes('exponential', 12, largest + 1, imbalance)) > total
    assert largest_within(100, 12, 1) == 8
    assert largest_within(11, 12, 50) == 0


def test_training_falls_by_the_profile_in_the_order_of_the_classes_and_the_others_are_balanced():
    options = Options(images=(100, 40, 20), imbalance=20.0, order=4)
    plan = make_plan(options)
    counts = {part: objects_of(pictures) for part, pictures in plan.parts.items()}
    assert plan.order != list(range(12))
    assert [counts['train'][label] for label in plan.order] == class_sizes(
        'exponential', 12, largest_within(300, 12, 20), 20
    )
    assert 280 < sum(counts['train']) <= 300
    assert counts['val'] == [10] * 12
    assert counts['test'] == [5] * 12
    natural = make_plan(Options(images=(100, 40, 20), imbalance=20.0, order=4, natural_val=True))
    found = [objects_of(natural.parts['val'])[label] for label in plan.order]
    assert found == class_sizes('exponential', 12, largest_within(120, 12, 20), 20)
    assert found[0] > 10 * found[-1]


def test_balanced_parts_are_the_same_whatever_the_tail():
    plain, other = make_plan(Options()), make_plan(Options(imbalance=5.0, order=7, natural_val=False))
    assert all(plain.parts[part] == other.parts[part] for part in BALANCED)
    assert plain.parts['train'] != other.parts['train']
    assert make_plan(Options(seed=1)).parts['test'] != plain.parts['test']
    assert list(make_plan(Options(images=(240, 0, 0))).parts) == ['train']


def test_all_shapes_are_dealt_and_few_pictures_are_empty():
    sizes = [30, 20, 7, 1]
    dealt = deal(sizes, 40, np.random.default_rng(0))
    assert np.bincount([label for labels in dealt for label in labels]).tolist() == sizes
    shown = [len(labels) for labels in dealt]
    assert shown.count(0) == round(EMPTY * 40) == 2
    assert max(shown) <= 3  # 58 shapes on 38 pictures: twice 2 less 1
    assert sorted(map(len, deal([4, 4, 4], 6, np.random.default_rng(0)))) != [2] * 6


@pytest.mark.parametrize('negatives', [0.0, 0.5, 1.0])
def test_what_is_said_of_classes_beside_the_annotations_holds_in_the_picture(negatives):
    options = Options(negatives=negatives, unlabelled=0.3)
    for pictures in make_plan(options).parts.values():
        twins = strangers = 0
        for picture in pictures:
            drawn = {*picture.labels, *picture.unlabelled}
            assert not drawn & set(picture.negatives)
            assert set(picture.not_exhaustive) == set(picture.labels) & set(picture.unlabelled)
            twins += bool(picture.not_exhaustive)
            strangers += bool(set(picture.unlabelled) - set(picture.labels))
        filled = sum(bool(picture.labels) for picture in pictures)
        assert (twins + strangers, twins - strangers) in [(round(0.3 * filled), odd) for odd in (0, 1)]
        for label in range(NUM_CLASSES):
            without = [p for p in pictures if label not in (*p.labels, *p.unlabelled)]
            assert sum(label in p.negatives for p in without) == round(negatives * len(without))


def test_nothing_is_left_out_where_it_is_not_asked_for():
    for pictures in make_plan(Options(negatives=1.0, unlabelled=0.0)).parts.values():
        for picture in pictures:
            assert picture.unlabelled == picture.not_exhaustive == ()
            assert {*picture.labels, *picture.negatives} == set(range(NUM_CLASSES))


def test_too_few_pictures_and_orders_that_lack_a_class_are_refused():
    with pytest.raises(
        ShapesError, match=r'--val 3 with --objects 3 gives 9 shapes: .*12 classes.*Give --val 4 or more'
    ):
        make_plan(Options(images=(20, 3, 0)))
    assert objects_of(make_plan(Options(images=(20, 4, 0))).parts['val']) == [1] * 12
    with pytest.raises(OrderError, match='--class-order 1,0: of the labels 0 to 11 each'):
        make_plan(Options(order=(1, 0)))


def test_classes_are_called_rare_common_and_frequent_by_training_images_as_in_lvis():
    assert [frequency(images) for images in (1, 10, 11, 100, 101)] == ['r', 'r', 'c', 'c', 'f']
    pictures = [Picture((0, 0, 1)), Picture((0,), unlabelled=(2,))]
    entries = category_entries(pictures, 2)
    assert [entry['id'] for entry in entries] == list(range(1, 24, 2))
    assert [(entry['image_count'], entry['instance_count']) for entry in entries[:3]] == [(2, 3), (1, 1), (0, 0)]


def test_shapes_lie_in_the_picture_and_stay_to_be_seen():
    for seed in range(6):
        labels = np.random.default_rng(seed).integers(0, 12, 7).tolist()
        scene = draw_scene(labels, 96, np.random.default_rng(seed))
        assert scene.image.shape == (96, 96, 3)
        assert len(scene.seen) == 7
        assert np.sum(scene.seen, axis=0).max() == 1  # a pixel shows one shape
        for mask in scene.seen:
            assert not mask[[0, -1]].any()
            assert not mask[:, [0, -1]].any()
            assert mask.sum() > 20
            # Another brightness than all around, but for a few pixels of noise.
            around = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7))).astype(bool) & ~np.any(scene.seen, axis=0)
            inside, outside = (scene.image[place].mean() for place in (mask, around))
            assert abs(inside - outside) > 15
    assert draw_scene([], 96, np.random.default_rng(0)).seen == []


def test_a_crowd_is_drawn_smaller_until_it_has_room():
    scene = draw_scene([0] * 30, 96, np.random.default_rng(0))
    assert len(scene.seen) == 30  # which as large as usual would need one and a half times the picture
    assert min(mask.sum() for mask in scene.seen) > 20


def test_later_shapes_cover_earlier_ones():
    below, above = np.zeros((2, 1, 4), bool)
    below[0, :3] = above[0, 2:] = True
    assert [mask.tolist() for mask in seen_of([below, above])] == [[[True, True, False, False]], above.tolist()]
    assert LEAST_SEEN > 0.5


def test_boxes_and_areas_are_those_of_the_pixels_and_both_kinds_of_masks_have_these():
    seen = np.zeros((9, 9), bool)
    seen[2:5, 3:8] = True
    seen[3, 5] = False
    polygon, runs = (object_entry(7, 5, 2, seen, Options(masks=masks)) for masks in ('polygon', 'rle'))
    assert (polygon['id'], polygon['image_id'], polygon['category_id']) == (7, 5, 3)
    assert (polygon['bbox'], polygon['area']) == ([3, 2, 5, 3], 14)
    assert len(polygon['segmentation']) == 2  # cut through the hole
    assert all(len(corners) % 2 == 0 for corners in polygon['segmentation'])
    assert runs['segmentation']['size'] == [9, 9]
    assert sum(runs['segmentation']['counts'][1::2]) == 14
    assert {**polygon, 'segmentation': 0} == {**runs, 'segmentation': 0}


def crops(number, seed):
    """(12 number, 400) shapes alone, cut out and shrunk, and their labels."""
    rng = np.random.default_rng(seed)
    images = []
    for kind in KINDS:
        for _ in range(number):
            mask = fill([points * rng.uniform(12, 22) + 24 for points in draw_outlines(kind, rng)], 48)
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
            images.append(cv2.resize(cut, (20, 20), interpolation=cv2.INTER_AREA).ravel())
    return np.array(images), np.repeat(np.arange(len(KINDS)), number)


def test_alike_classes_are_taken_for_each_other_though_there_are_as_many_of_each():
    known, answers = crops(30, seed=0)
    asked, right = crops(15, seed=1)
    distances = (known**2).sum(axis=1) - 2 * asked @ known.T  # but for what all have alike
    said = answers[distances.argmin(axis=1)]
    names = [kind.name for kind in KINDS]
    pairs = {tuple(sorted(map(names.index, pair))) for pair in ALIKE}
    mistakes = [tuple(sorted(pair)) for pair in zip(said.tolist(), right.tolist(), strict=True) if pair[0] != pair[1]]
    assert len(mistakes) >= 8
    assert sum(pair in pairs for pair in mistakes) >= 0.8 * len(mistakes)


def test_hard_classes_stand_among_the_first_as_among_the_last():
    places = [[kind.name for kind in KINDS].index(name) for pair in ALIKE for name in pair]
    assert min(places) == 0
    assert max(places) == 11
    assert abs(np.mean(places) - 5.5) < 0.5
    for kind in KINDS:
        for seed in range(20):
            outlines = draw_outlines(kind, np.random.default_rng(seed))
            assert max(np.hypot(*points.T).max() for points in outlines) <= 1 + 1e-9
