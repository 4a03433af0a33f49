"""Names of classes in messages, and the comparison of two class lists."""

from __future__ import annotations

from collections.abc import Sequence


def class_label(class_names: Sequence[str] | None, index: int) -> str:
    """How to call class `index` in messages and tables."""
    return class_names[index] if class_names is not None else f'class {index}'


def check_same_names(names: Sequence[str] | None, others: Sequence[str] | None, who: str, whose: str) -> None:
    """Raise a ValueError that names the first class in which two class lists differ; None agrees with all."""
    if names is None or others is None or tuple(names) == tuple(others):
        return
    if len(names) != len(others):
        raise ValueError(f'{who} has {len(names)} classes, {whose} {len(others)}: both need the same class list')
    index = next(i for i, (name, other) in enumerate(zip(names, others, strict=True)) if name != other)
    raise ValueError(
        f'class {index} is {names[index]!r} in {who} and {others[index]!r} in {whose}: both need the same class '
        'list in the same order'
    )


def other_names(names: Sequence[str] | None, others: Sequence[str] | None, who: str, whose: str) -> str | None:
    """How two class lists of one length differ, for a message; None = they do not, or one is not known or shorter."""
    if names is None or others is None or len(names) != len(others):
        return None
    try:
        check_same_names(names, others, who, whose)
    except ValueError as error:
        return str(error)
    return None


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number and what it counts, as '1 class' and '2 classes'.

    Args:
        number: How many.
        singular: The name of one.
        plural: The name of several; None = with an s.
    """
    return f'{number} {singular if number == 1 else plural or singular + "s"}'
