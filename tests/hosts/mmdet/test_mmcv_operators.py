"""The stand-in for mmcv's operators against a slow nms, torchvision's own RoIAlign in Python, and a loop."""

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

NO_LOADER = 'mmcv_full_available() asks for a module with a loader'


def random_boxes(number, side, seed, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(number, 2, generator=generator, dtype=dtype) * side * 0.8
    extent = torch.rand(number, 2, generator=generator, dtype=dtype) * side * 0.4 + 0.5
    return torch.cat([low, low + extent], dim=1)


def slow_nms(boxes, scores, threshold, offset):
    """By comparing each box with all that stay before it, the first of equal scores first."""
    kept = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(slow_iou(boxes[index], boxes[other], offset) <= threshold for other in kept):
            kept.append(index)
    return kept


def slow_iou(one, other, offset):
    sides = [min(one[k + 2], other[k + 2]) - max(one[k], other[k]) + offset for k in (0, 1)]
    common = max(0, sides[0]) * max(0, sides[1])
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (one, other)]
    return common / (sum(areas) - common)


@pytest.mark.parametrize(('offset', 'threshold'), [*itertools.product([0, 1], [0.2, 0.5, 0.7])])
def test_nms_equals_the_slow_one_with_ties_of_scores(offset, threshold):
    from mmcv.ops import nms

    for seed in range(20):
        boxes = random_boxes(30, 40, seed, torch.float64)
        scores = torch.randint(0, 6, (30,), generator=torch.Generator().manual_seed(seed)).double() / 6
        found, kept = nms(boxes, scores, threshold, offset=offset)
        assert kept.tolist() == slow_nms(boxes.tolist(), scores.tolist(), threshold, offset)
        assert_close(found, torch.cat([boxes, scores[:, None]], dim=1)[kept], rtol=0, atol=0)


def test_nms_of_a_case_by_hand_and_of_nothing():
    from mmcv.ops import nms

    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 6], [50, 50, 60, 60]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    assert nms(boxes, scores, 0.5)[1].tolist() == [0, 1, 3]  # exactly the threshold stays, 0.6 does not
    assert nms(boxes, scores, 0.4)[1].tolist() == [0, 3]
    assert nms(boxes[:0], scores[:0], 0.5)[1].tolist() == []


@pytest.mark.parametrize('is_agnostic', [False, True])
def test_batched_nms_keeps_classes_apart_unless_it_is_told_not_to(is_agnostic):
    from mmcv.ops import batched_nms

    boxes, classes = random_boxes(40, 40, 3, torch.float64), torch.arange(40) % 3
    scores = torch.rand(40, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    kept = batched_nms(boxes, scores, classes, {'type': 'nms', 'iou_threshold': 0.4}, class_agnostic=is_agnostic)[1]
    groups = [range(40)] if is_agnostic else [[i for i in range(40) if i % 3 == label] for label in range(3)]
    expected = [group[i] for group in groups for i in slow_nms(boxes[group].tolist(), scores[group].tolist(), 0.4, 0)]
    assert kept.tolist() == sorted(expected, key=lambda i: -scores[i])
    assert 0 < len(kept) < 40


def regions(number, images, seed, side, dtype=torch.float32):
    image = torch.randint(0, images, (number, 1), generator=torch.Generator().manual_seed(seed)).to(dtype)
    return torch.cat([image, random_boxes(number, side, seed, dtype)], dim=1)


@pytest.mark.parametrize(
    ('ratio', 'aligned', 'scale', 'size'),
    [*itertools.product([0, 2, 3], [True, False], [0.25], [(7, 7)]), (0, True, 1.0, (3, 5)), (2, True, 0.5, (1, 1))],
)
def test_roi_align_equals_torchvision_s_own_form_value_and_gradient(ratio, aligned, scale, size):
    from mmcv.ops import RoIAlign
    from torchvision.ops.roi_align import _roi_align

    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 12, 15, generator=generator, requires_grad=True)
    rois = regions(20, 3, 1, 11 / scale)  # inside of the image
    actual = RoIAlign(size, scale, ratio, aligned=aligned)(features, rois)
    other = features.detach().clone().requires_grad_()
    expected = _roi_align(other, rois, scale, *size, ratio if ratio > 0 else -1, aligned)
    assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    toward = torch.randn(actual.shape, generator=generator)
    for pooled in (actual, expected):
        (pooled * toward).sum().backward()
    assert features.grad.abs().sum() > 0
    assert_close(features.grad, other.grad, rtol=1e-4, atol=1e-4)


