"""Transforms that read clips fast: `PackDecode`, and `VideoInit` with `VideoDecode`.

They go where mmaction2's RawFrameDecode, or DecordInit and DecordDecode, stand in a pipeline, with the same keys:

    dict(type='VideoInit'),
    dict(type='ClipFrames', clip_len=32, frame_interval=2),
    dict(type='VideoDecode', fused=[
        dict(type='Resize', scale=(-1, 256)),
        dict(type='RandomCrop', size=224),
        dict(type='Flip')]),
    dict(type='FormatShape', input_format='NCTHW'),

What stands in `fused` is done while decoding, so that no pixel is converted that the network does not see. The same
transforms behind the decoder give the same picture to within rounding, later. docs/data/reader_speed.md says what it
is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from mmaction.datasets import transforms as _host  # noqa: F401  (registers what may be fused)
from mmcv.transforms import BaseTransform

from cdb_video.hosts.mmaction.fused_steps import FusedSteps
from cdb_video.hosts.mmaction.host_arguments import check_decoding_backend, check_local, check_mode, check_threads
from cdb_video_files.packs import PACK_SUFFIX, PackError, PackReader
from cdb_video_files.video.containers import video_path
from cdb_video_files.video.errors import ClipError, FrameError, raise_for_the_file
from cdb_video_files.video.fallbacks import BACKENDS, open_video
from cdb_video_files.video.pixels import Image, RgbConverter, Step, stepped_size
from cdb_video_files.video.wanted_frames import Wanted

# Older OpenCV gives blue first.
_IMREAD_RGB = getattr(cv2, 'IMREAD_COLOR_RGB', None)


def decode_jpeg(data: bytes) -> Image | None:
    """(H, W, 3) uint8 RGB of a JPEG file; None = it is none."""
    if not data:
        return None
    buffer = np.frombuffer(data, np.uint8)
    if _IMREAD_RGB is not None:
        rgb: Image | None = cv2.imdecode(buffer, _IMREAD_RGB)
        return rgb
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class _Decode(BaseTransform):
    """What both decoders share: frames in, pictures and their keys out."""

    # For `cdb_video.hosts.mmaction.stock_readers.why_not_replaced`.
    raises_clip_error = True

    def __init__(self, fused: Sequence[dict[str, Any]] = (), share_repeats: bool = False) -> None:
        self.fused = FusedSteps(fused)
        self.share_repeats = share_repeats

    def _wanted(self, results: dict[str, Any]) -> Wanted:
        """The frames that are asked for, counted from 0."""
        if 'gt_bboxes' in results:
            raise ValueError(f'{type(self).__name__} reads clips for recognition and does not scale gt_bboxes')
        if results.get('modality', 'RGB') != 'RGB':
            raise ValueError(f'modality={results["modality"]!r}: {type(self).__name__} reads RGB only')
        results['frame_inds'] = np.squeeze(results['frame_inds']).reshape(-1)
        return Wanted(results['frame_inds'] - results['start_index'] + results.get('offset', 0))

    def _decode(self, results: dict[str, Any], path: str, frames: Iterator[Any], wanted: Wanted) -> None:
        """Convert the different frames as they come, and lay them out as they were asked for."""
        shared = self.share_repeats
        total, rows = (len(wanted.frames), range(len(wanted.frames))) if shared else wanted.first_places()
        try:
            images = self._converted(results, path, zip(rows, frames, strict=True), total)
        except FrameError as error:
            raise ClipError(path, str(error)) from error
        results['img_shape'] = images.shape[1:3]
        if shared:
            # A transform that wrote to one would write to it for each view. So even where nothing is repeated: what
            # cannot work is to fail with the first clip.
            images.setflags(write=False)
            results['imgs'] = [images[number] for number in wanted.numbers]
            return
        for place, first in wanted.repeats():
            images[place] = images[first]
        # FormatShape takes an array as it is, and copies a list, which other transforms may want: BuildPseudoClip
        # appends to that of a single image.
        results['imgs'] = images if self.fused.transforms and total > 1 else list(images)

    def _converted(self, results: dict[str, Any], path: str, frames: Iterator[tuple[int, Any]], total: int) -> Image:
        """(total, h, w, 3), each frame in the row that comes with it."""
        converter, size = RgbConverter(), (0, 0)
        images: Image | None = None
        steps: list[Step] = []
        for row, frame in frames:
            if images is None:
                size = converter.shown_size(frame)
                results['original_shape'] = (size[1], size[0])
                steps = self.fused.draw(results, size)
                width, height = _stepped_size(path, size, steps)
                images = np.empty((total, height, width, 3), np.uint8)
            elif (now := converter.shown_size(frame)) != size:
                raise ClipError(path, f'its frames change their size, from {size} to {now}')
            converter.rgb(frame, steps, images[row])
        assert images is not None, 'readers give what they are asked for, or raise'
        return images

    def __repr__(self) -> str:
        return f'{type(self).__name__}(fused={self.fused!r}, share_repeats={self.share_repeats})'


class PackDecode(_Decode):
    """Reads frames from packs, as `data_prep/extract_frames.py --pack` writes them.

    Takes the place of RawFrameDecode. The list is one of frames: `frame_dir` is the pack without its suffix, so a
    FrameListDataset with `data_prefix=dict(img='.../packs')` gives what is needed. Needs also `frame_inds` and
    `start_index`; adds `imgs`, (H, W, 3) uint8 RGB each, `img_shape` and `original_shape`.

    A frame that is asked for repeatedly is decoded once, and its repeats are copies.

    Args:
        fused: Transforms of mmaction2 to do while decoding: see `cdb_video.hosts.mmaction.fused_steps.FusedSteps`.
        share_repeats: Whether repeats are one array, which is faster for the ten views of a test. Then no image can
            be written to: behind the decoder may stand ThreeCrop, TenCrop, CenterCrop, Resize and FormatShape, but
            not Flip, RandomErasing or others that write to their input.
        io_backend: As of RawFrameDecode: 'disk' or 'local'.
        decoding_backend: As of RawFrameDecode: 'cv2'.
        backend_args: None, or mmengine's for local files.

    Raises:
        ClipError: If the pack is missing or damaged, or holds fewer frames than `total_frames`.
        ValueError: If a transform cannot be fused, or a crop reaches beyond the frames.
    """

    def __init__(
        self,
        fused: Sequence[dict[str, Any]] = (),
        share_repeats: bool = False,
        io_backend: str = 'disk',
        decoding_backend: str = 'cv2',
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        check_local('PackDecode', io_backend, backend_args)
        check_decoding_backend(decoding_backend)
        super().__init__(fused, share_repeats)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `imgs` and what belongs to it."""
        wanted = self._wanted(results)
        directory = results['frame_dir']
        path = directory if directory.endswith(PACK_SUFFIX) else f'{directory}{PACK_SUFFIX}'
        try:
            with PackReader(path) as pack:
                listed = results.get('offset', 0) + results['total_frames']
                if len(pack) < listed:
                    raise ClipError(path, f'it holds {len(pack)} frames, the list says {listed}')
                self._decode(results, path, _jpegs(pack, path, wanted.frames), wanted)
        except OSError as error:
            raise_for_the_file(path, error, 'pack')
            raise
        except PackError as error:
            # Its messages begin with the path, as this one's does.
            raise ClipError(path, str(error).removeprefix(path).lstrip(': ')) from error
        return results


