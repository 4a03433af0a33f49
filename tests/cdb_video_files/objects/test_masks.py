"""Masks as run lengths and as outlines: cases by hand, there and back, damage; beside pycocotools where it is."""

import numpy as np
import pytest

from cdb_video_files.objects.outlines import outlines
from cdb_video_files.objects.run_lengths import RunLengthError, bounds_of_runs, decode_runs, encode_runs, read_runs


def mask_of(*rows):
    return np.array([[mark == '#' for mark in row] for row in rows])


def filled(polygons, shape):
    """The pixels of polygons along pixel edges: each vertical edge turns over all that lies to its right."""
    mask = np.zeros(shape, int)
    for polygon in polygons:
        for (x, y), (next_x, next_y) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if x == next_x:
                mask[min(y, next_y) : max(y, next_y), x:] += 1 if next_y < y else -1
    return mask


def random_masks():
    rng = np.random.default_rng(0)
    for _ in range(200):
        yield rng.random(rng.integers(1, 9, 2)) < rng.uniform(0.2, 0.95)


RING = mask_of('.....', '.###.', '.#.#.', '.###.', '.....')


def test_runs_go_down_the_columns_and_begin_with_the_background():
    assert encode_runs(mask_of('.#', '##')) == {'size': [2, 2], 'counts': [1, 3]}
    assert encode_runs(mask_of('##', '.#')) == {'size': [2, 2], 'counts': [0, 1, 1, 2]}
    assert encode_runs(mask_of('...')) == {'size': [1, 3], 'counts': [3]}


def test_runs_give_the_mask_and_its_ends_back():
    for mask in random_masks():
        runs, height, width = read_runs(encode_runs(mask))
        np.testing.assert_array_equal(decode_runs(runs, height, width), mask)
        rows, columns = np.nonzero(mask)
        ends = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if mask.any() else None
        assert bounds_of_runs(runs, height) == ends


def test_a_packed_text_is_read():
    # By hand, five bits a character from 48 on: 6 and 1; of 40 the lower bits 8, with 32 since more follow, and 1; then
    # 2, by which 3 is more than the second run.
    assert read_runs({'size': [5, 10], 'counts': '61X12'})[0] == [6, 1, 40, 3]
    # 1 is less than the second run by 2, which is 30 with the sign in five bits.
    assert read_runs({'size': [2, 5], 'counts': '135N'})[0] == [1, 3, 5, 1]


@pytest.mark.parametrize(
    ('segmentation', 'why'),
    [
        ('61X12', 'no size and counts'),
        ({'counts': [4]}, 'no size and counts'),
        ({'size': [2], 'counts': [4]}, r'size is \[2\], not \[height, width\]'),
        ({'size': [2, 0], 'counts': [0]}, 'size is'),
        ({'size': [2, 2], 'counts': [1, -1, 4]}, 'something else than whole numbers'),
        ({'size': [2, 2], 'counts': [1, 1.5, 1.5]}, 'something else than whole numbers'),
        ({'size': [2, 2], 'counts': None}, 'something else than whole numbers'),
        ({'size': [2, 2], 'counts': [1, 2]}, 'counts has 3 pixels, not the 4 of 2x2'),
        ({'size': [5, 10], 'counts': '61X'}, 'cut off'),
        ({'size': [5, 10], 'counts': '61é'}, "the character 'é'"),
    ],
)
def test_what_are_no_runs_is_said(segmentation, why):
    with pytest.raises(RunLengthError, match=why):
        read_runs(segmentation)


def test_outlines_run_along_the_edges_of_pixels():
    assert outlines(mask_of('...', '.#.')) == [[(1, 1), (2, 1), (2, 2), (1, 2)]]
    assert outlines(mask_of('##', '#.')) == [[(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]]
    assert outlines(mask_of('..', '..')) == []


def test_pixels_that_touch_at_a_corner_are_polygons_of_their_own():
    assert sorted(outlines(mask_of('#.', '.#'))) == [
        [(0, 0), (1, 0), (1, 1), (0, 1)],
        [(1, 1), (2, 1), (2, 2), (1, 2)],
    ]


def test_a_hole_is_cut_through():
    assert sorted(outlines(RING)) == [
        [(1, 1), (2, 1), (2, 4), (1, 4)],
        [(2, 1), (4, 1), (4, 4), (2, 4), (2, 3), (3, 3), (3, 2), (2, 2)],
    ]


def test_outlines_cover_each_pixel_of_a_mask_once_and_no_other():
    for mask in [RING, np.ones((3, 4), bool), *random_masks()]:
        np.testing.assert_array_equal(filled(outlines(mask), mask.shape), mask)


# pycocotools hands out arrays in the way of numpy 1.
@pytest.mark.filterwarnings('ignore:__array__ implementation:DeprecationWarning')
def test_pycocotools_reads_both_as_the_same_pixels():
    coco = pytest.importorskip('pycocotools.mask')
    for mask in filter(np.any, random_masks()):
        height, width = mask.shape
        polygons = [[side for corner in corners for side in corner] for corners in outlines(mask)]
        packed = coco.frPyObjects(encode_runs(mask), height, width)
        np.testing.assert_array_equal(coco.decode(packed), mask)
        np.testing.assert_array_equal(coco.decode(coco.merge(coco.frPyObjects(polygons, height, width))), mask)
        found = read_runs({'size': packed['size'], 'counts': packed['counts'].decode()})
        assert found == read_runs(encode_runs(mask))
