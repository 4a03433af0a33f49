"""Labels of own clips: one class in two spellings, parts for classes, numbers."""

import pytest
from prep.own_data.clips import OwnClip, OwnClipsError, OwnLine
from prep.own_data.labels import class_names, label_notes
from prep.own_data.spelling import alike, spelling_key

COMPOSED, TAKEN_APART = '\u00e9clair', 'e\u0301clair'


def lines_of(*labels):
    return [OwnLine(OwnClip(f'{k}.mp4'), label, None, f'labels.csv:{k + 2}') for k, label in enumerate(labels)]


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('Pick up', 'pick up'),
        ('pick up', 'pick\u00a0up'),
        ('pick up', 'pickup'),
        ('pick up', 'pick\u200bup'),
        (COMPOSED, TAKEN_APART),
        ('STRASSE', 'straße'),
        ('\uff21\uff22', 'ab'),
        ('1', '01'),
        ('1', '1.0'),
        ('0', '00.'),
    ],
)
def test_two_spellings_of_one_label_are_refused_with_their_clips_and_lines(one, other):
    assert spelling_key(one) == spelling_key(other)
    with pytest.raises(OwnClipsError) as caught:
        class_names(lines_of('wash', one, other, one, one, one), None)
    message = str(caught.value)
    assert ascii(one)[1:-1] in message or one in message
    assert ascii(other)[1:-1] in message or other in message
    assert '(4 clips: labels.csv:3, labels.csv:5, labels.csv:6, ...)' in message
    assert '(1 clip: labels.csv:4)' in message


def test_two_spellings_that_are_named_as_classes_are_two():
    assert class_names(lines_of('pole', 'Pole', 'pole'), ['pole', 'Pole']) == ['pole', 'Pole']


@pytest.mark.parametrize(
    ('one', 'other'), [('cut', 'cut 2'), ('pick up', 'pick_up'), ('1', '10'), ('-1', '1'), ('é', 'e')]
)
def test_labels_that_differ_in_more_are_two(one, other):
    assert alike([one, other, one]) == []


def test_composed_and_taken_apart_letters_are_shown_as_what_they_are():
    with pytest.raises(OwnClipsError, match=r"\('e\\u0301clair'\).* and .*\('\\xe9clair'\)"):
        class_names(lines_of(COMPOSED, TAKEN_APART), None)


def test_classes_that_are_all_called_as_parts_are_refused_unless_they_are_named():
    lines = lines_of('Train', 'test', 'Train')
    with pytest.raises(OwnClipsError, match=r'Train \(2 clips: labels.csv:2, labels.csv:4\), test \(1 clip'):
        class_names(lines, None)
    assert class_names(lines, ['Train', 'test']) == ['Train', 'test']
    assert class_names(lines_of('train', 'cook'), None) == ['cook', 'train']


def test_a_negative_number_among_numbers_is_no_class():
    with pytest.raises(OwnClipsError, match=r"label '-1' \(2 clips: labels.csv:3, labels.csv:4\) is a negative number"):
        class_names(lines_of('0', '-1', '-1', '10'), None)
    assert class_names(lines_of('-1', 'cut'), None) == ['-1', 'cut']


def test_all_faults_of_labels_are_said_at_once():
    with pytest.raises(OwnClipsError) as caught:
        class_names(lines_of('Cut', 'cut', 'wash ', 'a  b'), None)
    message = str(caught.value)
    assert "labels.csv:4: class name 'wash '" in message
    assert "labels.csv:5: class name 'a  b'" in message
    assert "'Cut' (1 clip: labels.csv:2) and 'cut'" in message


def test_a_label_that_classes_spell_otherwise_is_refused_with_their_spelling():
    with pytest.raises(OwnClipsError, match=r"labels.csv:3: label 'Wash' \('Wash' is not 'wash'\): not among"):
        class_names(lines_of('wash', 'Wash'), ['wash', 'cut'])


def test_numbers_that_are_not_those_of_their_labels_are_said():
    assert label_notes(['0', '1', '2']) == []
    assert label_notes(['cut', '1']) == []
    (note,) = label_notes(['1', '2', '5'])
    assert "no clip has 3; 4: lists count classes from 0, so that '1' is label 0 and '5' label 2" in note
