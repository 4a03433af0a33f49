"""Which clips EGTEA-mini has, and how the three splits share them out; no pixels here."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from cdb_video_files.annotations import Annotation
from cdb_video_files.clip_names import ClipName
from prep.mini.clip import FPS, MAX_FRAMES
from prep.mini.motions import VERBS
from prep.mini.scene import NOUNS

NUM_SPLITS = 3
VAL_COUNT = 15
TEST_COUNT = 50
TEST_HOLD_OUT_SHARE = 0.24
"""Share of test clips by hold-out subjects, as P20 to P26 have of EGTEA itself."""

_HOLD_OUT_SUBJECTS = tuple(f'P{number}' for number in range(20, 27))
_OTHER_SUBJECTS = tuple(f'P{number:02d}' for number in range(1, 20)) + tuple(
    f'OP{number:02d}' for number in range(1, 7)
)
_RECIPES = (
    ('R01', 'PastaSalad'),
    ('R02', 'TurkeySandwich'),
    ('R03', 'BaconAndEggs'),
    ('R04', 'ContinentalBreakfast'),
    ('R05', 'Cheeseburger'),
    ('R06', 'GreekSalad'),
    ('R07', 'Pizza'),
)
_SESSIONS_PER_SUBJECT = 3
_Session = tuple[str, str, str]
"""Subject, recipe id, recipe."""
# EGTEA's own distribution of frames per clip: shares of its clips, and how long they are at most.
# fmt: off
_LENGTH_SHARE = (0.0, 0.01, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.57,
                 0.60, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 0.99, 0.995, 1.0)
_LENGTH_FRAMES = (15, 17, 20, 26, 32, 40, 48, 56, 64,
                  68, 88, 102, 123, 157, 210, 342, 711, 860, 2801)
# fmt: on


@dataclass(frozen=True)
class PlannedClip:
    """A clip before it is drawn.

    Attributes:
        index: Its number in the plan, from 0: with the seed, all that its pixels depend on.
        annotation: Name and ids.
        test_splits: The splits (1 to 3) in whose test list it stands; it is in the train list of
            the others.
    """

    index: int
    annotation: Annotation
    test_splits: frozenset[int]

    @property
    def num_frames(self) -> int:
        """Frames in the clip, as its name says."""
        return self.annotation.clip.end_frame - self.annotation.clip.start_frame


@dataclass(frozen=True)
class Plan:
    """All of EGTEA-mini but the pixels.

    Attributes:
        clips: Every clip once.
        actions: Action id (from 1) -> (verb id, noun id), the pairs that occur.
    """

    clips: tuple[PlannedClip, ...]
    actions: dict[int, tuple[int, int]]

    def split(self, number: int, part: str) -> list[Annotation]:
        """The annotations of 'train' or 'test' in a split (1 to 3), in EGTEA's order."""
        wanted = part == 'test'
        chosen = [c.annotation for c in self.clips if (number in c.test_splits) == wanted]
        return sorted(chosen, key=lambda a: (a.action, str(a.clip)))


@dataclass(frozen=True)
class _Group:
    """Clips of one verb by one kind of subject; they trade places between train and test."""

    verb: int
    hold_out: bool
    num_train: int
    num_test: int

    @property
    def size(self) -> int:
        return self.num_train + self.num_test


def class_sizes(verb: int, scale: float) -> tuple[int, int, int, int]:
    """Clips of a verb (id from 1): train, val, test by others, test by hold-out subjects."""
    train = max(2, round(VERBS[verb - 1].train_count * scale))
    val = max(2, round(VAL_COUNT * scale))
    test = max(2, round(TEST_COUNT * scale))
    test_hold_out = max(1, round(test * TEST_HOLD_OUT_SHARE))
    return train, val, test - test_hold_out, test_hold_out


