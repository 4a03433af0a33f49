"""Labels of your own clips -> classes in their order; labels that are hardly meant as they stand are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from cdb_video_files.class_lists import check_class_names, is_class_name
from cdb_video_files.records import AnnotationError
from prep.command import first_few
from prep.own_data.clips import OwnClipsError, OwnLine, part_called
from prep.own_data.spelling import alike, shown, spelling_key

_PLACES = 3
_OfLabel = Mapping[str, Sequence[OwnLine]]


def class_names(lines: Sequence[OwnLine], wanted: Sequence[str] | None) -> list[str]:
    """The classes in the order of their labels: as `wanted`, or sorted (as numbers, if they all are).

    Our choice: two labels that differ in case, blanks or Unicode form alone are an error and no warning, for nobody
    means them as two classes, and each would be learnt and measured on a part of its clips. So are labels that are all
    names of parts, and negative numbers among numbers. Who means them says so by naming them in `wanted`.

    Raises:
        OwnClipsError: If a label is not among the `wanted`, cannot be a class name or is hardly meant.
    """
    of_label: dict[str, list[OwnLine]] = {}
    for line in lines:
        of_label.setdefault(line.label, []).append(line)
    if wanted is None:
        problems = [text for rule in _RULES for text in rule(of_label)]
        if problems:
            raise OwnClipsError(first_few(problems))
        return sorted(of_label, key=(lambda name: (int(name), name)) if _are_numbers(of_label) else None)
    _check_known(lines, wanted)
    try:
        check_class_names(wanted)
    except AnnotationError as error:
        raise OwnClipsError(str(error)) from error
    return list(wanted)


def label_notes(names: Sequence[str]) -> list[str]:
    """What to say of class names that are numbers, but not those of their labels; empty where there is nothing."""
    if not _are_numbers(names) or list(names) == [str(label) for label in range(len(names))]:
        return []
    present = {int(name) for name in names}
    gaps = [str(number) for number in range(min(present), max(present)) if number not in present]
    missing = f', and no clip has {first_few(gaps)}' if gaps else ''
    return [
        f'the labels are numbers, which are names here{missing}: lists count classes from 0, so that {names[0]!r} is '
        f'label 0 and {names[-1]!r} label {len(names) - 1}. Where you have names, write them in their place.'
    ]


def _are_numbers(names: Sequence[str] | _OfLabel) -> bool:
    return all(name.isascii() and name.isdecimal() for name in names)


def _check_known(lines: Sequence[OwnLine], wanted: Sequence[str]) -> None:
    known, spelt = set(wanted), {spelling_key(name): name for name in wanted}
    unknown = [line for line in lines if line.label not in known]
    if not unknown:
        return
    remedy = 'Correct them, or add the names to --classes'
    if all(line.label.isascii() and line.label.isdecimal() for line in unknown):
        remedy = (
            'Labels are names of classes, and these are numbers: write the names in their place (number k is line '
            'k + 1 of --classes if they count from 0), or leave --classes out, and the numbers are the names'
        )
    places = []
    for line in unknown:
        other = spelt.get(spelling_key(line.label))
        meant = '' if other is None else f' ({shown(line.label)} is not {shown(other)})'
        places.append(f'{line.where}: label {line.label!r}{meant}')
    raise OwnClipsError(f'{first_few(places)}: not among the {len(wanted)} names of --classes. {remedy}')


def _unwritable(of_label: _OfLabel) -> Iterator[str]:
    for label, lines in of_label.items():
        if not is_class_name(label):
            yield (
                f'{lines[0].where}: class name {label!a} is no UTF-8, or holds blanks other than single spaces '
                'between words. Rename it'
            )


def _spelt_alike(of_label: _OfLabel) -> Iterator[str]:
    for group in alike(of_label):
        spellings = ' and '.join(f'{shown(label)} ({_clips(of_label[label])})' for label in group)
        yield (
            f'the labels {spellings} differ in case, blanks, digits or Unicode form alone. Write one of them everywhere'
            '; or, if they are classes of their own, name all classes in a file with --classes'
        )


def _parts_for_classes(of_label: _OfLabel) -> Iterator[str]:
    if of_label and all(part_called(label) for label in of_label):
        labels = ', '.join(f'{label} ({_clips(lines)})' for label, lines in sorted(of_label.items()))
        yield (
            f'all classes are called as parts of a split are: {labels}. Put the videos into folders of classes, '
            '<train|val|test>/<class>/<video>, or name the label and the split column of a --csv; if these are '
            'classes, name them in a file with --classes'
        )


def _negative(of_label: _OfLabel) -> Iterator[str]:
    negative = [label for label in of_label if _are_numbers([label.removeprefix('-')]) and label.startswith('-')]
    if _are_numbers([label.removeprefix('-') for label in of_label]):
        for label in negative:
            yield (
                f'label {label!r} ({_clips(of_label[label])}) is a negative number, which other programs write where '
                'there is no label. Take these clips out, or write the name of their class'
            )


def _clips(lines: Sequence[OwnLine]) -> str:
    more = ', ...' if len(lines) > _PLACES else ''
    return (
        f'{len(lines)} clip{"" if len(lines) == 1 else "s"}: {", ".join(line.where for line in lines[:_PLACES])}{more}'
    )


_RULES: tuple[Callable[[_OfLabel], Iterator[str]], ...] = (_unwritable, _spelt_alike, _parts_for_classes, _negative)
