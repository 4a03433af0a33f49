"""The benchmark of detection at a tiny size: that both metrics evaluate the same images, and are judged."""

import importlib.util
import sys

import numpy as np
import pytest

from tests.support.benchmark_pages import rows_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec('mmdet') is None, reason='needs mmdet')
on_linux = pytest.mark.skipif(sys.platform != 'linux', reason='peak memory is read as Linux gives it')


@on_linux
@pytest.mark.parametrize('images', [None, 10])
def test_both_metrics_are_measured_on_the_same_images(run, images):
    from benchmarks.detection import object_accuracy_speed

    options = ['--tiny'] if images is None else ['--tiny', '--lvis-images', images]
    status, page, content = run(object_accuracy_speed, 'object_accuracy_speed', *options)
    numbers = content['numbers']
    ours, lvis, ratio = numbers['ObjectAccuracy'], numbers['LVISMetric'], numbers['times_as_fast']
    assert status == (0 if ratio['cpu'] >= object_accuracy_speed.GOAL else 1)
    assert (ours['images'], lvis['images']) == (40, images or 40)
    assert ratio['cpu'] == pytest.approx(lvis['cpu'] / ours['cpu'] * 40 / lvis['images'])
    assert [row[0] for row in rows_of(page)] == ['LVISMetric', 'ObjectAccuracy']
    assert 0.2 < ours['results']['obj/missed'] < 0.5
    assert sum(ours['results'][f'obj/{name}'] for name in ('top1', 'missed', 'confused')) == pytest.approx(1)
    assert 0 < lvis['results']['lvis/bbox_AP'] < 1


def test_the_set_has_the_size_that_is_asked_for_and_its_classes_a_long_tail():
    from benchmarks.detection import object_accuracy_speed as speed

    size = speed.Size(images=50, classes=20, objects=2000, detections=30)
    samples = speed.make_samples(size, 0)
    assert len(samples) == 50
    assert all(len(sample['pred_instances']['scores']) == 30 for sample in samples)
    counts = np.bincount(np.concatenate([sample['gt_instances']['labels'] for sample in samples]), minlength=20)
    assert counts.sum() == 2000
    assert counts[0] > 10 * counts[-1]
    assert all((np.diff(sample['pred_instances']['scores']) <= 0).all() for sample in samples)
