"""What the configs in a work directory say of a run. They are parsed as text; nothing in them is executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from cdb_video.host_words import BY_SCOPE, HostWords

_TRAINING = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks')
_SPLIT = re.compile(r'split[-_]?(\d+)(?!\d)')


def train_configs(work_dir: Path) -> Iterator[Path]:
    """The configs that mmengine left, of the first run first, which was the training; then those beside them."""
    yield from sorted(work_dir.glob('*/vis_data/config.py'))
    yield from sorted(work_dir.glob('*.py'))


def settings_of(config: Path) -> dict[str, ast.expr]:
    """The values that a config gives to names at its top level; none if it cannot be read."""
    try:
        return settings_in(config.read_text(encoding='utf-8', errors='replace'))
    except OSError:
        return {}


def settings_in(text: str) -> dict[str, ast.expr]:
    """The same of the text of a config."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def seed_of(work_dir: Path) -> int | None:
    """The seed of the training; None = not known."""
    for config in train_configs(work_dir):
        for name, value in _texts(settings_of(config).get('randomness')):
            if name == 'seed' and type(value) is int:
                return value
    return None


def facts_of_configs(work_dir: Path) -> dict[str, str]:
    """What the configs tell of how a training was started, where its history does not: 'config' and 'seed'."""
    own, seed = sorted(work_dir.glob('*.py')), seed_of(work_dir)
    facts = {'config': str(own[0])} if len(own) == 1 else {}
    return facts if seed is None else facts | {'seed': str(seed)}


def words_of_run(path: Path) -> HostWords | None:
    """The words of the host that a work directory, or the folder of a file in one, is of; None = not known."""
    folder = path if path.is_dir() else path.parent
    scopes = (settings_of(config).get('default_scope') for config in train_configs(folder))
    names = (scope.value for scope in scopes if isinstance(scope, ast.Constant))
    return next((BY_SCOPE[name] for name in names if name in BY_SCOPE), None)


def planned_length(work_dir: Path) -> tuple[int, str] | None:
    """How long the config of the training has it go on, as (18, 'epoch') or (9000, 'iteration'); None = not known."""
    units = {'max_epochs': 'epoch', 'max_iters': 'iteration'}
    for config in train_configs(work_dir):
        for name, value in _texts(settings_of(config).get('train_cfg')):
            if name in units and type(value) is int:
                return value, units[name]
    return None


def tested_split(work_dir: Path) -> int | None:
    """The split that was tested last, by the list of its test set, as in ``lists/verb_split1/test.txt``.

    Returns:
        Its number; None if no config names such a list, or the newest that does names several splits.
    """
    newest_first = [*sorted(work_dir.glob('*/vis_data/config.py'), reverse=True), *sorted(work_dir.glob('*.py'))]
    for config in newest_first:
        texts = _texts(settings_of(config).get('test_dataloader'))
        lists = [value for name, value in texts if name == 'ann_file' and isinstance(value, str)]
        numbers = {int(found[-1]) for path in lists if (found := _SPLIT.findall(path))}
        if numbers:
            return numbers.pop() if len(numbers) == 1 else None
    return None


def evaluation_list_names(work_dir: Path) -> list[str]:
    """The ``ann_file`` of every test and validation set that the configs name, of the newest config first."""
    names: dict[str, None] = {}
    for config in [*sorted(work_dir.glob('*/vis_data/config.py'), reverse=True), *sorted(work_dir.glob('*.py'))]:
        settings = settings_of(config)
        for loader in ('test_dataloader', 'val_dataloader'):
            for key, value in _texts(settings.get(loader)):
                if key == 'ann_file' and isinstance(value, str):
                    names[value] = None
    return list(names)


def differing_settings(one: Path, other: Path) -> list[str]:
    """The settings in which the trainings of two work directories differ, but for seeds and paths of the run."""
    first, second = (settings_of(next(train_configs(folder), folder)) for folder in (one, other))
    both = [name for name in _TRAINING if name in first and name in second]
    return [name for name in both if ast.dump(first[name]) != ast.dump(second[name])]


def _texts(node: ast.expr | None) -> Iterator[tuple[str, object]]:
    """Every constant inside that has a name, by keyword or by key of a dict."""
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.keyword) and inner.arg is not None and isinstance(inner.value, ast.Constant):
            yield inner.arg, inner.value.value
        elif isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield str(key.value), value.value
