"""Notebooks without Jupyter: their cells run, and turned into Markdown."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook of format 4; its `cells` are dictionaries."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    return notebook


def write_notebook(path: Path, notebook: dict[str, Any]) -> None:
    """Write a notebook as Jupyter does."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')


def run_cells(cells: list[Cell]) -> None:
    """Run the code of a notebook in this process, and put what each cell prints and draws into its outputs.

    Args:
        cells: Of the notebook. They are plain Python, and show nothing but by `print` and matplotlib.

    Raises:
        Exception: Whatever a cell raises.
    """
    import matplotlib

    matplotlib.use('agg')
    names: dict[str, Any] = {'__name__': '__main__'}
    for number, cell in enumerate((cell for cell in cells if cell['cell_type'] == 'code'), start=1):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(''.join(cell['source']), f'cell {number}', 'exec'), names)
        text = printed.getvalue()
        stream = [{'name': 'stdout', 'output_type': 'stream', 'text': text.splitlines(keepends=True)}] if text else []
        cell.update(execution_count=number, outputs=[*stream, *_figures()])


def markdown_of(path: Path) -> str:
    """A notebook as a page: its cells one below the other, with pictures in the text, as data."""
    return '\n\n'.join(block for cell in read_notebook(path)['cells'] for block in _blocks(cell)) + '\n'


def _figures() -> Iterator[dict[str, Any]]:
    """The open figures as outputs; they are closed."""
    from matplotlib import pyplot

    for number in pyplot.get_fignums():
        picture = io.BytesIO()
        pyplot.figure(number).savefig(picture, dpi=80)
        pyplot.close(number)
        data = {'image/png': base64.b64encode(picture.getvalue()).decode(), 'text/plain': ['<a figure>']}
        yield {'data': data, 'metadata': {}, 'output_type': 'display_data'}


def _blocks(cell: Cell) -> Iterator[str]:
    source = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown':
        yield source
    elif cell['cell_type'] == 'code':
        yield _fenced('python', source)
        for output in cell['outputs']:
            yield _shown(output)


def _shown(output: dict[str, Any]) -> str:
    if output['output_type'] == 'stream':
        return _fenced('text', ''.join(output['text']))
    return f'![What the cell above draws](data:image/png;base64,{"".join(output["data"]["image/png"])})'


def _fenced(language: str, text: str) -> str:
    return f'```{language}\n{text.rstrip()}\n```'
