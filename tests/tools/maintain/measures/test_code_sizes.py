import ast
import textwrap

import pytest

from tools.maintain.measures.code_sizes import CodeSizes, function_length, is_typed, median_and_p90


def function(text):
    return ast.parse(textwrap.dedent(text)).body[0]


def test_a_function_is_as_long_as_its_lines_without_docstring_and_decorators():
    assert function_length(function('def f(): return 1')) == 1
    assert function_length(function('@cache\ndef f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    return a')) == 4


@pytest.mark.parametrize(
    ('text', 'typed'),
    [
        ('def f() -> None: ...', True),
        ('def f(): ...', False),
        ('def f(self): ...', False),
        ('def f(self, a: int, *b: int): ...', True),
        ('def f(a: int, **b): ...', False),
        ('def f(a) -> None: ...', True),
    ],
)
def test_a_function_is_typed_by_what_it_returns_or_by_all_its_arguments(text, typed):
    assert is_typed(function(text)) == typed


def test_median_and_p90_are_lengths_that_occur():
    assert median_and_p90([40, 10, 30, 20]) == (20, 40)
    assert median_and_p90(range(1, 11)) == (5, 9)
    assert median_and_p90([]) == (0, 0)


def test_files_side_by_side_are_those_of_one_folder_without_its_face(checkout):
    tree = checkout(
        {
            'cdb_video/__init__.py': '',
            'cdb_video/a.py': 'def f(x):\n    assert x\n    raise ValueError',
            'cdb_video/report/b.py': '',
            'cdb_video/report/c.py': 'x = 1\n\ny = 2\n',
        }
    )
    sizes = CodeSizes.of(tree.package('cdb_video'))
    assert sizes.largest_folder == (2, 'cdb_video/report')
    assert sorted(sizes.file_lengths) == [0, 0, 3, 3]
    assert (sizes.function_lengths, sizes.typed, sizes.raises, sizes.asserts) == ([3], 0, 1, 1)
