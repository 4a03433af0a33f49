"""What the pixels of extracted frames are: exact colours, upright, unshifted, chosen frame by frame."""

import gc
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from prep.decode.errors import VideoError
from prep.decode.frame_planes import FrameReducer, reduced_size
from prep.frames.clip_frames import ClipFrames
from prep.frames.frame_choice import FrameChoice
from prep.frames.jpegs import JpegEncoder
from prep.frames.manifest import Options

from tests.support.clips import turn_by_header, write_clip, write_paced, write_picture_clip

COLOURS = np.array([(200, 60, 30), (20, 180, 220), (240, 240, 240), (30, 90, 40)])


def extract(path, **options):
    """The chosen frames after JPEG, (H, W, 3) RGB."""
    options = Options(**{'quality': 100, **options})
    encoder = JpegEncoder(options)
    return [simplejpeg.decode_jpeg(encoder.encode(frame)) for frame in ClipFrames(path, options)]


def four_colours(height=64, width=96):
    image = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(COLOURS):
        row, column = divmod(number, 2)
        image[row * height // 2 : (row + 1) * height // 2, column * width // 2 : (column + 1) * width // 2] = colour
    return image


def corners(image):
    """The colours in the middles of the four quarters, in reading order."""
    height, width = image.shape[:2]
    return [image[height * y // 4, width * x // 4] for y in (1, 3) for x in (1, 3)]


@pytest.mark.parametrize('backend', ['pyav', 'decord'])
@pytest.mark.parametrize(
    ('pix_fmt', 'colorspace', 'color_range'),
    [
        ('yuv420p', None, None),
        ('yuv420p', 5, 1),  # BT.601, limited range
        ('yuv420p', 6, 1),
        ('yuvj420p', 5, 2),  # full range
        ('yuv420p', 1, 1),  # BT.709
        ('yuvj420p', 1, 2),
        ('yuv444p', 5, 1),
        ('yuv422p', 1, 1),
    ],
)
def test_colours_are_those_of_the_picture_whatever_the_matrix_and_the_range(
    tmp_path, backend, pix_fmt, colorspace, color_range
):
    pytest.importorskip(backend if backend == 'decord' else 'av')
    clip = write_picture_clip(tmp_path / 'a.mp4', four_colours(), pix_fmt, colorspace, color_range)
    for short_side in (0, 48):
        for image in extract(clip, short_side=short_side, backend=backend):
            # decord converts as swscale does by default, about a level too dark.
            np.testing.assert_allclose(corners(image), COLOURS, atol=3 if backend == 'pyav' else 4)


def exact_rgb(frame):
    """BT.601, limited range, to RGB in floating point; (H, W, 3)."""
    height, width = frame.height, frame.width
    packed = frame.to_ndarray(format='yuv420p').astype(float)
    luma, chroma = packed[:height], packed[height:].reshape(2, height // 2, width // 2)
    blue, red = ((cv2.resize(plane, (width, height)) - 128) / 224 for plane in chroma)
    luma = (luma - 16) / 219
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    return 255 * rgb.clip(0, 1)


def test_both_ways_to_a_picture_are_exact_and_neither_is_biased(tmp_path):
    coarse = np.random.default_rng(0).integers(40, 215, (6, 8, 3), dtype=np.uint8)
    clip = write_picture_clip(tmp_path / 'a.mp4', cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC))
    reducer = FrameReducer(0)
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
        planes = [np.ascontiguousarray(plane) for plane in reducer.planes(frame)]
        image = reducer.image(frame)[..., ::-1]
    jpeg = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg_yuv_planes(*planes, quality=100))
    for shown in (jpeg, image):
        difference = shown - exact_rgb(frame)
        # swscale's quick conversion, OpenCV's and decord's, is off by 0.8 to 1.5 levels.
        assert np.abs(difference.mean((0, 1))).max() < 0.2
        assert np.abs(difference).mean() < 1


@pytest.mark.parametrize('size', [(97, 65), (96, 65), (97, 64), (640, 480), (33, 200), (3, 3)])
def test_odd_sizes_keep_their_shape_and_shift_no_colour(tmp_path, size):
    # Two halves of one brightness and different colours: what moves is colour alone.
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (180, 60, 80)
    image[:, width // 2 :] = (40, 120, 90)
    clip = write_picture_clip(tmp_path / 'a.mp4', image, 'yuv444p')
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
        if size != (3, 3):
            # No encoder writes odd 4:2:0; the planes are what a decoder of such a stream would give.
            frame = frame.reformat(format='yuv420p')
        reducer = FrameReducer(min(size) * 2 // 3)
        planes, direct = reducer.planes(frame), reducer.image(frame)
    assert direct.shape[:2][::-1] == reduced_size(width, height, min(size) * 2 // 3)
    if planes is not None:
        assert planes[0].shape == direct.shape[:2]
        assert planes[1].shape == tuple((side + 1) // 2 for side in direct.shape[:2])
        shown = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg_yuv_planes(*map(np.ascontiguousarray, planes)))
        assert np.abs(shown[..., ::-1].astype(float) - direct).mean() < 4


def test_the_colours_at_the_right_edge_of_an_odd_width_are_not_moved():
    # A ramp of colour over 640 pixels; reduced to 341 its values must be those of the luma's places.
    frame = av.VideoFrame(640, 480, 'yuv420p')
    ramp = np.tile(np.linspace(16, 235, 640), (480, 1))
    for plane, values in zip(frame.planes, (ramp, ramp[::2, ::2], ramp[::2, ::2]), strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = np.rint(values[:, : plane.width])
        plane.update(padded.tobytes())
    frame.color_range = 2
    luma, blue, _ = FrameReducer(256).planes(frame)
    assert luma.shape == (256, 341)
    assert blue.shape == (128, 171)
    # Chroma sample j lies between the pixels 2 j and 2 j + 1; the ramp of the source's samples lies half a pixel left.
    wanted = (luma[::2, 0:340:2].astype(float) + luma[::2, 1:341:2]) / 2 - 219 / 639 * 0.5
    np.testing.assert_allclose(blue[:, 1:169], wanted[:, 1:169], atol=1.5)
    # Shifted by a pixel the mean would be off by 0.6.
    assert abs((blue[:, 150:169] - wanted[:, 150:169]).mean()) < 0.2


@pytest.mark.parametrize('size', [(43, 32), (44, 31), (43, 33)])
def test_the_jpeg_of_an_odd_size_does_not_depend_on_what_lies_behind_its_pixels(size, monkeypatch):
    rng = np.random.default_rng(0)
    sides = [size[::-1], *[tuple((side + 1) // 2 for side in size[::-1])] * 2]
    planes = [rng.integers(0, 255, shape, dtype=np.uint8) for shape in sides]
    jpegs = set()
    for behind in (0, 100, 255):
        memory = np.full(planes[0].size + 500, behind, np.uint8)
        luma = memory[: planes[0].size].reshape(planes[0].shape)
        luma[:] = planes[0]
        monkeypatch.setattr(FrameReducer, 'planes', lambda reducer, frame, luma=luma: (luma, *planes[1:]))
        jpegs.add(JpegEncoder(Options()).encode(av.VideoFrame(*size, 'yuv420p')))
    assert len(jpegs) == 1


@pytest.mark.parametrize(
    ('matrix', 'order'),
    [
        ((1, 0, 0, 1), [0, 1, 2, 3]),
        ((0, 1, -1, 0), [2, 0, 3, 1]),  # a quarter turn clockwise: the lower left corner comes to the upper left
        ((-1, 0, 0, -1), [3, 2, 1, 0]),
        ((0, -1, 1, 0), [1, 3, 0, 2]),
        ((-1, 0, 0, 1), [1, 0, 3, 2]),  # mirrored
        ((0, 1, 1, 0), [0, 2, 1, 3]),
    ],
)
def test_a_turned_video_comes_out_as_it_is_to_be_shown(tmp_path, matrix, order):
    clip = turn_by_header(write_picture_clip(tmp_path / 'a.mp4', four_colours()), matrix)
    (image, *_) = extract(clip, short_side=48)
    assert image.shape[:2] == ((72, 48) if matrix[0] == 0 else (48, 72))
    np.testing.assert_allclose(corners(image), COLOURS[order], atol=4)


def test_a_video_turned_by_another_angle_is_refused(tmp_path):
    clip = turn_by_header(write_picture_clip(tmp_path / 'a.mp4', four_colours()), (0.7071, 0.7071, -0.7071, 0.7071))
    with pytest.raises(VideoError, match='turned by other than quarter turns'):
        extract(clip)


def shades(images):
    """Which frames they are, from the grey that write_paced gives frame k."""
    return [round((float(image.mean()) - 10) / 8) for image in images]


@pytest.mark.parametrize('backend', ['pyav', 'decord'])
def test_every_nth_frame_is_frame_0_n_2n(tmp_path, backend):
    pytest.importorskip(backend if backend == 'decord' else 'av')
    clip = write_paced(tmp_path / 'a.mp4', [k / 24 for k in range(20)])
    assert shades(extract(clip, stride=1, backend=backend)) == list(range(20))
    assert shades(extract(clip, stride=3, backend=backend)) == [0, 3, 6, 9, 12, 15, 18]
    assert shades(extract(clip, stride=99, backend=backend)) == [0]


@pytest.mark.parametrize(
    ('fps', 'frames'),
    [(24, list(range(20))), (12, list(range(0, 20, 2))), (10, [0, 3, 5, 8, 10, 12, 15, 17]), (1000, list(range(20)))],
)
def test_so_many_frames_per_second_are_the_first_of_each_interval(tmp_path, fps, frames):
    clip = write_paced(tmp_path / 'a.mp4', [k / 24 for k in range(20)])
    assert shades(extract(clip, fps=fps)) == frames


def test_a_clip_of_variable_rate_is_chosen_from_by_its_own_clock(tmp_path):
    times = [0, 0.04, 0.08, 0.12, 0.5, 0.52, 0.54, 1.0, 1.3]
    clip = write_paced(tmp_path / 'a.mp4', times)
    assert shades(extract(clip)) == list(range(9))
    assert shades(extract(clip, fps=10)) == [0, 3, 4, 7, 8]


def test_frames_without_a_clock_are_chosen_by_the_rate_and_refused_without_one():
    choice = FrameChoice(Options(fps=5), Fraction(10))
    assert [choice.wants(index, None) for index in range(5)] == [True, False, True, False, True]
    with pytest.raises(ValueError, match='Use --stride'):
        FrameChoice(Options(fps=5), None).wants(0, None)


def test_a_frame_that_decord_repeats_or_leaves_out_is_noticed(tmp_path, monkeypatch):
    decord = pytest.importorskip('decord')
    clip = write_clip(tmp_path / 'a.mp4', shade=[20 * k for k in range(12)])
    read = decord.VideoReader.next
    calls = []

    def one_late(reader):
        calls.append(None)
        return read(reader) if len(calls) != 6 else (read(reader), read(reader))[1]

    monkeypatch.setattr(decord.VideoReader, 'next', one_late)
    with pytest.raises(VideoError, match='frame 6 is another one to decord than to PyAV'):
        extract(clip, backend='decord')


def test_decord_is_not_asked_for_frames_beyond_the_last(tmp_path, monkeypatch):
    decord = pytest.importorskip('decord')
    clip = write_clip(tmp_path / 'a.mp4')
    # What decord takes the clip's length for does not matter.
    monkeypatch.setattr(decord.VideoReader, '__len__', lambda reader: 1000)
    assert len(extract(clip, backend='decord')) == 12


def test_frames_do_not_wait_for_the_garbage_collector(tmp_path):
    """A frame and its side data hold each other in PyAV: were it read from every frame, all would stay in memory."""
    write_clip(tmp_path / 'clip.mp4', 40)
    reducer, seen = FrameReducer(32), 0
    gc.collect()
    gc.disable()
    try:
        for frame in ClipFrames(tmp_path / 'clip.mp4', Options()):
            assert reducer.planes(frame) is not None
            seen += 1
        alive = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
    finally:
        gc.enable()
    assert seen == 40
    assert alive <= 3
