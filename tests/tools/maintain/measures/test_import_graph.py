import pytest

from tools.maintain.measures.import_graph import ImportGraph
from tools.maintain.measures.source_tree import SourceTree
from tools.maintain.structure import room_of


def test_floors_are_counted_along_the_longest_chain_with_a_circle_as_one(checkout):
    tree = checkout(
        {
            'cdb_video/top.py': 'import cdb_video.left\nfrom cdb_video import bottom',
            'cdb_video/left.py': 'from cdb_video.right import r',
            'cdb_video/right.py': 'from cdb_video import left, bottom\nr = 1',
            'cdb_video/bottom.py': 'import numpy',
        }
    )
    graph = ImportGraph.of(tree, 'cdb_video')
    assert graph.floors == 3
    assert graph.circles == [{'cdb_video.left', 'cdb_video.right'}]


def test_imports_for_type_checkers_are_left_out_and_those_in_functions_counted_apart(checkout):
    tree = checkout(
        {
            'cdb_video/a.py': """
                from typing import TYPE_CHECKING
                if TYPE_CHECKING:
                    from cdb_video.b import B
                def f():
                    import numpy
                    from cdb_video.b import B
            """,
            'cdb_video/b.py': 'try:\n    from cdb_video.a import f\nexcept ImportError:\n    pass\nclass B: ...',
        }
    )
    graph = ImportGraph.of(tree, 'cdb_video')
    assert (graph.floors, graph.circles, graph.deferred) == (2, [], 1)
    assert ImportGraph.of(tree, 'cdb_video', types=True).circles == [{'cdb_video.a', 'cdb_video.b'}]


@pytest.mark.parametrize(
    'face', ['from cdb_video.losses.cdb import CDBLoss', 'from .cdb import CDBLoss', 'def __getattr__(name): ...']
)
def test_a_name_from_a_face_counts_as_taken_from_the_module_that_defines_it(checkout, face):
    tree = checkout(
        {
            'cdb_video/losses/__init__.py': face,
            'cdb_video/losses/cdb.py': 'class CDBLoss: ...',
            'cdb_video/run.py': 'from cdb_video.losses import CDBLoss',
        }
    )
    assert ImportGraph.of(tree, 'cdb_video').edges['cdb_video.run'] == {'cdb_video.losses.cdb'}


def test_rooms_are_files_and_folders_side_by_side_and_those_inside_prep(checkout):
    tree = checkout(
        {
            'data_prep/build_lists.py': 'from prep.lists.media import m\nfrom prep.folders import f',
            'data_prep/prep/lists/media.py': 'from prep.lists.split import s\nm = 1',
            'data_prep/prep/lists/split.py': 'from prep.folders import f\ns = 1',
            'data_prep/prep/folders.py': 'f = 1',
        }
    )
    graph = ImportGraph.of(tree, 'data_prep')
    rooms = graph.joined({name: room_of(tree.modules[name]) for name in graph.edges})
    assert set(rooms.edges) == {'data_prep/build_lists', 'data_prep/prep/lists', 'data_prep/prep/folders'}
    assert (graph.floors, rooms.floors) == (4, 3)


def test_this_repository_has_no_circle_of_modules(repository):
    tree = SourceTree.read(repository)
    assert {folder: ImportGraph.of(tree, folder).circles for folder in ('cdb_video', 'data_prep')} == {
        'cdb_video': [],
        'data_prep': [],
    }
