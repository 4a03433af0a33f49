"""The directions of imports that import-linter cannot see; its contracts are in pyproject.toml.

The commands of data_prep are no package that it could read, and it does not look through a lazy face.
"""

import pytest

from tools.maintain.measures.import_graph import ImportGraph
from tools.maintain.measures.source_tree import SourceTree

HOSTS = {'mmengine', 'mmaction', 'mmcv', 'mmpretrain', 'mmdet'}
PURE = ('report', *(f'difficulty.{name}' for name in ('formulas', 'counts', 'frequency', 'tau', 'history', 'schedule')))


@pytest.fixture(scope='module')
def tree(repository):
    return SourceTree.read(repository)


def imported(module, *when):
    """The top-level packages that a module imports at these moments."""
    return {item.module.split('.')[0] for item in module.imports if item.when in when}


def test_data_preparation_imports_no_command_no_torch_and_no_host(tree):
    modules = tree.package('data_prep')
    commands = {module.name for module in modules if module.path.parent.name == 'data_prep'}
    refused = {'cdb_video', 'torch', *HOSTS, *commands}
    assert {module.name: found for module in modules if (found := imported(module, 'import', 'call') & refused)} == {}


@pytest.mark.parametrize('room', PURE)
def test_formulas_and_reports_reach_no_torch_and_no_host_through_a_face(tree, room):
    graph = ImportGraph.of(tree, 'cdb_video')
    starts = {name for name in graph.edges if f'{name}.'.startswith(f'cdb_video.{room}.')}
    assert starts
    reached = starts.union(*map(graph.reached, starts))
    refused = {'torch', *HOSTS}
    assert {name: found for name in reached if (found := imported(tree.modules[name], 'import') & refused)} == {}