class VideoInit(BaseTransform):
    """Opens a video and counts its frames. Takes the place of DecordInit or PyAVInit, before VideoDecode.

    The frames are counted, by their packets or by decoding them; what the header says is not relied on. Needs
    `filename`, of which '.mp4' may be left out, as of DecordInit's; adds `video_reader`, `total_frames` and
    `avg_fps`.

    Args:
        backends: What to read with, the first choice first: 'pyav', 'decord', 'opencv'. The next one is taken,
            with one warning for each cause, where one is not installed or has no decoder. decord believes the
            header; OpenCV decodes a clip twice, and both decode frames that nobody asked for.
        io_backend: As of DecordInit: 'disk' or 'local'.
        num_threads: As of DecordInit, and without effect: each worker of a loader decodes in one thread.
        backend_args: None, or mmengine's for local files.

    Raises:
        ClipError: If the file is missing, no video, damaged or cut off.
        ValueError: If a backend is unknown, or the files are not to be local ones.
    """

    raises_clip_error = True

    def __init__(
        self,
        backends: Sequence[str] = BACKENDS,
        io_backend: str = 'disk',
        num_threads: int = 1,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        check_local('VideoInit', io_backend, backend_args)
        check_threads(num_threads)
        unknown = [backend for backend in backends if backend not in BACKENDS]
        if unknown or not backends:
            raise ValueError(f'backends={list(backends)!r}: must be some of {", ".join(map(repr, BACKENDS))}')
        self.backends = tuple(backends)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Open the file."""
        path = video_path(results['filename'])
        try:
            video = open_video(path, self.backends)
        except OSError as error:
            raise_for_the_file(path, error)
            raise
        results['video_reader'] = video
        results['total_frames'] = video.total_frames
        results['avg_fps'] = video.rate
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backends={self.backends})'


class VideoDecode(_Decode):
    """Decodes the frames that are asked for, and no others unless these build on them; then closes the file.

    Takes the place of DecordDecode or PyAVDecode, after VideoInit. Needs `video_reader`, `frame_inds` and
    `start_index`; adds `imgs`, (H, W, 3) uint8 RGB each, `img_shape` and `original_shape`. A video whose header
    asks for it is shown turned by quarter turns, as extract_frames writes it.

    Args:
        fused: Transforms of mmaction2 to do while decoding: see `cdb_video.hosts.mmaction.fused_steps.FusedSteps`.
        share_repeats: See PackDecode.
        mode: As of DecordDecode: 'accurate'.
        multi_thread: As of PyAVDecode, and without effect: see `num_threads` of VideoInit.

    Raises:
        ClipError: If a frame cannot be decoded, or is damaged.
        ValueError: If a transform cannot be fused, or a crop reaches beyond the frames.
    """

    def __init__(
        self,
        fused: Sequence[dict[str, Any]] = (),
        share_repeats: bool = False,
        mode: str = 'accurate',
        multi_thread: bool = False,
    ) -> None:
        check_mode('VideoDecode', mode)
        super().__init__(fused, share_repeats)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `imgs` and what belongs to it."""
        video = results.pop('video_reader')
        try:
            wanted = self._wanted(results)
            frames = (frame for _, frame in video.frames(wanted.frames))
            self._decode(results, video.path, frames, wanted)
        finally:
            video.close()
        results['video_reader'] = None
        return results


def _stepped_size(path: str, size: tuple[int, int], steps: Sequence[Step]) -> tuple[int, int]:
    try:
        return stepped_size(size, steps)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def _jpegs(pack: PackReader, path: str, numbers: Sequence[int]) -> Iterator[Image]:
    for number in numbers:
        image = decode_jpeg(pack.read(number))
        if image is None:
            raise ClipError(path, f'frame {number} is no JPEG file')
        yield image
