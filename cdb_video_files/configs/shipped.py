"""Files that come with the package beside its code: configs, the model index, data preparation.

A wheel has them in `cdb_video/.mim`, where OpenMMLab's tools look for those of their packages; a checkout, installed or
not, in its root.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = 'cdb_video'
SCOPE = 'cdb_video::'
"""What stands before the name of a shipped config, as in ``_base_ = 'cdb_video::egtea/slowfast_cdbs.py'``."""
_BASES = '_base_'


def shipped(name: str) -> Path:
    """Where a shipped file or folder lies.

    Args:
        name: As in the root of the repository: 'configs', 'data_prep' or 'model-index.yml'.

    Raises:
        FileNotFoundError: If it is neither in the package nor beside it.
    """
    root = Path(__file__).resolve().parents[2]
    places = [root / PACKAGE / '.mim' / name, root / name]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(
        f'{name} did not come with this installation; it would be {places[0]} or {places[1]}: install cdb-video anew, '
        'from a wheel or from a whole checkout'
    )


def config_names() -> list[str]:
    """The shipped configs that one can train: 'egtea/slowfast_cdbs.py', with forward slashes, sorted."""
    return [name for name in _config_files() if _BASES not in Path(name).parts]


def find_config(name: str) -> Path:
    """The file of a shipped config.

    Args:
        name: As 'egtea/slowfast_cdbs.py', with or without 'cdb_video::' before it and '.py' behind it; bases, as
            'egtea/_base_/data.py', are found as well.

    Raises:
        FileNotFoundError: If there is none of that name; the message has the nearest ones.
    """
    wanted = f'{name.removeprefix(SCOPE).removesuffix(".py")}.py'
    known = _config_files()
    if wanted not in known:
        same = [one for one in config_names() if Path(one).name == Path(wanted).name]
        nearest = same or difflib.get_close_matches(wanted, config_names(), 3)
        hint = f'; perhaps {" or ".join(nearest)}' if nearest else ''
        raise FileNotFoundError(
            f'no config {wanted!r} comes with cdb-video{hint}. `cdb-video config` lists those that do'
        )
    return known[wanted]


def config_summary(path: Path) -> str:
    """The first sentence of the comment that a config begins with; '' if it begins with none."""
    lines = path.read_text(encoding='utf-8').splitlines()
    comment = []
    for line in lines:
        if not line.startswith('#'):
            break
        comment.append(line.lstrip('# '))
    return ' '.join(comment).partition('. ')[0].removesuffix('.')


def base_nodes(text: str) -> list[ast.Constant]:
    """The names of the bases of a config, as they stand in its text: one, a list of them, or none.

    Raises:
        ValueError: If they are not written out there.
    """
    found = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == _BASES
    ]
    if not found:
        return []
    nodes = found[0].elts if isinstance(found[0], ast.List) else [found[0]]
    names = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if len(names) < len(nodes):
        raise ValueError(f'{_BASES} is computed: it must be a name or a list of names')
    return names


def config_bases(path: Path) -> Iterator[Path]:
    """The files that a config is based on by plain paths, itself left out, bases of bases too; some may come twice."""
    for node in base_nodes(path.read_text(encoding='utf-8')):
        if '::' not in str(node.value):
            base = (path.parent / str(node.value)).resolve()
            yield base
            yield from config_bases(base)


def _config_files() -> dict[str, Path]:
    root = shipped('configs')
    return {path.relative_to(root).as_posix(): path for path in sorted(root.rglob('*.py'))}
