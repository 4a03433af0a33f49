"""Run docs/start/tour.ipynb and keep in it what its cells print and draw.

    python -m tools.maintain.run_tour [--folder DIR] [--out FILE]

Exit code 2 if the folder is not empty; a cell that fails ends it with a traceback, and nothing is written.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.maintain.notebook import read_notebook, run_cells, write_notebook

TOUR = Path(__file__).resolve().parents[2] / 'docs/start/tour.ipynb'
FOLDER = 'work_dirs/tour'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folder', default=FOLDER, help=f'where the tour makes its data (default: {FOLDER})')
    parser.add_argument('--out', type=Path, default=TOUR, help='the notebook to write (default: the tour itself)')
    arguments = parser.parse_args(argv)
    if any((TOUR.parents[2] / arguments.folder).glob('*')):
        parser.error(f'{arguments.folder} is not empty, and what is there changes what the cells print. Remove it')
    out = arguments.out.resolve()  # the tour changes the folder
    notebook = read_notebook(TOUR)
    sources = [cell['source'] for cell in notebook['cells']]
    for cell in notebook['cells']:
        if cell['cell_type'] == 'code':
            cell['source'] = [line.replace(repr(FOLDER), repr(arguments.folder)) for line in cell['source']]
    run_cells(notebook['cells'])
    for cell, source in zip(notebook['cells'], sources, strict=True):
        cell['source'] = source
    write_notebook(out, notebook)
    return 0


if __name__ == '__main__':
    sys.exit(main())
