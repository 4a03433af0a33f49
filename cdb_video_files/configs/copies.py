"""A shipped config and all that it is based on -> files in a folder of the user's, with bases by plain paths.

Commands that read a config before this package is imported, as ``mim train``, cannot know `cdb_video::`. The bases go
to `_base_/cdb_video/` beside the copy, in folders as they were shipped, so that they are the same files, byte by byte;
in the copy itself the names of its bases are changed, and nothing else. Bases of other packages, `mmaction::` and
their like, stay as they are: mmengine knows those.
"""

from __future__ import annotations

from pathlib import Path

from cdb_video_files.atomic import write_atomically
from cdb_video_files.configs.shipped import base_nodes, config_bases, find_config, shipped

BASES = Path('_base_', 'cdb_video')
"""Where the bases go, beside the copy."""


def planned_copies(name: str, out: Path) -> dict[Path, bytes]:
    """The files that a copy of a config consists of: path -> content, the copy itself first.

    Args:
        name: Of a shipped config, see `find_config`.
        out: Where the copy goes.

    Raises:
        FileNotFoundError: If there is no such config.
    """
    source, root = find_config(name), shipped('configs').resolve()
    bases = sorted({path.relative_to(root) for path in config_bases(source)})
    own = _with_bases_from(source.read_text(encoding='utf-8'), source.resolve().parent.relative_to(root))
    return {out: own.encode(), **{out.parent / BASES / path: (root / path).read_bytes() for path in bases}}


def write_copies(files: dict[Path, bytes], *, replace: bool = False) -> list[Path]:
    """Write the files that differ from what is there.

    Args:
        files: Path -> content.
        replace: Whether others may be replaced.

    Returns:
        Those that were written.

    Raises:
        FileExistsError: If a file is there that has another content, unless `replace`; then nothing is written.
        OSError: If one cannot be written.
    """
    new = {path: content for path, content in files.items() if not path.is_file() or path.read_bytes() != content}
    taken = [str(path) for path in new if path.exists()]
    if taken and not replace:
        raise FileExistsError(f'{", ".join(taken)}: there already, and not the same. --force replaces what is there')
    for path, content in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return list(new)


def _with_bases_from(text: str, folder: Path) -> str:
    """The text of a config of `folder`, below the shipped ones, with its plain bases named from beside the copy."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for node in reversed(base_nodes(text)):
        if '::' not in str(node.value):
            new = (BASES / _straight(folder / str(node.value))).as_posix()
            line, end = lines[node.lineno - 1], node.end_col_offset
            lines[node.lineno - 1] = line[: node.col_offset] + repr(new).encode() + line[end:]
    return b''.join(lines).decode()


def _straight(path: Path) -> Path:
    """A relative path without '..'."""
    parts: list[str] = []
    for part in path.parts:
        if part == '..':
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)
