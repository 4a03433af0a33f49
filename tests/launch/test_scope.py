"""Whose commands a command line is for, and the words that mmpretrain's commands lack."""

import sys
from argparse import Namespace

import pytest
from mmengine.config import Config

from cdb_video.launch.scope import finish_image_config, named_scope, take_own_words


@pytest.fixture
def words(monkeypatch):
    """Set the words behind the name of the command."""

    def say(*given):
        monkeypatch.setattr(sys, 'argv', ['cdb-video', *map(str, given)])

    return say


@pytest.mark.parametrize(
    ('text', 'scope'),
    [("default_scope = 'mmpretrain'", 'mmpretrain'), ("default_scope = 'mmaction'", 'mmaction'), ('x = 1', 'mmaction')],
)
def test_the_scope_of_the_config_says_whose_command_it_is(tmp_path, words, text, scope):
    (tmp_path / 'own.py').write_text(f'{text}\n')
    words('--seed', 3, '--cfg-options', 'a=other.py', tmp_path / 'own.py', '--work-dir', 'x')
    assert named_scope() == scope


def test_shipped_configs_are_found_by_their_names(words):
    words('cdb_video::images/digits_lt/resnet8_ce.py')
    assert named_scope() == 'mmpretrain'
    words('cdb_video::egtea/slowfast_ce.py')
    assert named_scope() == 'mmaction'


@pytest.mark.parametrize('given', [(), ('nowhere.py',), ('--help',)])
def test_of_what_cannot_be_read_the_installed_host_speaks(words, given):
    words(*given)
    assert named_scope() == 'mmaction'


def test_what_the_host_does_not_know_is_taken_out_and_the_rest_keeps_its_order(words):
    words('own.py', '--seed', 7, '--resume', '--deterministic', '--cfg-options', 'a=1', 'b=2')
    assert take_own_words('train') == Namespace(seed=7, diff_rank_seed=False, deterministic=True)
    assert sys.argv[1:] == ['own.py', '--resume', '--cfg-options', 'a=1', 'b=2']
    words('own.py', 'a.pth', '--dump', 'x.pkl', '--tta')
    assert take_own_words('test') == Namespace(dump='x.pkl')
    assert sys.argv[1:] == ['own.py', 'a.pth', '--tta']
    words('own.py', '--seed=-3')
    with pytest.raises(ValueError, match='--seed -3: must be a whole number >= 0'):
        take_own_words('train')


@pytest.mark.parametrize('randomness', [None, {'seed': None, 'deterministic': False}])
def test_a_seed_replaces_that_of_the_config_and_loaders_without_workers_keep_none(randomness):
    config = Config({'randomness': randomness, 'train_dataloader': {'num_workers': 0, 'persistent_workers': True}})
    config.val_dataloader = {'num_workers': 2, 'persistent_workers': True}
    finish_image_config(config, Namespace(seed=0, diff_rank_seed=False, deterministic=False))
    assert config.randomness.seed == 0
    assert not config.train_dataloader.persistent_workers
    assert config.val_dataloader.persistent_workers
    before = Config({'randomness': {'seed': 5}})
    finish_image_config(before, Namespace(seed=None, diff_rank_seed=False, deterministic=True))
    assert before.randomness == {'seed': 5, 'deterministic': True}


@pytest.mark.parametrize('metrics', [{'type': 'A'}, [{'type': 'A'}]])
@pytest.mark.parametrize(
    ('dump', 'out', 'item', 'file'),
    [('x.pkl', None, None, 'x.pkl'), (None, 'y.pkl', None, 'y.pkl'), (None, 'y.pickle', 'pred', 'y.pickle')],
)
def test_a_dump_is_one_more_metric(metrics, dump, out, item, file):
    config = Config({'test_evaluator': metrics})
    finish_image_config(config, Namespace(dump=dump, out=out, out_item=item))
    assert config.test_evaluator == [{'type': 'A'}, {'type': 'DumpResults', 'out_file_path': file}]


def test_results_are_no_dump():
    config = Config({'test_evaluator': {'type': 'A'}})
    finish_image_config(config, Namespace(dump=None, out='results.json', out_item='metrics'))
    finish_image_config(config, Namespace(dump=None, out=None, out_item=None))
    assert config.test_evaluator == {'type': 'A'}


@pytest.mark.parametrize(
    ('dump', 'out', 'item', 'said'),
    [
        (None, None, 'pred', '--out-item pred needs --out FILE'),
        ('a.pkl', 'b.pkl', None, 'both dump the predictions'),
        ('a.txt', None, None, '--dump a.txt: a dump of predictions must end in'),
        (None, 'b.json', None, '--out b.json: a dump of predictions must end in'),
    ],
)
def test_words_of_a_dump_that_cannot_be_followed_are_refused(dump, out, item, said):
    with pytest.raises(ValueError, match=said):
        finish_image_config(Config({'test_evaluator': {}}), Namespace(dump=dump, out=out, out_item=item))