def _groups(scale: float) -> list[_Group]:
    groups = []
    for verb in range(1, len(VERBS) + 1):
        train, val, test, test_hold_out = class_sizes(verb, scale)
        groups.append(_Group(verb, False, train, test))
        groups.append(_Group(verb, True, val, test_hold_out))
    return groups


def _test_splits(position: int, group: _Group) -> frozenset[int]:
    """In which splits a group's clip is a test clip.

    The test clips of split k are the k-th run of ``num_test`` clips, starting over at the end:
    test sets are disjoint where a group is large enough, and overlap as little as can be where
    it is not. Every split has the same counts per verb and kind of subject.
    """
    starts = ((split, (split - 1) * group.num_test) for split in range(1, NUM_SPLITS + 1))
    return frozenset(s for s, start in starts if (position - start) % group.size < group.num_test)


def _nouns_of_verbs(scale: float, rng: np.random.Generator) -> dict[int, list[int]]:
    """Noun ids of each verb, dealt out evenly so that a noun says little about the verb.

    A run of 2k - 1 clips that walks through k nouns in turn has every noun, wherever it starts
    and even where it starts over: no action is missing in train, val or test of any split.
    """
    deck: list[int] = []
    nouns: dict[int, list[int]] = {}
    for verb in range(1, len(VERBS) + 1):
        train, val, test, test_hold_out = class_sizes(verb, scale)
        most = (min(train, val, test, test_hold_out) + 1) // 2
        count = max(1, min(VERBS[verb - 1].num_nouns, most))
        hand: list[int] = []
        while len(hand) < count:
            if not deck:
                deck = (rng.permutation(len(NOUNS)) + 1).tolist()
            card = next((noun for noun in deck if noun not in hand), None)
            if card is None:
                deck += (rng.permutation(len(NOUNS)) + 1).tolist()
                continue
            deck.remove(card)
            hand.append(card)
        nouns[verb] = hand
    return nouns


def _make_sessions(subjects: tuple[str, ...], rng: np.random.Generator) -> list[_Session]:
    """Give each subject its sessions."""
    sessions: list[_Session] = []
    for subject in subjects:
        recipes = rng.choice(len(_RECIPES), _SESSIONS_PER_SUBJECT, replace=False)
        sessions += [(subject, *_RECIPES[recipe]) for recipe in sorted(recipes)]
    return sessions


def _train_splits(position: int, group: _Group) -> frozenset[int]:
    return frozenset(range(1, NUM_SPLITS + 1)) - _test_splits(position, group)


def _cover_subjects(
    session_of: dict[int, _Session], train_splits: dict[int, frozenset[int]], sessions: list[_Session]
) -> None:
    """See that every subject of `sessions` has a training clip in every split, in place.

    Chance leaves a subject without one only where there are few clips (a small scale). Then clips of
    those who have most move to it; nothing else changes, and no random number is drawn.
    """
    counts = {session[0]: Counter[int]() for session in sessions}
    for index, splits in train_splits.items():
        counts[session_of[index][0]].update(splits)
    for split in range(1, NUM_SPLITS + 1):
        for subject in counts:
            if counts[subject][split] > 0:
                continue
            # A clip that leaves its subject with another one in all splits that it serves.
            spare = [
                index
                for index, splits in train_splits.items()
                if split in splits and all(counts[session_of[index][0]][s] > 1 for s in splits)
            ]
            moved = max(spare, key=lambda index: (counts[session_of[index][0]][split], -index))
            counts[session_of[moved][0]].subtract(train_splits[moved])
            counts[subject].update(train_splits[moved])
            session_of[moved] = next(session for session in sessions if session[0] == subject)


