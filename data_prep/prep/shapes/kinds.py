"""The twelve classes: their names and their outlines. Pure functions of a random generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2) float, x and y."""
Outlines = list[Points]
"""What lies within an odd number of them is the shape: a second one is a hole."""

_STRETCH = (0.93, 1.0)
"""No shape is drawn exactly: it is so much narrower along an axis of its own."""
_ROUND = 48


@dataclass(frozen=True)
class Kind:
    """A class of shapes.

    Attributes:
        name: As in the annotations.
        definition: A sentence without a full stop.
        outlines: Draws the outlines of one, none of whose points is farther than 1 from the origin.
    """

    name: str
    definition: str
    outlines: Callable[[np.random.Generator], Outlines]


def draw_outlines(kind: Kind, rng: np.random.Generator) -> Outlines:
    """Outlines of one shape of a class, stretched a little and turned by any angle; within the unit circle."""
    stretched = np.diag([1.0, rng.uniform(*_STRETCH)])
    axis, angle = rng.uniform(0, 2 * np.pi, 2)
    change = _turn(angle) @ stretched @ _turn(axis)
    return [points @ change.T for points in kind.outlines(rng)]


def _turn(angle: float) -> Points:
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _polygon(corners: int, reach: float = 1.0) -> Points:
    turns = np.arange(corners) * 2 * np.pi / corners
    return reach * np.stack([np.cos(turns), np.sin(turns)], axis=1)


def _star(points: int) -> Callable[[np.random.Generator], Outlines]:
    def draw(rng: np.random.Generator) -> Outlines:
        reach = np.where(np.arange(2 * points) % 2, rng.uniform(0.52, 0.68), rng.uniform(0.86, 1.0, 2 * points))
        return [_polygon(2 * points) * reach[:, None]]

    return draw


def _ellipse(rng: np.random.Generator) -> Outlines:
    return [_polygon(_ROUND) * (1, rng.uniform(0.68, 0.84))]


def _rhombus(rng: np.random.Generator) -> Outlines:
    return [_polygon(4) * (1, rng.uniform(0.6, 0.8))]


def _ring(rng: np.random.Generator) -> Outlines:
    return [_polygon(_ROUND), _polygon(_ROUND, rng.uniform(0.45, 0.6))]


def _frame(rng: np.random.Generator) -> Outlines:
    return [_polygon(4), _polygon(4, rng.uniform(0.45, 0.6))]


def _cross(rng: np.random.Generator) -> Outlines:
    half = rng.uniform(0.24, 0.34)
    reach = np.sqrt(1 - half**2)
    arm = np.array([(reach, -half), (reach, half), (half, half)])
    return [np.concatenate([arm @ _turn(k * np.pi / 2).T for k in range(4)])]


def _arrow(rng: np.random.Generator) -> Outlines:
    half = rng.uniform(0.18, 0.26)
    tail = -np.sqrt(1 - half**2)
    upper = np.array([(tail, half), (0.1, half), (0.1, 0.7), (1.0, 0.0)])
    lower = upper[-2::-1] * (1, -1)
    return [np.concatenate([upper, lower])]


def _crescent(rng: np.random.Generator) -> Outlines:
    horn, depth = rng.uniform(0.9, 1.1), rng.uniform(0.1, 0.3)
    outer = np.linspace(horn, 2 * np.pi - horn, _ROUND)
    # The inner edge goes back from horn to horn, on an arc of an ellipse.
    inner = np.linspace(-np.pi / 2, np.pi / 2, _ROUND)[1:-1]
    back = np.stack([np.cos(horn) - (np.cos(horn) + depth) * np.cos(inner), np.sin(horn) * np.sin(inner)], axis=1)
    return [np.concatenate([np.stack([np.cos(outer), np.sin(outer)], axis=1), back])]


KINDS = (
    Kind('circle', 'a full circle', lambda rng: [_polygon(_ROUND)]),
    Kind('ellipse', 'a full ellipse, about three quarters as wide as long', _ellipse),
    Kind('triangle', 'a triangle of three equal sides', lambda rng: [_polygon(3)]),
    Kind('ring', 'a circle with a round hole', _ring),
    Kind('square', 'a full square', lambda rng: [_polygon(4)]),
    Kind('cross', 'four arms of equal length', _cross),
    Kind('rhombus', 'four equal sides, about seven tenths as wide as long', _rhombus),
    Kind('arrow', 'a shaft with a head', _arrow),
    Kind('frame', 'a square with a square hole', _frame),
    Kind('five_pointed_star', 'a star of five points', _star(5)),
    Kind('crescent', 'a circle from which a rounder one has taken most', _crescent),
    Kind('six_pointed_star', 'a star of six points', _star(6)),
)
"""In the order of their labels. Alike are circle and ellipse, square and rhombus, the stars; they stand among the first
as among the last, so that hard is not the same as rare."""
ALIKE = (('circle', 'ellipse'), ('square', 'rhombus'), ('five_pointed_star', 'six_pointed_star'))
