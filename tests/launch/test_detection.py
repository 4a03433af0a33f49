"""The words of mmdet's commands, and the dump of objects that a test of a detector gets."""

from argparse import Namespace

import pytest
from mmengine.config import Config

from cdb_video.launch.detection import finish_detection_config, merge_detection_words


def words(**others):
    return Namespace(**{'config': 'a/own.py', 'launcher': 'none', 'cfg_options': None, 'work_dir': None, **others})


def test_words_are_merged_as_mmdet_does_it():
    config = Config(
        {'optim_wrapper': {'type': 'OptimWrapper'}, 'auto_scale_lr': {'base_batch_size': 16}, 'x': {'y': 1}}
    )
    merged = merge_detection_words(
        config, words(amp=True, auto_scale_lr=True, resume='a.pth', cfg_options={'x.y': 2}, launcher='pytorch')
    )
    assert merged.optim_wrapper == {'type': 'AmpOptimWrapper', 'loss_scale': 'dynamic'}
    assert merged.auto_scale_lr == {'base_batch_size': 16, 'enable': True}
    assert (merged.resume, merged.load_from) == (True, 'a.pth')
    assert (merged.x.y, merged.launcher, merged.work_dir) == (2, 'pytorch', './work_dirs/own')


def test_without_words_the_config_stays_and_its_folder_counts():
    merged = merge_detection_words(Config({'work_dir': 'w', 'load_from': 'b.pth'}), words(amp=False, resume=None))
    assert merged.to_dict() == {'work_dir': 'w', 'load_from': 'b.pth', 'launcher': 'none'}
    assert merge_detection_words(merged, words(work_dir='v')).work_dir == 'v'


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({'tta': True}, '--tta is of mmdet alone: run `mim test mmdet`'),
        ({'show_dir': 'x'}, '--show-dir is of mmdet alone'),
        ({'auto_scale_lr': True}, 'no auto_scale_lr.base_batch_size'),
    ],
)
def test_what_these_commands_do_not_do_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        merge_detection_words(Config({}), words(**given))


@pytest.mark.parametrize(
    ('evaluator', 'settings'),
    [
        ({'type': 'CocoMetric'}, {}),
        ([{'type': 'LVISMetric'}, {'type': 'ObjectAccuracy', 'by': 'segm', 'prefix': 'x'}], {'by': 'segm'}),
    ],
)
def test_a_dump_has_the_answers_of_the_metric(evaluator, settings):
    config = Config({'test_evaluator': evaluator})
    finish_detection_config(config, Namespace(dump='p.pkl', out=None))
    *others, last = config.test_evaluator
    assert last == {'type': 'DumpObjects', 'out_file_path': 'p.pkl', **settings}
    assert others == (evaluator if isinstance(evaluator, list) else [evaluator])


def test_the_own_dump_of_mmdet_and_the_seed_are_set_too():
    config = Config({'test_evaluator': {'type': 'CocoMetric'}})
    finish_detection_config(config, Namespace(dump=None, out='all.pickle', seed=3))
    assert config.test_evaluator[-1] == {'type': 'DumpDetResults', 'out_file_path': 'all.pickle'}
    assert config.randomness.seed == 3
    with pytest.raises(ValueError, match=r'--dump x.json: a dump of predictions must end in .pkl'):
        finish_detection_config(config, Namespace(dump='x.json', out=None))