class _Clock:
    """Gives the clips of a session their place in it, one after the other, at 24 fps."""

    def __init__(self) -> None:
        self._next_frame: dict[_Session, int] = {}

    def name_clip(self, session: _Session, num_frames: int, gap: int) -> ClipName:
        """Name the session's next clip, which starts `gap` frames after the last one's end.

        The frames are the action's, padded by a tenth of its duration on each side, so the
        action takes 1 / 1.2 of the clip.
        """
        start_frame = self._next_frame.get(session, 0) + gap
        self._next_frame[session] = start_frame + num_frames
        duration_ms = round(num_frames / 1.2 * 1000 / FPS)
        start_ms = round(start_frame * 1000 / FPS + 0.1 * duration_ms)
        return ClipName(*session, start_ms, start_ms + duration_ms, start_frame, start_frame + num_frames)


def draw_lengths(count: int, rng: np.random.Generator, max_frames: int = MAX_FRAMES) -> list[int]:
    """Frames per clip, from 15 on, as in EGTEA; clips beyond `max_frames` are cut to it."""
    lengths = np.interp(rng.random(count), _LENGTH_SHARE, _LENGTH_FRAMES)
    return [int(length) for length in np.rint(np.minimum(lengths, max_frames))]


def _narrow_sessions(
    session_of: dict[int, _Session],
    places: list[tuple[_Group, int]],
    sessions: list[_Session],
    rng: np.random.Generator,
) -> None:
    """Let every second verb have its training clips of split 1 by other subjects from two sessions, in place."""
    for verb in range(2, len(VERBS) + 1, 2):
        two = rng.choice(len(sessions), 2, replace=False)
        for index, (group, position) in enumerate(places):
            if group.verb == verb and not group.hold_out and 1 in _train_splits(position, group):
                session_of[index] = sessions[two[rng.integers(2)]]


def make_plan(seed: int, scale: float = 1.0, max_frames: int = MAX_FRAMES, few_sessions: bool = False) -> Plan:
    """Decide on all clips, their names, ids and splits.

    Args:
        seed: The same seed and scale give the same plan.
        scale: Factor on every count; at least 2 train, val and test clips per verb remain.
        max_frames: Length of the longest clip; with the same seed and scale, clips that are shorter than both of
            two such cuts are as long under the one as under the other.
        few_sessions: Whether every second verb has the training clips of split 1 by other subjects from two sessions;
            which and where all clips are but for that is as without.
    """
    rng = np.random.default_rng([seed, 0])
    nouns = _nouns_of_verbs(scale, rng)
    pairs = sorted((verb, noun) for verb, hand in nouns.items() for noun in hand)
    action_of = {pair: number for number, pair in enumerate(pairs, start=1)}
    sessions = {
        True: _make_sessions(_HOLD_OUT_SUBJECTS, rng),
        False: _make_sessions(_OTHER_SUBJECTS, rng),
    }
    places = [(group, position) for group in _groups(scale) for position in range(group.size)]
    lengths = draw_lengths(len(places), rng, max_frames)
    # A session's clips follow each other in time in random order, not verb by verb.
    order = rng.permutation(len(places)).tolist()
    session_of: dict[int, _Session] = {}
    gaps: dict[int, int] = {}
    for index in order:
        choices = sessions[places[index][0].hold_out]
        session_of[index] = choices[rng.integers(len(choices))]
        gaps[index] = int(rng.integers(24, 240))
    if few_sessions:
        _narrow_sessions(session_of, places, sessions[False], np.random.default_rng([seed, 3]))
    held_out = {i: _train_splits(position, group) for i, (group, position) in enumerate(places) if group.hold_out}
    _cover_subjects(session_of, held_out, sessions[True])
    clock = _Clock()
    clips: dict[int, PlannedClip] = {}
    for index in order:
        group, position = places[index]
        name = clock.name_clip(session_of[index], lengths[index], gaps[index])
        hand = nouns[group.verb]
        noun = hand[position % len(hand)]
        annotation = Annotation(name, action_of[group.verb, noun], group.verb, (noun,))
        clips[index] = PlannedClip(index, annotation, _test_splits(position, group))
    return Plan(
        clips=tuple(clips[index] for index in range(len(places))),
        actions={number: pair for pair, number in action_of.items()},
    )
