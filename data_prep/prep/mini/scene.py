"""The nouns and the look of EGTEA-mini: sprites, kitchens, camera, and a clip's frames.

Distances are given for a 64-pixel frame and scaled with the frame size.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prep.mini.motions import FloatArray, Pose, Verb

FloatImage = NDArray[np.float32]
UInt8Array = NDArray[np.uint8]

_SHAPES = ('disc', 'square', 'triangle', 'star', 'cross', 'hand')
_HUES = {'red': (0.97, 1.05), 'blue': (0.56, 0.64)}
NOUNS = tuple(f'{colour}_{shape}' for shape in _SHAPES for colour in _HUES)
_NOISE = 5.0
"""Standard deviation of the sensor noise, in grey levels."""
_PATCH = 96
"""Side of a sprite's own image in pixels: larger than on screen, so that growing stays sharp."""


@dataclass(frozen=True)
class Kitchen:
    """What all clips of a session share.

    Attributes:
        brightness: Mean grey level of the background, 40 to 90.
        tint: (3,) factor per RGB channel.
    """

    brightness: float
    tint: FloatArray


def make_kitchen(rng: np.random.Generator) -> Kitchen:
    """Draw the looks of one session."""
    return Kitchen(float(rng.uniform(40.0, 90.0)), rng.uniform(0.85, 1.15, size=3))


def _outline(shape: str) -> NDArray[np.int32]:
    """Corners of a shape in patch pixels, (N, 2)."""
    centre, radius = _PATCH / 2, _PATCH * 0.42
    if shape == 'disc':
        angles, radii = np.linspace(0, 2 * np.pi, 40, endpoint=False), np.ones(40)
    elif shape == 'square':
        angles, radii = np.pi / 4 + np.arange(4) * np.pi / 2, np.ones(4)
    elif shape == 'triangle':
        angles, radii = -np.pi / 2 + np.arange(3) * 2 * np.pi / 3, np.ones(3)
    elif shape == 'star':
        angles, radii = np.arange(10) * np.pi / 5, np.tile([1.0, 0.45], 5)
    elif shape == 'cross':
        steps = np.array([-0.3, 0.3])
        angles = (np.arange(4)[:, None] * np.pi / 2 + steps).ravel()
        inner = np.arange(4) * np.pi / 2 + np.pi / 4
        angles = np.insert(angles, [2, 4, 6, 8], inner)
        radii = np.insert(np.ones(8), [2, 4, 6, 8], 0.42)
    else:  # hand: a palm with four fingers
        angles = np.linspace(0.15 * np.pi, 1.85 * np.pi, 9)
        radii = np.array([0.5, 0.45, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 0.8])
    points = centre + radius * np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return np.round(points).astype(np.int32)


def _draw_sprite(noun: str, rng: np.random.Generator) -> FloatImage:
    """Paint a noun: (_PATCH, _PATCH, 4) float32 RGBA, premultiplied; RGB to 255, A to 1."""
    colour, shape = noun.split('_', 1)
    hue = rng.uniform(*_HUES[colour]) % 1.0
    hsv = np.array([[[hue * 179, rng.uniform(120, 230), rng.uniform(150, 255)]]], dtype=np.uint8)
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    image = np.zeros((_PATCH, _PATCH, 4), np.float32)
    cv2.fillPoly(image, [_outline(shape)], (*rgb.tolist(), 1.0), cv2.LINE_8)
    # An off-centre mark: without it a turning disc would look like one that rests.
    inside = image[..., 3:] > 0
    marked = image.copy()
    middle = _PATCH // 2
    dark = (*(rgb * 0.35).tolist(), 1.0)
    cv2.rectangle(marked, (middle, middle - 6), (int(_PATCH * 0.84), middle + 6), dark, -1)
    image = np.where(inside, marked, image)
    turned = cv2.getRotationMatrix2D((middle, middle), rng.uniform(0, 360), 1.0)
    image = cv2.warpAffine(image, turned, (_PATCH, _PATCH))
    # Blurred here, since a warp that shrinks does not average.
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.float32)


def _paste(frame: FloatImage, sprite: FloatImage, place: FloatArray) -> None:
    """Lay a sprite over a frame, in place.

    Args:
        frame: (S, S, 3) float32, changed.
        sprite: (_PATCH, _PATCH, 4) float32 premultiplied RGBA.
        place: x and y of the centre in pixels, angle in degrees (clockwise), side in pixels,
            opacity in [0, 1].
    """
    x, y, angle, side, opacity = place
    reach = int(np.ceil(side * 0.75)) + 1
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    window = frame[top : int(y) + reach + 1, left : int(x) + reach + 1]
    if opacity <= 0 or window.size == 0:
        return
    centre = (_PATCH - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), -angle, side / _PATCH)
    matrix[:, 2] += (x - left - centre, y - top - centre)
    layer = cv2.warpAffine(sprite, matrix, window.shape[1::-1], flags=cv2.INTER_LINEAR)
    window *= 1.0 - opacity * layer[..., 3:]
    window += opacity * layer[..., :3]


