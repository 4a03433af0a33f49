"""LVIS labels no image completely, which ObjectAccuracy does not mind; and the mend of what evaluates LVIS."""

import json

import pytest
import torch
from mmengine.registry import DATASETS, METRICS

import cdb_video  # noqa: F401  registers the metric
from cdb_video.hosts.host import applied_mends
from cdb_video.hosts.mmdet import HOST, mends
from tests.support.shapes import CLASSES, SIDE, annotation, image_entry, lvis_document

RED, GREEN, BLUE = range(3)
LISTS = [
    {},
    {'negative': [3], 'not_exhaustive': []},
    {'negative': [], 'not_exhaustive': [1, 2]},
    {'negative': [3], 'not_exhaustive': [1]},
]


def document(**lists):
    """Two images: one shows a red and a green object, the other nothing that is labelled."""
    images = [image_entry(1, '1.png', **lists), image_entry(2, '2.png', **lists)]
    objects = [annotation(1, 1, RED, [0, 0, 10, 10]), annotation(2, 1, GREEN, [20, 20, 10, 10])]
    return lvis_document(images, objects)


def samples(folder, content):
    """Both images as LVISV1Dataset loads them, with detections: of the objects and of what nobody has labelled."""
    import cv2
    import numpy as np

    from tests.support.mmcv_operators import stand_in

    assert stand_in()
    (folder / 'lvis.json').write_text(json.dumps(content))
    for name in ('1.png', '2.png'):
        cv2.imwrite(str(folder / name), np.zeros((SIDE, SIDE, 3), np.uint8))
    pipeline = [
        {'type': 'mmcv.LoadImageFromFile'},
        {'type': 'mmdet.LoadAnnotations', 'with_bbox': True, 'with_mask': True},
        {'type': 'mmdet.PackDetInputs'},
    ]
    import mmdet.datasets  # noqa: F401  registers it

    dataset = DATASETS.build(
        {
            'type': 'mmdet.LVISV1Dataset',
            'data_root': str(folder),
            'ann_file': 'lvis.json',
            'data_prefix': {'img': ''},
            'metainfo': {'classes': CLASSES},
            'pipeline': pipeline,
            'test_mode': True,
        }
    )
    loaded = [dataset[index]['data_samples'].to_dict() for index in range(2)]
    for made in loaded:
        made['pred_instances'] = {
            'bboxes': torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 60, 60], [40, 0, 60, 20]]),
            'labels': torch.tensor([RED, GREEN, BLUE, RED]),
            'scores': torch.tensor([0.8, 0.7, 0.9, 0.95]),
        }
    return loaded


@pytest.fixture
def found(tmp_path):
    """What both metrics return, by the lists of the images."""
    by_lists = {}
    for number, lists in enumerate(LISTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        loaded = samples(folder, document(**lists))
        objects = METRICS.build({'type': 'ObjectAccuracy'})
        objects.dataset_meta = {'classes': CLASSES}
        lvis = METRICS.build({'type': 'mmdet.LVISMetric', 'ann_file': str(folder / 'lvis.json')})
        for metric in (objects, lvis):
            metric.process(None, loaded)
        by_lists[number] = objects.evaluate(2), lvis.evaluate(2)
    return by_lists


def test_lists_of_classes_that_are_absent_or_not_all_labelled_change_nothing(found):
    assert {len(LISTS)} == {len(found)}
    assert all(objects == found[0][0] for objects, _ in found.values())
    assert found[0][0]['obj/top1'] == 1
    # What ObjectAccuracy does not depend on, LVISMetric does: a red object that nobody labelled is a mistake or none.
    precisions = [lvis['lvis/bbox_AP'] for _, lvis in found.values()]
    assert len(set(precisions)) > 1
    assert 'give_lvis_its_float' in applied_mends()


class Part:
    """A set of the first image alone."""

    def __len__(self):
        return 1

    def get_data_info(self, index):
        return {'img_id': 1}


def test_a_part_of_the_images_is_evaluated_as_a_file_that_has_no_others(tmp_path):
    content = document()
    content['annotations'].append(annotation(3, 2, RED, [0, 0, 10, 10]))
    loaded = samples(tmp_path, content)[:1]
    content['images'], content['annotations'] = content['images'][:1], content['annotations'][:2]
    (tmp_path / 'part.json').write_text(json.dumps(content))
    results = []
    for name in ('lvis', 'part', 'lvis'):
        metric = METRICS.build({'type': 'mmdet.LVISMetric', 'ann_file': str(tmp_path / f'{name}.json')})
        metric.dataset_meta = {'classes': CLASSES}
        if not results:
            HOST.evaluate_on(metric, Part())
        metric.process(None, loaded)
        results.append(metric.evaluate(1))
    of_the_part, of_its_file, of_all = results
    assert of_the_part == of_its_file
    assert of_all['lvis/bbox_AP'] < of_the_part['lvis/bbox_AP']  # the other image's object counts as missed


def test_detections_of_what_nobody_labelled_change_nothing(tmp_path):
    loaded = samples(tmp_path, document())
    results = []
    for kept in (4, 2):  # with and without them
        metric = METRICS.build({'type': 'ObjectAccuracy', 'num_classes': 3})
        for made in loaded:
            cut = {key: value[:kept] for key, value in made['pred_instances'].items()}
            metric.process(None, [{**made, 'pred_instances': cut}])
        results.append(metric.evaluate(2))
    assert results[0] == results[1]


def test_the_mend_of_lvis_looks_for_its_fault_and_mends_once(monkeypatch):
    import lvis.eval
    import numpy as np

    assert mends.give_lvis_its_float()
    mended = lvis.eval.np
    assert mends.give_lvis_its_float()
    assert lvis.eval.np is mended
    assert mended.cumsum([1, 2]).astype(dtype=mended.float).tolist() == [1.0, 3.0]
    with pytest.raises(AttributeError, match='float'):
        _ = np.float
    monkeypatch.setattr(mends, '_eval_text', lambda: 'astype(dtype=float)')
    assert not mends.give_lvis_its_float()
    monkeypatch.undo()
    monkeypatch.setattr(np, 'float', float, raising=False)
    assert not mends.give_lvis_its_float()


def test_without_the_mend_lvis_fails_with_this_numpy(monkeypatch, tmp_path):
    import lvis.eval
    import numpy as np

    loaded = samples(tmp_path, document())
    options = {'ann_file': str(tmp_path / 'lvis.json'), 'outfile_prefix': str(tmp_path / 'found')}
    metric = METRICS.build({'type': 'mmdet.LVISMetric', **options})
    metric.process(None, loaded)
    monkeypatch.setattr(lvis.eval, 'np', np)
    with pytest.raises(AttributeError, match="no attribute 'float'"):
        metric.evaluate(2)