def slow_roi_align(features, roi, size, scale, ratio, aligned):
    """One sample after the other, as the comments of mmcv's kernel say; also outside of the image."""
    image, (x1, y1, x2, y2) = features[int(roi[0])], [value * scale - 0.5 * aligned for value in roi[1:].tolist()]
    width, height = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
    rows, columns = (ratio, ratio) if ratio else (math.ceil(height / size[0]), math.ceil(width / size[1]))
    out = features.new_zeros(features.shape[1], *size)
    for p, q in itertools.product(*map(range, size)):
        for i, j in itertools.product(range(rows), range(columns)):
            y = y1 + height / size[0] * (p + (i + 0.5) / rows)
            x = x1 + width / size[1] * (q + (j + 0.5) / columns)
            out[:, p, q] += slow_sample(image, y, x) / max(rows * columns, 1)
    return out


def slow_sample(image, y, x):
    height, width = image.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return image.new_zeros(len(image))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    low_y, low_x = int(y), int(x)
    high_y, high_x = min(low_y + 1, height - 1), min(low_x + 1, width - 1)
    top = image[:, low_y, low_x] * (1 - x + low_x) + image[:, low_y, high_x] * (x - low_x)
    bottom = image[:, high_y, low_x] * (1 - x + low_x) + image[:, high_y, high_x] * (x - low_x)
    return top * (1 - y + low_y) + bottom * (y - low_y)


@pytest.mark.parametrize(('ratio', 'aligned'), [*itertools.product([0, 2], [True, False])])
def test_roi_align_equals_a_loop_outside_of_the_image_too(ratio, aligned):
    from mmcv.ops import RoIAlign

    features = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rois = regions(12, 2, 4, 30, torch.float64)
    rois[:, 1:] -= 6
    rois[0, 1:] = torch.tensor([3.0, 3.0, 3.0, 3.0])  # of no extent
    actual = RoIAlign((3, 2), 0.5, ratio, aligned=aligned)(features, rois)
    expected = torch.stack([slow_roi_align(features, roi, (3, 2), 0.5, ratio, aligned) for roi in rois])
    assert_close(actual, expected, rtol=1e-9, atol=1e-9)
    assert (actual == 0).any()


def test_the_gradient_of_roi_align_is_that_of_numerical_differences():
    from mmcv.ops import roi_align

    features = torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    rois = regions(3, 2, 6, 5, torch.float64)
    assert torch.autograd.gradcheck(
        lambda at: roi_align(at, rois, (2, 2), 1.0, 2, 'avg', True), [features.requires_grad_()]
    )


def test_without_regions_there_is_an_empty_result_and_no_gradient():
    from mmcv.ops import RoIAlign

    features = torch.ones(1, 2, 4, 4, requires_grad=True)
    pooled = RoIAlign((2, 2))(features, torch.zeros(0, 5))
    assert pooled.shape == (0, 2, 2, 2)
    pooled.sum().backward()
    assert_close(features.grad, torch.zeros(1, 2, 4, 4))


def test_other_operators_refuse_and_mmengine_takes_none_for_granted():
    from mmcv.ops import RoIAlign, sigmoid_focal_loss
    from mmengine.model.utils import mmcv_full_available

    from tests.support import mmcv_operators

    assert mmcv_operators.stand_in()
    assert not mmcv_full_available(), NO_LOADER
    with pytest.raises(NotImplementedError, match='sigmoid_focal_loss_forward: this stand-in'):
        sigmoid_focal_loss(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
    with pytest.raises(NotImplementedError, match='pool_mode=0: this stand-in of RoIAlign has the mean alone'):
        RoIAlign((2, 2), pool_mode='max')(torch.ones(1, 1, 4, 4), torch.tensor([[0.0, 0, 0, 2, 2]]))
