"""How clips are drawn into parts: shares of every class, whole groups, the same for the same seed."""

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from prep.own_data.clips import OwnClip, OwnClipsError, OwnLine
from prep.own_data.divide import class_quota, divide

HELD = {'val': 0.15, 'test': 0.15}


def lines_of(counts, groups=None, seed=0):
    """`counts` clips of each class; a clip's group is drawn from `groups` of them."""
    rng = np.random.default_rng(seed)
    lines = []
    for label, count in enumerate(counts):
        for number in range(count):
            group = None if groups is None else f'g{rng.integers(groups)}'
            lines.append(OwnLine(OwnClip(f'{label}/{number}.mp4', group), f'class {label}', None, ''))
    return lines


@pytest.mark.parametrize(
    ('clips', 'val', 'test'), [(1, 0, 0), (2, 1, 0), (3, 1, 1), (8, 1, 1), (10, 2, 2), (100, 15, 15)]
)
def test_a_class_gives_its_share_at_least_one_clip_and_keeps_one(clips, val, test):
    assert class_quota(clips, HELD) == {'val': val, 'test': test}


def test_a_quota_never_takes_the_last_clip_of_a_class():
    for clips, val, test in itertools.product(range(1, 40), (0.01, 0.15, 0.5, 0.9), (0.01, 0.09)):
        quota = class_quota(clips, {'val': val, 'test': test})
        assert clips - sum(quota.values()) >= 1
        assert clips < 3 or min(quota.values()) >= 1


def test_without_groups_every_class_has_its_quota_in_every_part():
    counts = (240, 40, 8, 3, 1)
    lines = lines_of(counts)
    parts = divide(lines, HELD, seed=0)
    found = Counter((line.label, part) for line, part in zip(lines, parts, strict=True))
    for label, count in enumerate(counts):
        quota = class_quota(count, HELD)
        assert {part: found[f'class {label}', part] for part in HELD} == quota
        assert found[f'class {label}', 'train'] == count - sum(quota.values())


@pytest.mark.parametrize('groups', [None, 20])
def test_the_order_of_the_lines_does_not_decide_and_the_seed_does(groups):
    lines = lines_of((60, 30, 10), groups)
    parts = divide(lines, HELD, seed=0)
    by_clip = dict(zip((line.clip for line in lines), parts, strict=True))
    assert divide(lines[::-1], HELD, seed=0) == [by_clip[line.clip] for line in lines[::-1]]
    assert any(divide(lines, HELD, seed=seed) != parts for seed in range(1, 4))


@pytest.mark.parametrize('seed', range(3))
def test_no_group_is_divided_and_the_classes_come_near_their_shares(seed):
    counts = (300, 120, 40, 20)
    lines = lines_of(counts, groups=40, seed=seed)
    parts = divide(lines, HELD, seed)
    of_group = defaultdict(set)
    for line, part in zip(lines, parts, strict=True):
        of_group[line.clip.group].add(part)
    assert all(len(found) == 1 for found in of_group.values())
    found = Counter((line.label, part) for line, part in zip(lines, parts, strict=True))
    for label, count in enumerate(counts):
        for part, share in HELD.items():
            # 40 groups of about 2.5 % each: within two of them.
            assert abs(found[f'class {label}', part] / count - share) <= 0.05 + 1 / count


@pytest.mark.parametrize(
    ('counts', 'groups', 'seed'),
    # The second needs more than one sweep over the groups.
    [((30, 20, 9), 9, 1), ((200, 60, 40, 20, 9, 7), 60, 7)],
)
def test_no_single_move_of_a_group_brings_the_parts_nearer_to_the_shares(counts, groups, seed):
    lines = lines_of(counts, groups, seed)
    part_of = {line.clip.group: part for line, part in zip(lines, divide(lines, HELD, seed), strict=True)}
    totals = Counter(line.label for line in lines)
    shares = {'train': 0.7, **HELD}

    def chi_squared(part_of):
        found = Counter((part_of[line.clip.group], line.label) for line in lines)
        wanted = {(part, label): share * totals[label] for part, share in shares.items() for label in totals}
        return sum((found[key] - value) ** 2 / value for key, value in wanted.items())

    best = chi_squared(part_of)
    for group, part in itertools.product(part_of, shares):
        assert chi_squared({**part_of, group: part}) >= best - 1e-9


def test_a_group_larger_than_the_share_still_leaves_no_part_empty():
    lines = lines_of((30, 30), groups=3)
    assert set(divide(lines, {'val': 0.01, 'test': 0.01}, 0)) == {'train', 'val', 'test'}


def test_fewer_groups_than_parts_are_refused():
    with pytest.raises(OwnClipsError, match=r'2 groups cannot fill 3 parts \(train, val, test\)'):
        divide(lines_of((30, 30), groups=2), HELD, 0)


def test_too_few_clips_for_the_parts_are_refused():
    with pytest.raises(OwnClipsError, match='no clip is left for val, test'):
        divide(lines_of((1, 1)), HELD, 0)


def test_shares_of_nothing_leave_everything_to_training():
    assert set(divide(lines_of((5, 3)), {'val': 0.0, 'test': 0.0}, 0)) == {'train'}
