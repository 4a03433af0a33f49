"""A benchmark run in this process, at a tiny size: how fast things are is not tested."""

import json

import pytest

from tests.support.benchmark_pages import check_origin


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a benchmark; its status, the page that it prints, and its results."""

    def call(module, result, *arguments):
        if hasattr(module, 'in_fresh_process'):
            monkeypatch.setattr(module, 'in_fresh_process', lambda part, *values: part(*values))
        results = tmp_path / 'results'
        monkeypatch.setattr('sys.argv', [module.__file__, *map(str, arguments), '--seed', '3', '--out', str(results)])
        status = module.main()
        page = (results / f'{result}.md').read_text()
        assert capsys.readouterr().out.endswith(page + '\n')
        content = json.loads((results / f'{result}.json').read_text())
        check_origin(page, content, module.__name__)
        return status, page, content

    return call
