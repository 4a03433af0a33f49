"""What the parts of a set have in common, or must not have; classes that a part lacks."""

from __future__ import annotations

from collections.abc import Sequence

from prep.command import first_few
from prep.objects.findings import Findings
from prep.objects.part import Part


def compare_parts(parts: Sequence[Part], findings: Findings) -> None:
    """See that the parts have the same classes and no picture in common, and name the classes that one lacks."""
    for part in parts:
        for number, name in part.categories.items():
            if part.name != 'test' and not part.num_objects[number]:
                findings.add(part.name, 'class without objects', repr(name))
    for later, part in enumerate(parts):
        for other in parts[:later]:
            both = f'{other.name} and {part.name}'
            if other.categories != part.categories:
                findings.add(both, 'categories differ', _first_difference(other, part))
            common = sorted({*other.files.values()} & {*part.files.values()})
            for name in common:
                findings.add(both, 'picture in two parts', name)


def _first_difference(one: Part, other: Part) -> str:
    ids = [
        number for number in {**one.categories, **other.categories} if _called(one, number) != _called(other, number)
    ]
    return first_few([f'id {number} is {_called(one, number)} and {_called(other, number)}' for number in ids])


def _called(part: Part, number: int) -> str:
    return repr(part.categories[number]) if number in part.categories else 'missing'
