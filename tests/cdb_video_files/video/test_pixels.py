"""Frames to RGB: exact colours by every way, the same picture whether steps are done before or after the conversion."""

import av
import cv2
import numpy as np
import pytest

from cdb_video_files.video.orientation import TurnedError
from cdb_video_files.video.partial_resize import resize_part
from cdb_video_files.video.pixels import (
    Crop,
    Flip,
    Resize,
    RgbConverter,
    apply_steps,
    stepped_size,
)
from tests.support.clips import turn_by_header, write_picture_clip

COLOURS = np.array([(200, 60, 30), (20, 180, 220), (240, 240, 240), (30, 90, 40)])
STEPS = {
    'nothing': [],
    'resize': [Resize(85, 64)],
    'crop': [Crop(13, 5, 77, 60)],
    'resize and crop': [Resize(85, 64), Crop(7, 3, 62, 60)],
    'resize, crop, resize, flip': [Resize(85, 64), Crop(7, 3, 62, 60), Resize(48, 48), Flip()],
    'crop, resize, flip': [Crop(13, 5, 77, 60), Resize(48, 48), Flip(vertical=True)],
    'enlarge': [Resize(200, 150), Crop(0, 0, 150, 150)],
}
FORMATS = [
    # pixel format, AVColorSpace, AVColorRange
    ('yuv420p', None, None),
    ('yuv420p', 5, 1),  # BT.601, limited range
    ('yuvj420p', 5, 2),  # full range
    ('yuv420p', 1, 1),  # BT.709
    ('yuvj420p', 1, 2),
    ('yuv422p', 1, 1),
    ('yuv444p', 5, 1),
    ('yuv420p10le', 1, 1),  # from here on by way of RGB
    ('gray', None, None),
]


