"""Open hold-outs: which subjects are chosen and which clips are drawn."""

import itertools
import random
from collections import Counter

import pytest
from prep.lists import choose_hold_out, split_clips
from prep.lists.split_clips import LabelledClip, parse_hold_out

from cdb_video_files.clip_names import ClipName


def clip(subject, label, number):
    return LabelledClip(
        ClipName(subject, 'R01', 'Pizza', number * 1000, number * 1000 + 500, number, number + 9), label
    )


def clips_of(counts):
    """counts: subject -> clips per label."""
    numbers = itertools.count(1)
    return [
        clip(subject, label, next(numbers))
        for subject, row in counts.items()
        for label, count in enumerate(row)
        for _ in range(count)
    ]


def test_the_subject_that_covers_the_classes_is_chosen():
    train = clips_of({'P01': [20, 0, 0], 'P02': [8, 6, 6], 'P03': [10, 5, 5], 'P04': [2, 9, 9]})
    # Only P02 and P03 have five clips of every class; P02's share, 20 of 80, is just a quarter, as is P03's.
    assert choose_hold_out.choose_subjects(train, 1) == ('P02',)


def test_a_class_keeps_training_clips_even_if_the_share_suffers():
    train = clips_of({'P01': [30, 8], 'P02': [9, 0], 'P03': [9, 0]})
    assert choose_hold_out.choose_subjects(train, 1) == ('P02',)


def test_the_share_stays_near_the_wanted_one():
    # P03 covers both classes, but is most of the data.
    train = clips_of({'P01': [5, 4], 'P02': [4, 5], 'P03': [50, 50]})
    assert choose_hold_out.choose_subjects(train, 1) == ('P01',)


@pytest.mark.parametrize('seed', range(5))
def test_the_search_finds_what_trying_every_set_finds(seed):
    rng = random.Random(seed)
    train = clips_of({f'P{k:02}': [rng.choice((0, 0, 1, 2, 5, 9)) for _ in range(8)] for k in range(9)})
    subjects = sorted({entry.clip.subject for entry in train})
    everything = Counter(entry.label for entry in train)

    def score(chosen):
        val = Counter(entry.label for entry in train if entry.clip.subject in chosen)
        wanted = len(chosen) / len(subjects)
        distance = abs(val.total() / everything.total() - wanted)
        return (
            sum(val[label] == everything[label] for label in everything),
            round(max(0.0, distance - 0.2 * wanted), 6),
            -sum(count >= 5 for count in val.values()),
            -sum(min(count, 5) for count in val.values()),
            round(distance, 6),
        )

    best = min(map(score, itertools.combinations(subjects, 3)))
    assert score(choose_hold_out.choose_subjects(train, 3)) == best


def test_neither_the_order_of_the_clips_nor_of_the_subjects_matters():
    train = clips_of({f'P{k:02}': [k % 4, (k * 5) % 7, (k * 3) % 5] for k in range(12)})
    shuffled = random.Random(0).sample(train, len(train))
    assert choose_hold_out.choose_subjects(shuffled, 4) == choose_hold_out.choose_subjects(train, 4)
    assert choose_hold_out.draw_clips(shuffled, 0.2, 0) == choose_hold_out.draw_clips(train, 0.2, 0)


def test_a_named_hold_out_and_none_come_back_unchanged():
    for text in ('subjects:P01', 'none'):
        hold_out = parse_hold_out(text)
        assert choose_hold_out.settle(hold_out, []) is hold_out


def test_stratified_takes_its_share_of_every_class_one_at_least_and_never_all():
    train = clips_of({'P01': [40, 3, 2, 1, 15]})
    hold_out = choose_hold_out.settle(parse_hold_out('stratified:0.1'), train)
    parts = split_clips.hold_out_clips(train, [], hold_out)
    assert Counter(entry.label for entry in parts['val']) == {0: 4, 1: 1, 2: 1, 4: 2}
    assert Counter(entry.label for entry in parts['train']) == {0: 36, 1: 2, 2: 1, 3: 1, 4: 13}


def test_stratified_draws_by_seed_and_hardly_changes_when_clips_are_added():
    train = clips_of({'P01': [50], 'P02': [50]})
    drawn = choose_hold_out.draw_clips(train, 0.1, 0)
    assert drawn == choose_hold_out.draw_clips(train, 0.1, 0)
    assert drawn != choose_hold_out.draw_clips(train, 0.1, 1)
    more = [*train, *(clip('P03', 0, 900 + k) for k in range(10))]
    assert len(drawn & choose_hold_out.draw_clips(more, 0.1, 0)) >= 8


def test_classes_of_one_clip_cannot_be_stratified():
    with pytest.raises(split_clips.SplitError, match='no class has two training clips'):
        choose_hold_out.draw_clips(clips_of({'P01': [1, 1]}), 0.5, 0)
