"""The verbs of EGTEA-mini: how a sprite moves, as a function of the action's progress.

A motion is a function ``(progress, rng, unit) -> Pose`` where ``progress`` is a (T,) float array
in [0, 1] that runs from 0 (before the action) to 1 (after it). Motions live in this normalised
time, so that a clip of 15 frames shows the same action as one of 64. ``unit`` is the size of
1/64 of the frame in pixels: all distances below are for a 64-pixel frame.

Difficulty is meant to differ from frequency: the two rotations, the two shakes and holding still
under a moving camera are easily confused though some of them are frequent, while some rare verbs
(moving up, moving up and down) look like nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass
class Pose:
    """Where a sprite is and how it looks, per frame; every array is (T,) float64.

    Attributes:
        x: Offset to the right of the resting place, in pixels.
        y: Offset downwards, in pixels.
        angle: Rotation in degrees, clockwise on the screen.
        scale: Size relative to the sprite's own, > 0.
        opacity: 0 (invisible) to 1.
        gap: Distance between the two halves of a splitting sprite, in pixels; 0 = one piece.
    """

    x: FloatArray
    y: FloatArray
    angle: FloatArray
    scale: FloatArray
    opacity: FloatArray
    gap: FloatArray


Motion = Callable[[FloatArray, np.random.Generator, float], Pose]


@dataclass(frozen=True)
class Verb:
    """One verb of EGTEA-mini.

    Attributes:
        name: As written in ``verb_idx.txt``.
        train_count: Training clips at scale 1: EGTEA's own count for this verb id (all
            but the hold-out subjects of split 1), scaled to 240 for the largest and at least 8.
        num_nouns: With how many nouns the verb occurs.
        motion: How it moves.
        camera_pan: Range of the camera's own path over the clip, in 1/64 of the frame.
    """

    name: str
    train_count: int
    num_nouns: int
    motion: Motion
    camera_pan: tuple[float, float] = field(default=(0.0, 7.0))


def _rest(progress: FloatArray) -> Pose:
    """A sprite that does nothing."""
    zero = np.zeros_like(progress)
    one = np.ones_like(progress)
    return Pose(zero, zero.copy(), zero.copy(), one, one.copy(), zero.copy())


def _ease(progress: FloatArray) -> FloatArray:
    """Smoothstep: a hand starts and stops gently."""
    return progress * progress * (3.0 - 2.0 * progress)


def _amplitude(rng: np.random.Generator, unit: float) -> float:
    return float(15.0 * rng.uniform(0.75, 1.25) * unit)


def _slide(x: float, y: float) -> Motion:
    """Move in the direction (x, y), centred on the resting place."""

    def motion(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
        pose = _rest(progress)
        path = _amplitude(rng, unit) * (_ease(progress) - 0.5)
        pose.x, pose.y = x * path, y * path
        return pose

    return motion


def _swing(x: float, y: float) -> Motion:
    """Go out to one side, back through the resting place to the other side, and home."""

    def motion(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
        pose = _rest(progress)
        path = 0.5 * _amplitude(rng, unit) * np.sin(2.0 * np.pi * _ease(progress))
        pose.x, pose.y = x * path, y * path
        return pose

    return motion


def _shake(low_cycles: float, high_cycles: float) -> Motion:
    """Tremble sideways; the number of cycles per action is all that tells slow from fast."""

    def motion(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
        pose = _rest(progress)
        cycles = rng.uniform(low_cycles, high_cycles)
        size = 4.0 * rng.uniform(0.75, 1.25) * unit
        pose.x = size * np.sin(2.0 * np.pi * cycles * progress) * (progress < 1.0)
        return pose

    return motion


def _rotate(sign: float) -> Motion:
    """Turn by 6 to 55 degrees: small turns hide in the drift that every clip has."""

    def motion(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
        pose = _rest(progress)
        pose.angle = sign * rng.uniform(6.0, 55.0) * (_ease(progress) - 0.5)
        return pose

    return motion


def _resize(power: float) -> Motion:
    """Grow (power 1) or shrink (power -1) by a factor of 1.25 to 2."""

    def motion(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
        pose = _rest(progress)
        factor = rng.uniform(1.25, 2.0)
        # Centred in log size, so that the mean size says nothing about the direction.
        pose.scale = factor ** (power * (_ease(progress) - 0.5))
        return pose

    return motion


def _separate(backwards: bool) -> Motion:
    """Two halves part sideways, or come together."""

    def motion(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
        pose = _rest(progress)
        path = _ease(progress)
        pose.gap = _amplitude(rng, unit) * (1.0 - path if backwards else path)
        return pose

    return motion


def _zigzag(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
    """Slide to either side while swerving up and down."""
    pose = _rest(progress)
    side = rng.choice([-1.0, 1.0])
    pose.x = side * _amplitude(rng, unit) * (progress - 0.5)
    cycles = rng.uniform(1.5, 3.0)
    pose.y = 4.0 * rng.uniform(0.75, 1.25) * unit * np.sin(2.0 * np.pi * cycles * progress)
    return pose


def _circle(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
    """One full turn on a circle, in either sense."""
    pose = _rest(progress)
    turn = 2.0 * np.pi * _ease(progress) * rng.choice([-1.0, 1.0]) + rng.uniform(0.0, 2.0 * np.pi)
    radius = 0.5 * _amplitude(rng, unit)
    pose.x, pose.y = radius * np.cos(turn), radius * np.sin(turn)
    return pose


def _bounce(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
    """Two or three hops, each lower than the one before."""
    pose = _rest(progress)
    hops = int(rng.integers(2, 4))
    phase = progress * hops
    height = _amplitude(rng, unit) * 0.65 ** np.floor(np.minimum(phase, hops - 1e-9))
    pose.y = 0.4 * height.max() - height * np.abs(np.sin(np.pi * phase))
    return pose


def _vanish(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
    """Be gone from somewhere in the first half of the action on."""
    pose = _rest(progress)
    pose.opacity = np.where(progress > rng.uniform(0.15, 0.5), 0.0, 1.0)
    return pose


def _hold(progress: FloatArray, rng: np.random.Generator, unit: float) -> Pose:
    """Nothing but the drift and the camera."""
    return _rest(progress)


# Line k is verb id k + 1, with EGTEA's own count for that id behind its train count.
VERBS = (
    Verb('Shake fast', 72, 4, _shake(3.3, 6.0)),
    Verb('Shake slowly', 132, 5, _shake(2.0, 4.2)),
    Verb('Rotate clockwise', 240, 6, _rotate(1.0)),
    Verb('Rotate counter-clockwise', 139, 5, _rotate(-1.0)),
    Verb('Move left/right', 22, 4, _swing(1.0, 0.0)),
    Verb('Move right', 225, 6, _slide(1.0, 0.0)),
    Verb('Split', 22, 4, _separate(backwards=False)),
    Verb('Zigzag', 52, 4, _zigzag),
    Verb('Circle', 38, 4, _circle),
    Verb('Hold still', 42, 4, _hold, camera_pan=(8.0, 20.0)),
    Verb('Vanish', 9, 3, _vanish),
    Verb('Move up', 9, 3, _slide(0.0, -1.0)),
    Verb('Grow', 23, 4, _resize(1.0)),
    Verb('Move down', 8, 3, _slide(0.0, 1.0)),
    Verb('Merge', 13, 4, _separate(backwards=True)),
    Verb('Move left', 20, 4, _slide(-1.0, 0.0)),
    Verb('Move up/down', 8, 3, _swing(0.0, 1.0)),
    Verb('Shrink', 8, 3, _resize(-1.0)),
    Verb('Bounce', 8, 3, _bounce),
)