def smooth_image(width=128, height=96, seed=0):
    coarse = np.random.default_rng(seed).integers(40, 215, (5, 7, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def first_frame(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def exact_rgb(y, cb, cr, red, blue, full):
    """(H, W, 3) float RGB of full-size planes, by the textbook."""
    y, cb, cr = (plane.astype(float) for plane in (y, cb, cr))
    luma = y / 255 if full else (y - 16) / 219
    cb, cr = ((plane - 128) / (255 if full else 224) for plane in (cb, cr))
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return 255 * np.stack([r, (luma - red * r - blue * b) / (1 - red - blue), b], -1).clip(0, 1)


@pytest.mark.parametrize(('pix_fmt', 'colorspace', 'color_range'), FORMATS[:-1])
def test_colours_are_those_of_the_picture_whatever_the_format(tmp_path, pix_fmt, colorspace, color_range):
    image = np.repeat(np.repeat(COLOURS.reshape(2, 2, 3), 48, 0), 64, 1).astype(np.uint8)
    clip = write_picture_clip(tmp_path / 'a.mp4', image, pix_fmt, colorspace, color_range)
    for steps in ([], [Resize(64, 48)]):
        rgb = RgbConverter().rgb(first_frame(clip), steps)
        height, width = rgb.shape[:2]
        corners = [rgb[height * y // 4, width * x // 4] for y in (1, 3) for x in (1, 3)]
        np.testing.assert_allclose(corners, COLOURS, atol=3)


@pytest.mark.parametrize('full', [False, True])
@pytest.mark.parametrize(('colorspace', 'shares'), [(1, (0.2126, 0.0722)), (5, (0.299, 0.114)), (9, (0.2627, 0.0593))])
def test_the_conversion_is_exact_for_every_value_and_not_biased(colorspace, shares, full):
    planes = np.random.default_rng(0).integers(0, 256, (3, 64, 96), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format='yuv444p')
    frame.colorspace, frame.color_range = colorspace, 2 if full else 1
    error = RgbConverter().rgb(frame) - exact_rgb(*planes, *shares, full)
    assert np.abs(error).max() < 1.01
    assert np.abs(error.mean((0, 1))).max() < 0.1


@pytest.mark.parametrize('steps', STEPS)
@pytest.mark.parametrize(('pix_fmt', 'colorspace', 'color_range'), FORMATS)
def test_steps_before_the_conversion_give_the_picture_of_steps_after_it(
    tmp_path, pix_fmt, colorspace, color_range, steps
):
    clip = write_picture_clip(tmp_path / 'a.mp4', smooth_image(), pix_fmt, colorspace, color_range)
    frame = first_frame(clip)
    fused = RgbConverter().rgb(frame, STEPS[steps])
    unfused = apply_steps(RgbConverter().rgb(frame), STEPS[steps])
    assert fused.shape == unfused.shape
    difference = np.abs(fused.astype(float) - unfused)
    assert difference.mean() < 0.9
    assert difference.max() <= 5
    # A pixel's shift would show: the picture is no plain one.
    assert np.abs(np.roll(unfused.astype(float), 1, axis=1) - unfused).mean() > 1


def test_conversions_differ_from_swscales_usual_one_by_its_bias(tmp_path):
    frame = first_frame(write_picture_clip(tmp_path / 'a.mp4', smooth_image()))
    ours, usual = RgbConverter().rgb(frame).astype(float), frame.to_ndarray(format='rgb24')
    difference = ours - usual
    assert np.abs(difference.mean((0, 1))).max() < 2
    assert difference.mean() > 0.4, 'theirs is too dark'


@pytest.mark.parametrize('size', [(640, 480), (320, 240), (341, 256), (1280, 960), (100, 75)])
@pytest.mark.parametrize(
    'box', [(0, 0, 224, 224), (50, 16, 274, 240), (117, 32, 341, 256), (0, 0, 341, 256), (9, 250, 10, 251)]
)
def test_a_part_of_a_resized_image_is_that_part_of_the_whole(size, box):
    image = smooth_image(*size)[..., 0]
    left, top, right, bottom = box
    wanted = cv2.resize(image, (341, 256), interpolation=cv2.INTER_LINEAR)[top:bottom, left:right].astype(float)
    part = resize_part(image, (341, 256), box, cv2.INTER_LINEAR)
    assert part.shape == wanted.shape
    assert np.abs(part - wanted).max() <= 2
    assert np.abs(part - wanted).mean() < 0.3


def test_parts_of_any_place_are_found():
    rng = np.random.default_rng(0)
    for _ in range(300):
        image = rng.integers(0, 255, rng.integers(8, 90, 2), dtype=np.uint8)
        image = cv2.GaussianBlur(image, (0, 0), 4)
        width, height = (int(side) for side in rng.integers(8, 120, 2))
        left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
        right, bottom = int(rng.integers(left, width)) + 1, int(rng.integers(top, height)) + 1
        wanted = cv2.resize(image, (width, height))[top:bottom, left:right]
        part = resize_part(image, (width, height), (left, top, right, bottom), cv2.INTER_LINEAR)
        assert part.shape == wanted.shape
        assert np.abs(part.astype(float) - wanted).max() <= 4


@pytest.mark.parametrize('whole', [(340, 255), (342, 257), (339, 254), (330, 250), (350, 262)])
def test_a_part_is_not_shifted_where_the_image_nearly_keeps_its_size(whole):
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 255, (256, 341), dtype=np.uint8), (0, 0), 1.5)
    resized = cv2.resize(image, whole).astype(float)
    for left, top in zip(rng.integers(0, whole[0] - 224, 30).tolist(), rng.integers(0, 26, 30).tolist(), strict=True):
        wanted = resized[top : top + 224, left : left + 224]
        part = resize_part(image, whole, (left, top, left + 224, top + 224), cv2.INTER_LINEAR)
        assert part.shape == wanted.shape
        # Shifted by half a pixel, the worst of them would be 1.2 to 2.2 levels off.
        assert np.abs(part - wanted).mean() < 0.6


@pytest.mark.parametrize(('width', 'whole'), [(320, 341), (160, 341), (34, 440), (426, 454), (176, 224), (640, 341)])
def test_no_column_of_a_part_is_shifted(width, whole):
    # The value of a pixel is where it lies.
    image = np.tile(np.arange(width, dtype=np.float32), (64, 1))
    resized = cv2.resize(image, (whole, 64))
    for left in range(0, whole - 7, 3):
        for right in (left + 1, left + 7, whole):
            part = resize_part(image, (whole, 64), (left, 0, right, 64), cv2.INTER_LINEAR)
            assert np.abs(part - resized[:, left:right]).max() < 1 / 15 + 1e-3
            part = resize_part(image.T, (64, whole), (0, left, 64, right), cv2.INTER_LINEAR)
            assert np.abs(part.T - resized[:, left:right]).max() < 1 / 15 + 1e-3


def test_parts_of_tiny_images_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    for _ in range(400):
        width, height = rng.integers(1, 32, 2).tolist()
        size = rng.integers(1, 64, 2).tolist()
        image = rng.integers(0, 255, (height, width), dtype=np.uint8)
        left, top = (int(rng.integers(0, side)) for side in size)
        right, bottom = int(rng.integers(left, size[0])) + 1, int(rng.integers(top, size[1])) + 1
        wanted = cv2.resize(image, size)[top:bottom, left:right]
        part = resize_part(image, tuple(size), (left, top, right, bottom), cv2.INTER_LINEAR)
        np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize('size', [(2, 2), (4, 2), (16, 12)])
@pytest.mark.parametrize(
    'steps', [[Resize(8, 6), Crop(3, 1, 7, 5)], [Resize(40, 40), Crop(5, 9, 37, 40)], [Crop(0, 0, 2, 2)]]
)
def test_frames_of_a_few_pixels_are_read(size, steps):
    planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
    planes[: size[1]] = 126
    rgb = RgbConverter().rgb(av.VideoFrame.from_ndarray(planes, format='yuv420p'), steps)
    assert rgb.shape == (*stepped_size(size, steps)[::-1], 3)
    # 110 levels above black of the 219 between black and white.
    np.testing.assert_allclose(rgb, 128, atol=1)


@pytest.mark.parametrize('size', [(97, 65), (96, 65), (33, 200)])
def test_odd_sizes_keep_their_size_and_colours(size):
    image = smooth_image(*size)
    frame = av.VideoFrame.from_ndarray(image, format='rgb24').reformat(format='yuv420p')
    rgb = RgbConverter().rgb(frame)
    assert rgb.shape == image.shape
    assert np.abs(rgb.astype(float) - image).mean() < 4


@pytest.mark.parametrize(
    ('matrix', 'order'),
    [
        ((0, 1, -1, 0), [2, 0, 3, 1]),  # a quarter turn clockwise: the lower left corner comes to the upper left
        ((-1, 0, 0, -1), [3, 2, 1, 0]),
        ((0, -1, 1, 0), [1, 3, 0, 2]),
        ((-1, 0, 0, 1), [1, 0, 3, 2]),  # mirrored
    ],
)
def test_a_turned_video_comes_out_as_it_is_to_be_shown(tmp_path, matrix, order):
    image = np.repeat(np.repeat(COLOURS.reshape(2, 2, 3), 32, 0), 48, 1).astype(np.uint8)
    frame = first_frame(turn_by_header(write_picture_clip(tmp_path / 'a.mp4', image), matrix))
    rgb = RgbConverter().rgb(frame)
    assert rgb.shape[1::-1] == RgbConverter().shown_size(frame) == ((64, 96) if matrix[0] == 0 else (96, 64))
    height, width = rgb.shape[:2]
    corners = [rgb[height * y // 4, width * x // 4] for y in (1, 3) for x in (1, 3)]
    np.testing.assert_allclose(corners, COLOURS[order], atol=4)


def test_a_video_turned_by_another_angle_is_refused(tmp_path):
    path = turn_by_header(write_picture_clip(tmp_path / 'a.mp4', smooth_image()), (0.7071, 0.7071, -0.7071, 0.7071))
    with pytest.raises(TurnedError, match='turned by other than quarter turns'):
        RgbConverter().shown_size(first_frame(path))


def test_steps_on_an_image_are_opencvs_own():
    image = smooth_image()
    steps = STEPS['resize, crop, resize, flip']
    wanted = cv2.resize(cv2.resize(image, (85, 64))[3:60, 7:62], (48, 48))[:, ::-1]
    np.testing.assert_array_equal(RgbConverter().rgb(image, steps), wanted)
    for count in range(1, 5):
        wanted = apply_steps(image, steps[:count])
        out = np.zeros_like(wanted)
        assert RgbConverter().rgb(image, steps[:count], out) is out
        np.testing.assert_array_equal(out, wanted)
    assert apply_steps(image, [Resize(128, 96), Crop(0, 0, 10, 10)]).base is image, 'nothing is copied'


@pytest.mark.parametrize(
    'steps', [[Crop(0, 0, 129, 96)], [Crop(-1, 0, 20, 20)], [Resize(60, 40), Crop(0, 0, 61, 40)], [Crop(5, 5, 5, 9)]]
)
def test_a_crop_beyond_the_frame_is_an_error_and_not_a_smaller_picture(steps):
    with pytest.raises(ValueError, match='does not lie in a frame of'):
        stepped_size((128, 96), steps)
    assert stepped_size((128, 96), [Crop(0, 0, 128, 96), Resize(9, 8), Flip()]) == (9, 8)