def _paint_background(kitchen: Kitchen, size: int, rng: np.random.Generator) -> FloatImage:
    """A textured surface, twice as wide as the frame: (2S, 2S, 3) float32."""
    side = 2 * size
    texture = np.zeros((side, side), np.float32)
    for cells in (8, 24):
        noise = rng.standard_normal((cells, cells), dtype=np.float32)
        texture += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    texture *= 20.0 / max(float(texture.std()), 1e-6)
    return (kitchen.brightness + texture[..., None]) * kitchen.tint.astype(np.float32)


def _camera_path(pan: float, num_frames: int, unit: float, rng: np.random.Generator) -> FloatArray:
    """Where the world is relative to the frame: (T, 2) pixels, a steady pan plus jitter."""
    heading = rng.uniform(0, 2 * np.pi)
    time = np.linspace(-0.5, 0.5, num_frames)[:, None]
    path: FloatArray = pan * time * np.array([np.cos(heading), np.sin(heading)])
    return path * unit + rng.normal(0.0, 0.3 * unit, (num_frames, 2))


def _progress(num_frames: int, rng: np.random.Generator) -> FloatArray:
    """How far the action is at each frame: it fills 60 to 90 % of the clip."""
    share = rng.uniform(0.6, 0.9)
    start = rng.uniform(0.0, 1.0 - share)
    time = np.linspace(0.0, 1.0, num_frames)
    return np.clip((time - start) / share, 0.0, 1.0)


def _places(pose: Pose, size: int, rng: np.random.Generator) -> list[FloatArray]:
    """Turn a pose into what :func:`_paste` takes: one (T, 5) array per piece of the sprite."""
    unit = size / 64
    time = np.linspace(-0.5, 0.5, len(pose.x))
    drift = rng.uniform(-2.0, 2.0, 2) * unit
    twist = rng.uniform(-7.5, 7.5)
    home = size / 2 + rng.uniform(-5.0, 5.0, 2) * unit
    # The shape fills 0.84 of its patch.
    side = rng.uniform(20.0, 28.0) * unit / 0.84
    place = np.stack(
        [
            home[0] + pose.x + drift[0] * time,
            home[1] + pose.y + drift[1] * time,
            pose.angle + twist * time,
            side * pose.scale,
            pose.opacity,
        ],
        axis=1,
    )
    if not pose.gap.any():
        return [place]
    half = np.zeros_like(place)
    half[:, 0] = pose.gap / 2
    return [place - half, place + half]


def render_clip(
    verb: Verb,
    noun: str,
    *,
    kitchen: Kitchen,
    num_frames: int,
    size: int,
    rng: np.random.Generator,
) -> UInt8Array:
    """Draw one clip.

    Args:
        verb: What happens.
        noun: What it happens to, one of ``NOUNS``.
        kitchen: Looks of the session.
        num_frames: T, at least 1.
        size: S, side of the square frame in pixels.
        rng: The clip's own generator; the same state gives the same pixels.

    Returns:
        (T, S, S, 3) uint8 RGB.
    """
    unit = size / 64
    pose = verb.motion(_progress(num_frames, rng), rng, unit)
    camera = _camera_path(rng.uniform(*verb.camera_pan), num_frames, unit, rng)
    background = _paint_background(kitchen, size, rng)
    sprite = _draw_sprite(noun, rng)
    places = _places(pose, size, rng)
    if rng.random() < 0.5:
        _add_distractor(background, size, rng)
    frames = np.empty((num_frames, size, size, 3), np.float32)
    for index, (shift_x, shift_y) in enumerate(camera):
        matrix = np.array([[1, 0, shift_x - size / 2], [0, 1, shift_y - size / 2]])
        cv2.warpAffine(background, matrix, (size, size), frames[index], borderMode=cv2.BORDER_REFLECT)
        for place in places:
            _paste(frames[index], sprite, place[index] + (shift_x, shift_y, 0, 0, 0))
    # Grey noise, as a sensor's is mostly; colour noise would be lost in the encoding anyway.
    noise = rng.standard_normal((num_frames, size, size, 1), dtype=np.float32)
    frames += noise * np.float32(_NOISE)
    shown: UInt8Array = np.clip(frames + np.float32(0.5), 0, 255).astype(np.uint8)
    return shown


def _add_distractor(background: FloatImage, size: int, rng: np.random.Generator) -> None:
    """Put a small thing near the frame's edge; it stays where it is in the world."""
    unit = size / 64
    sprite = _draw_sprite(NOUNS[rng.integers(len(NOUNS))], rng)
    heading = rng.uniform(0, 2 * np.pi)
    x, y = size + 24 * unit * np.array([np.cos(heading), np.sin(heading)])
    _paste(background, sprite, np.array([x, y, 0.0, rng.uniform(12.0, 18.0) * unit, 1.0]))
