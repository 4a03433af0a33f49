"""Small videos in containers of cameras, discs and the web, by the ending of their names."""

import av
import numpy as np

FRAMES = 6
# Ending -> container, codecs of which the first that PyAV can encode is taken, pixel format, options of the muxer.
KINDS = {
    '.mts': ('mpegts', ('libx264',), 'yuv420p', {}),
    '.M2TS': ('mpegts', ('libx264',), 'yuv420p', {'mpegts_m2ts_mode': '1'}),
    '.vob': ('vob', ('mpeg2video',), 'yuv420p', {}),
    '.ogv': ('ogg', ('libtheora', 'libvpx'), 'yuv420p', {}),
    '.GIF': ('gif', ('gif',), 'rgb8', {}),
}


def shade(number):
    """Level of grey of a frame."""
    return 20 + 35 * number


def write_kind(path):
    """A video of grey frames, in the container that the ending stands for; None where PyAV has no encoder for it."""
    container_name, codecs, pixels, options = KINDS[path.suffix]
    codec = next((name for name in codecs if name in av.codecs_available), None)
    if codec is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', format=container_name, options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(FRAMES):
            image = np.full((48, 64, 3), shade(number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24').reformat(format=pixels)))
        container.mux(stream.encode())
    return path
