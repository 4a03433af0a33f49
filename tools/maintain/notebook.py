"""Notebooks as Markdown: text, code, and what the code printed and drew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def markdown_of(path: Path) -> str:
    """Render a notebook of format 4.

    Args:
        path: The file, `.ipynb`.

    Returns:
        Its cells one below the other; pictures are in the text, as data.
    """
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    return '\n\n'.join(block for cell in cells for block in _blocks(cell)) + '\n'


def _blocks(cell: dict[str, Any]) -> Iterator[str]:
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
    data = output['data']
    if 'image/png' in data:
        return f'![What the cell above draws](data:image/png;base64,{"".join(data["image/png"]).strip()})'
    return _fenced('text', ''.join(data['text/plain']))


def _fenced(language: str, text: str) -> str:
    return f'```{language}\n{text.rstrip()}\n```'
