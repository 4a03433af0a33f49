"""The text of a config is read as mmengine reads it, and nothing in it is executed."""

import math

import pytest
from mmengine.config import Config

from cdb_video_files.configs.text import read_config_text

VALUES = {
    'model': {'type': 'A', 'parts': [{'size': (1,), 'names': []}, {'of': {'a-b': 1, 'c': None}}], 'empty': {}},
    'numbers': [1, -2, 1e-05, -0.5, True, 2 + 3j],
    'words': 'it\'s "so"\nand\\so',
    'nested': ((1, 2), [[3], (4,)]),
}


def test_what_mmengine_writes_is_read_as_it_was():
    text = Config(VALUES).pretty_text
    assert read_config_text(text) == VALUES == Config.fromstring(text, '.py').to_dict()


def test_numbers_without_end_and_sets_are_read_too():
    """These mmengine writes as Python's str() has them."""
    values = read_config_text(Config({'a': float('inf'), 'b': [-float('inf'), float('nan')], 'c': {1, 2}}).pretty_text)
    assert (values['a'], values['b'][0], values['c']) == (math.inf, -math.inf, {1, 2})
    assert math.isnan(values['b'][1])


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a = 1\nimport os', 'line 2 gives no value to a name: import os'),
        ('a.b = 1', r'line 1 gives no value to a name: a\.b = 1'),
        ("a = dict(b=__import__('os').getcwd())", 'line 1 holds no plain value: .*getcwd'),
        ('a = dict(**b)', 'line 1 holds no plain value'),
        ('a = [b]', 'line 1 holds no plain value: b'),
        ('a = {**b}', 'line 1 holds no plain value'),
        ('a = <class int>', 'it is no Python'),
    ],
)
def test_what_is_no_plain_value_is_refused_with_its_line(text, said):
    with pytest.raises(ValueError, match=said):
        read_config_text(text)
