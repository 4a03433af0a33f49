"""The words of a host: whose they are, and that messages, tables and pages take them."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from cdb_video.host_words import DETECTION, IMAGES, VIDEO, sample, samples, speaking, units, worded, words_now
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.report.class_report.rows import class_rows
from cdb_video.report.class_report.text import format_table
from cdb_video.report.sources.run_config import words_of_run
from cdb_video.run.parts import consumer_recipe, metric_recipe


@pytest.mark.parametrize(
    ('scope', 'words'),
    [(None, VIDEO), ('mmengine', VIDEO), ('mmaction', VIDEO), ('mmpretrain', IMAGES), ('mmdet', DETECTION)],
)
def test_the_words_are_those_of_the_host_whose_scope_is_at_work(scope, words):
    if scope is not None:
        DefaultScope.get_instance('words', scope_name=scope)
    assert words_now() is words


def test_who_speaks_of_a_run_takes_its_words_and_drops_them_even_after_an_error():
    with speaking(IMAGES), speaking(None):
        assert (sample(), samples(), worded('{sample} {samples} {other}')) == (
            'image',
            'images',
            'image images {other}',
        )
    with pytest.raises(ValueError, match='stop'), speaking(IMAGES):
        raise ValueError('stop')
    assert sample() == 'clip'


def test_messages_and_tables_speak_of_images():
    with speaking(IMAGES):
        with pytest.raises(ValueError, match='no image was evaluated'):
            ClassAccuracy().compute_metrics(np.zeros((0, 4), np.int64))
        assert consumer_recipe().startswith('model = dict(head=dict(loss=dict(')
        table = format_table(class_rows([3, 2], [1, 2]))
    assert 'images' in table.splitlines()[0]
    assert 'clips' not in table


@pytest.mark.parametrize(
    ('scope', 'words'), [('mmpretrain', IMAGES), ('mmaction', VIDEO), ('mmdet', DETECTION), ('other', None)]
)
def test_a_work_directory_tells_its_host_by_the_config_in_it(tmp_path, scope, words):
    (tmp_path / 'config.py').write_text(f'model = dict()\ndefault_scope = {scope!r}\n')
    assert words_of_run(tmp_path) is words
    assert words_of_run(tmp_path / 'class_history.jsonl') is words
    assert words_of_run(Path(tmp_path / 'nowhere')) is words


def test_every_word_of_images_is_another_one_than_of_video():
    assert all(getattr(VIDEO, name) != getattr(IMAGES, name) for name in vars(VIDEO))
    assert (VIDEO.classifier, IMAGES.classifier) == ('cls_head.fc_cls', 'head.fc')


def test_a_detector_takes_images_and_what_is_counted_are_the_objects_in_them():
    with speaking(DETECTION):
        assert (samples(), units()) == ('images', 'objects')
        with pytest.raises(ValueError, match='no object was evaluated'):
            ClassAccuracy().compute_metrics(np.zeros((0, 4), np.int64))
        table = format_table(class_rows([3, 2], [1, 2]))
        assert consumer_recipe().startswith('model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(')
        assert consumer_recipe().partition(',')[0].count('(') == 4
        assert metric_recipe() == "val_evaluator=dict(type='ObjectAccuracy')"
        assert DETECTION.mean_accuracy == 'obj/mean1'
    assert 'objects' in table.splitlines()[0]
    assert metric_recipe() == "val_evaluator=dict(type='ClassAccuracy')"
    assert (VIDEO.units, IMAGES.units) == ('clips', 'images')
