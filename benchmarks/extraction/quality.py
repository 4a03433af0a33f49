"""Colours of extracted frames against exact BT.601: ours and those of a cv2 loop."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg
from prep.frames.clip_frames import ClipFrames
from prep.frames.jpegs import JpegEncoder
from prep.frames.manifest import Options


def measure_quality(path: Path) -> dict[str, float]:
    """Colour bias in levels of 255 and PSNR in dB at full size and quality 90, of ours and cv2's."""
    encoder = JpegEncoder(Options(short_side=0))
    capture = cv2.VideoCapture(str(path))
    errors: dict[str, list[np.ndarray]] = {'ours': [], 'cv2': []}
    for frame in ClipFrames(path, Options()):
        exact = exact_rgb(frame)
        _, image = capture.read()
        _, jpeg = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        errors['ours'].append(simplejpeg.decode_jpeg(encoder.encode(frame)) - exact)
        errors['cv2'].append(simplejpeg.decode_jpeg(jpeg.tobytes()) - exact)
    found = {}
    for name, values in errors.items():
        error = np.stack(values[::6])
        found[f'{name}_bias'] = float(np.abs(error.mean((0, 1, 2))).max())
        found[f'{name}_psnr'] = float(10 * np.log10(255**2 / (error**2).mean()))
    return found


def exact_rgb(frame: av.VideoFrame) -> np.ndarray:
    """(H, W, 3) float: BT.601, limited range, chroma interpolated linearly, all in floating point."""
    width, height = frame.width, frame.height
    packed = frame.to_ndarray(format='yuv420p').astype(np.float32)
    blue, red = (
        (cv2.resize(p, (width, height)) - 128) / 224 for p in packed[height:].reshape(2, height // 2, width // 2)
    )
    luma = (packed[:height] - 16) / 219
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    return 255 * rgb.clip(0, 1)
