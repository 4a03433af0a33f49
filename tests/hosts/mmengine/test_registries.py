"""Names in mmengine's registries whose classes are imported when they are first asked for."""

import subprocess
import sys

import pytest
from mmengine import registry as registries
from mmengine.registry import Registry
from mmengine.runner import checkpoint

from cdb_video.hosts.mmengine import registries as registry_names
from cdb_video.hosts.mmengine.registries import register

READ_A_CONFIG = """
import sys
from mmengine import Config
from mmengine.registry import DATA_SAMPLERS, HOOKS, MODELS, TRANSFORMS
Config.fromfile('config.py')
assert None not in (MODELS.get('CDBLoss'), DATA_SAMPLERS.get('CDBSampler'), TRANSFORMS.get('VideoDecode'))
heavy = ('torch._dynamo', 'mmengine.hooks', 'mmengine.runner', 'mmaction.models', 'plotly', 'jinja2', 'av')
print([name for name in heavy if name in sys.modules])
print(HOOKS.get('ClassDifficultyHook'))
"""


@pytest.fixture
def toys(monkeypatch):
    """A registry of mmengine's own, and a child of it."""
    parent = Registry('toy', scope='mmengine')
    monkeypatch.setattr(registries, 'TOYS', parent, raising=False)
    parent.register_module(name='list', module=list)
    return parent, Registry('toy', parent=parent, scope='child')


def test_a_class_is_loaded_once_when_it_is_asked_for_through_a_child_too(toys):
    parent, child = toys
    asked = []
    register('dict', 'TOYS', lambda: asked.append(1) or dict)
    assert len(parent) == 2
    assert asked == []
    assert child.get('dict') is parent.get('dict') is dict
    assert child.build({'type': 'dict', 'a': 1}) == {'a': 1}
    assert asked == [1]
    assert parent.get('list') is list


def test_a_name_that_was_never_asked_for_is_loaded_by_who_lists_them(toys):
    parent, _ = toys
    register('dict', 'TOYS', lambda: dict)
    assert sorted(parent.module_dict.items()) == [('dict', dict), ('list', list)]
    assert 'dict' in repr(parent)


def test_a_name_is_registered_once_unless_its_owner_insists(toys):
    parent, _ = toys
    register('dict', 'TOYS', lambda: dict)
    for name in ('dict', 'list'):
        with pytest.raises(KeyError, match=f'{name} is already registered in TOYS at builtins'):
            register(name, 'TOYS', lambda: set)
        with pytest.raises(KeyError, match='already registered'):
            parent.register_module(name=name, module=set)
    parent.register_module(name='dict', module=set, force=True)
    assert parent.get('dict') is set


def test_reading_a_config_loads_no_hooks_no_compiler_and_no_report(tmp_path, repository):
    (tmp_path / 'config.py').write_text("custom_imports = dict(imports=['cdb_video'], allow_failed_imports=False)\n")
    code = f'import sys; sys.path.insert(0, {str(repository)!r})\n{READ_A_CONFIG}'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    # The list of onedl-mmengine, the fork, is mended where it lies.
    early = ['mmengine.hooks', 'mmengine.runner'] if hasattr(checkpoint, 'get_torch_safe_globals') else []
    assert done.stdout.splitlines() == [str(early), "<class 'cdb_video.hooks.class_difficulty.ClassDifficultyHook'>"], (
        done.stderr
    )


@pytest.fixture
def named(toys, monkeypatch):
    """The registries, with a name of ours in the parent and one of somebody else in the child."""
    monkeypatch.setattr(registry_names, '_OURS', {})
    parent, child = toys
    monkeypatch.setattr(registries, 'OTHERS', Registry('other toy'), raising=False)
    register('FrozenDict', 'TOYS', lambda: dict)
    register('FrozenSet', 'OTHERS', lambda: frozenset)
    child.register_module(name='FrozenDicts', module=dict)
    return parent, child


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('FrozenDic', "type='FrozenDic': there is no toy of that name; did you mean 'FrozenDict'.*: FrozenDict\\b"),
        ('frozendict', "did you mean 'FrozenDict'"),
        ('child.FrozenDictt', 'child::toy registry|did you mean'),
        (
            'FrozenSet',
            "type='FrozenSet' is of the registry 'other toy', and this place .* takes one of 'toy': write it elsewhere",
        ),
    ],
)
def test_a_name_like_one_of_ours_is_told_of(named, name, said):
    for registry in named:
        with pytest.raises(KeyError, match=said):
            registry.build({'type': name})


@pytest.mark.parametrize('name', ['FrozenDictsy', 'Nothing', 'lis'])
def test_a_name_like_none_of_ours_is_left_to_mmengine(named, name):
    for registry in named:
        with pytest.raises(KeyError, match=f'{name} is not in the .*toy registry'):
            registry.build({'type': name})


def test_what_a_class_raises_itself_passes_through(named):
    parent, _ = named

    @parent.register_module()
    class Failing:
        def __init__(self, part):
            parent.build(part)

    with pytest.raises(KeyError, match="type='FrozenDic': there is no toy"):
        parent.build({'type': 'Failing', 'part': {'type': 'FrozenDic'}})
    with pytest.raises(KeyError, match='must contain the key "type"'):
        parent.build({})
    with pytest.raises(TypeError, match='cfg should be a dict'):
        parent.build('FrozenDic')


def test_registries_are_told_once():
    assert not registry_names.name_the_nearest()
