"""The shape of the code in figures, of one checkout or of several beside each other.

    python -m tools.maintain.structure [ROOT ...] [--trip FILE:FUNCTION:PARAMETER ...]

Prints a Markdown table with a column for each ROOT (default: this checkout). Rooms are the files and folders side by
side in a package, and those of data_prep/prep stand for that folder; floors are the rooms, or modules, on the longest
chain of imports, see `import_graph`. Imports for type checkers alone are left out but where stated, and those inside
functions are counted apart. Lengths are in lines, those of functions without docstrings; see `code_sizes`.

Trips are files entered / stays / returns, see `parameter_trips`. Of FILE the end is enough, or nothing, as in
:read_run:path; FUNCTION and PARAMETER may be several names with | between them, of which a checkout has one. The
standard library is all that is needed.

Exit code 2 if a ROOT has none of the packages, or no ROOT has the function of a trip.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from tools.maintain.measures.call_targets import parameters
from tools.maintain.measures.code_sizes import CodeSizes, median_and_p90
from tools.maintain.measures.import_graph import ImportGraph
from tools.maintain.measures.parameter_trips import Trip
from tools.maintain.measures.source_tree import PACKAGES, Definition, Module, SourceTree

REPOSITORY = Path(__file__).resolve().parents[2]
TRIPS = (
    ':ClassDifficultyHook.before_train:runner',
    ':DifficultyReplayHook.before_train:runner',
    'data_prep/build_lists.py:_build:args|wanted',
    ':read_run:path',
)
OPENED = ('data_prep', 'prep')
"""The folder whose inside counts as rooms of its package."""


def measure(tree: SourceTree, folder: str) -> Iterator[tuple[str, str]]:
    """The rows of one package: what, and how much; '-' where the checkout has no such package."""
    modules = tree.package(folder)
    sizes, graph = CodeSizes.of(modules), ImportGraph.of(tree, folder)
    rooms = graph.joined({name: room_of(tree.modules[name]) for name in graph.edges})
    yield 'files in the largest flat folder', f'{sizes.largest_folder[0]} ({sizes.largest_folder[1]})'
    yield 'rooms', str(len(rooms.edges))
    yield 'floors of rooms', str(rooms.floors)
    yield 'circles of rooms', listed(rooms.circles)
    yield 'modules', str(len(graph.edges))
    yield 'floors of modules', str(graph.floors)
    yield 'circles of modules', listed(graph.circles)
    yield 'circles of modules, for types too', listed(ImportGraph.of(tree, folder, types=True).circles)
    yield 'imports inside functions', str(graph.deferred)
    yield 'lines of a file, median / p90', '{} / {}'.format(*median_and_p90(sizes.file_lengths))
    yield 'lines of a function, median / p90', '{} / {}'.format(*median_and_p90(sizes.function_lengths))
    yield 'typed functions', f'{sizes.typed} of {len(sizes.function_lengths)}'
    yield 'raise : assert', f'{sizes.raises} : {sizes.asserts}'


def listed(circles: Sequence[Set[str]]) -> str:
    """How many circles there are, and who is in them."""
    return '; '.join([str(len(circles)), *(', '.join(sorted(circle)) for circle in circles)])


def room_of(module: Module) -> str:
    """The file or folder of its package that a module lies in."""
    parts = module.path.with_suffix('').parts
    depth = 3 if parts[:2] == OPENED else 2
    return '/'.join(parts[:depth])


def find_start(tree: SourceTree, trip: str) -> tuple[Definition, str] | None:
    """The function and the parameter that FILE:FUNCTION:PARAMETER names; None if there is no such function.

    Raises:
        ValueError: If `trip` has another form, or several functions are meant.
    """
    if trip.count(':') != 2:
        raise ValueError(f'--trip {trip}: must be FILE:FUNCTION:PARAMETER, such as :read_run:path')
    file, names, parameter = trip.split(':')
    found = [
        (definition, argument.arg)
        for module in tree.modules.values()
        if module.path.as_posix().endswith(file)
        for name in names.split('|')
        if (definition := module.definitions.get(name)) is not None
        for argument in parameters(definition)
        if argument.arg in parameter.split('|')
    ]
    if len(found) > 1:
        places = ', '.join(f'{definition.module.path.as_posix()} ({name})' for definition, name in found)
        raise ValueError(f'--trip {trip} may start in {places}: name one')
    return found[0] if found else None


def measure_trip(tree: SourceTree, trip: str) -> str | None:
    """Files entered, stays and returns of a trip; None where there is no such function."""
    start = find_start(tree, trip)
    return None if start is None else ' / '.join(map(str, Trip.of(tree, *start).counts))


def table(roots: Sequence[Path], trips: Sequence[str]) -> str:
    """The Markdown table.

    Raises:
        ValueError: If a trip starts nowhere.
        FileNotFoundError: If a root is none of a checkout.
    """
    trees = [SourceTree.read(root) for root in roots]
    rows = [['', *map(str, roots)], ['---', *('---:' for _ in roots)]]
    for folder in PACKAGES:
        columns = [dict(measure(tree, folder)) if tree.package(folder) else {} for tree in trees]
        names = next((list(column) for column in columns if column), [])
        rows += [[f'{folder}: {name}', *(column.get(name, '-') for column in columns)] for name in names]
    for trip in trips:
        walked = [measure_trip(tree, trip) for tree in trees]
        if not any(walked):
            raise ValueError(f'--trip {trip}: no file has such a function with this parameter')
        rows.append([f'trip {trip.replace("|", " or ")}', *(counts or '-' for counts in walked)])
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('roots', type=Path, nargs='*', metavar='ROOT', help='a checkout (default: this one)')
    parser.add_argument(
        '--trip', action='append', metavar='FILE:FUNCTION:PARAMETER', help='may be repeated; in place of the usual ones'
    )
    args = parser.parse_args(argv)
    try:
        print(table(args.roots or [REPOSITORY], args.trip or TRIPS))
    except (OSError, ValueError) as error:
        print(f'structure: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
