"""The tour, docs/start/tour.ipynb: its cells run, and what is kept in it is what they print."""

import json
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.training

MAXIMUM_BYTES = 200_000
FIRST_OF_TRAINING = "run('tools/train.py'"


@pytest.fixture(scope='module')
def tour(tmp_path_factory, repository):
    """The folder of a tour, and its notebook as it was after it."""
    folder = tmp_path_factory.mktemp('tour')
    options = ['--folder', str(folder), '--out', str(folder / 'tour.ipynb')]
    command = [sys.executable, '-m', 'tools.maintain.run_tour', *options]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, cells_of(folder / 'tour.ipynb')


def cells_of(path):
    return json.loads(path.read_text(encoding='utf-8'))['cells']


def printed(cells, folder):
    """The lines that each cell of code prints, without sizes and times that differ by machine, and whether it draws.

    Sorted, for a program's output and errors come through one pipe, in an order that depends on its buffers.
    """
    for cell in cells:
        if cell['cell_type'] == 'code':
            text = ''.join(line for output in cell['outputs'] for line in output.get('text', ()))
            yield (
                sorted(re.sub(r'\d+\.\d', '#', text.replace(str(folder), 'FOLDER')).splitlines()),
                [o['output_type'] for o in cell['outputs']],
            )


@pytest.mark.long
@pytest.mark.slow
def test_the_tour_ends_with_a_history_a_table_and_a_page(tour):
    folder, cells = tour
    assert len((folder / 'training/class_history.jsonl').read_text().splitlines()) == 3
    assert (folder / 'training/report.html').is_file()
    assert 'difficulty' in ''.join(cells[-2]['outputs'][0]['text'])


@pytest.mark.long
@pytest.mark.slow
def test_what_the_tour_keeps_is_what_its_cells_print(tour, repository):
    folder, cells = tour
    path = repository / 'docs/start/tour.ipynb'
    kept = cells_of(path)
    assert [cell['source'] for cell in cells] == [cell['source'] for cell in kept]
    before, fresh = list(printed(kept, 'work_dirs/tour')), list(printed(cells, folder))
    training = next(number for number, cell in enumerate(code_of(kept)) if FIRST_OF_TRAINING in cell)
    assert before[:training] == fresh[:training]
    assert [kinds for _, kinds in before] == [kinds for _, kinds in fresh]
    assert path.stat().st_size < MAXIMUM_BYTES
    assert str(repository) not in path.read_text(encoding='utf-8')


def code_of(cells):
    return [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
