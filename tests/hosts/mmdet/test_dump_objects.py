"""DumpObjects: the same answers as ObjectAccuracy, with boxes and scores, in a file that a report reads."""

import pytest
from mmengine.registry import METRICS

import cdb_video  # noqa: F401  registers the metric
from cdb_video.report.sources.dump import read_any_dump
from tests.support.parallel import in_processes


@pytest.fixture(scope='module')
def support():
    from tests.support import detection_samples

    return detection_samples


def dumped(support, path, samples, **settings):
    """The file of these samples, read."""
    metric = METRICS.build({'type': 'DumpObjects', 'out_file_path': str(path), '_scope_': 'mmdet', **settings})
    metric.dataset_meta = {'classes': support.CLASSES}
    for start in range(0, len(samples), 3):
        metric.process(None, samples[start : start + 3])
    assert metric.evaluate(len(samples)) == {}
    return read_any_dump(path)


@pytest.mark.parametrize('settings', [{}, {'by': 'segm'}, {'iou_thr': 0.7, 'score_thr': 0.3}])
def test_the_file_has_the_answers_that_the_metric_counts(support, tmp_path, settings):
    images = support.random_images(30, seed=1)
    samples = [support.as_sample(image) for image in images]
    dump = dumped(support, tmp_path / 'x.pkl', samples, **settings)
    _, counts, outcomes = support.evaluated(images, **settings)
    assert dump.labels.tolist() == outcomes[0].tolist()
    assert dump.predicted.tolist() == outcomes[1].tolist()
    assert dump.num_classes == counts.num_classes
    assert dump.is_missed.sum() == counts.num_missed.sum() > 0


def test_the_box_and_score_are_those_of_the_detection_that_answered(support, tmp_path):
    images = support.random_images(30, seed=2)
    dump = dumped(support, tmp_path / 'x.pkl', [support.as_sample(image) for image in images])
    assert dump.image_paths is None, 'these samples have none'
    own = [image['boxes'][~image['ignored']].tolist() for image in images]
    assert dump.boxes.tolist() == [box for boxes in own for box in boxes]
    for index in range(len(dump.labels)):
        image = images[dump.images[index]]
        triples = zip(image['detections'].tolist(), image['scores'], image['names'], strict=True)
        found = (dump.found_boxes[index].tolist(), dump.confidence[index], dump.predicted[index])
        assert dump.is_missed[index] or found in list(triples)


def test_paths_of_images_are_kept(support, tmp_path):
    samples = [support.as_sample(image) | {'img_path': f'a/{n}.png'} for n, image in enumerate(_with_objects(support))]
    dump = dumped(support, tmp_path / 'x.pkl', samples)
    assert dump.image_paths == tuple(f'a/{n}.png' for n in range(len(samples)))
    assert dump.clip_names[0] == '0.png, object 1'


def _with_objects(support):
    return [image for image in support.random_images(20, seed=3) if (~image['ignored']).any()]


def test_a_name_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r'must end in .pkl or .pickle'):
        METRICS.build({'type': 'DumpObjects', 'out_file_path': 'x.json', '_scope_': 'mmdet'})


def test_objects_that_were_not_loaded_are_said(support, tmp_path):
    sample = support.as_sample(_with_objects(support)[0])
    del sample['gt_instances']
    with pytest.raises(ValueError, match='so the objects were not loaded'):
        dumped(support, tmp_path / 'x.pkl', [sample])


def test_processes_write_one_file_in_the_order_of_the_set(support, tmp_path):
    images = support.random_images(7, seed=4)
    whole = dumped(support, tmp_path / 'one.pkl', [support.as_sample(image) for image in images])
    assert in_processes(2, support.dumped_in_process, 2, str(tmp_path / 'two.pkl'), 7, 4) == [{}, {}]
    found = read_any_dump(tmp_path / 'two.pkl')
    for name in ('labels', 'predicted', 'images'):
        assert getattr(found, name).tolist() == getattr(whole, name).tolist()
