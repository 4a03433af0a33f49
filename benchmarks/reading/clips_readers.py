"""Readers to compare: pipelines of mmaction2's transforms and ours, and their samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import Compose
from torch.utils.data import Dataset

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from benchmarks.reading.clips_data import Footage

SAMPLING: dict[str, Any] = {'type': 'SampleFrames', 'clip_len': 32, 'frame_interval': 2, 'num_clips': 1}
TEST_SAMPLING = {**SAMPLING, 'num_clips': 10, 'test_mode': True}
RESIZE: dict[str, Any] = {'type': 'Resize', 'scale': (-1, 256)}
STEPS: list[dict[str, Any]] = [RESIZE, {'type': 'RandomCrop', 'size': 224}, {'type': 'Flip', 'flip_ratio': 0.5}]
THREE: dict[str, Any] = {'type': 'ThreeCrop', 'crop_size': 256}
TAIL: list[dict[str, Any]] = [
    {'type': 'FormatShape', 'input_format': 'NCTHW'},
    {'type': 'PackActionInputs', 'meta_keys': ()},
]
# Name -> what comes before the sampling, the decoder, what is read, and whether steps can be fused into it.
READERS: dict[str, tuple[list[str], str, str, bool]] = {
    'DecordDecode': (['DecordInit'], 'DecordDecode', 'video', False),
    'PyAVDecode': (['PyAVInit'], 'PyAVDecode', 'video', False),
    'VideoDecode': (['VideoInit'], 'VideoDecode', 'video', True),
    'VideoDecode, not fused': (['VideoInit'], 'VideoDecode', 'video', False),
    'RawFrameDecode, 640x480 q95': ([], 'RawFrameDecode', 'full/frames', False),
    'RawFrameDecode, 256 q90': ([], 'RawFrameDecode', 'frames', False),
    'PackDecode, 256 q90': ([], 'PackDecode', 'packs', True),
    'PackDecode, not fused': ([], 'PackDecode', 'packs', False),
}


def pipeline(reader: str, sampling: dict[str, Any], steps: Sequence[dict[str, Any]], after: Sequence[Any] = ()) -> Any:
    """The transforms of a sample, built."""
    start, decoder, _, fusible = READERS[reader]
    decode: dict[str, Any] = {'type': decoder, 'fused': list(steps)} if fusible else {'type': decoder}
    if fusible and sampling.get('test_mode'):
        decode['share_repeats'] = True
    behind = after if fusible else [*steps, *after]
    return Compose([*({'type': kind} for kind in start), sampling, decode, *behind, *TAIL])


def entry(footage: Footage, reader: str, kind: int, clip: int) -> dict[str, Any]:
    """What a dataset gives for a clip."""
    form = READERS[reader][2]
    if form == 'video':
        return {'filename': str(footage.video(kind, clip)), 'label': 0, 'start_index': 0, 'modality': 'RGB'}
    return {
        'frame_dir': str(footage.frame_dir(kind, clip, form)),
        'total_frames': footage.frames,
        'filename_tmpl': 'img_{:05}.jpg',
        'label': 0,
        'start_index': 1,
        'modality': 'RGB',
    }


class Samples(Dataset):
    """Training samples of the clips of a kind, one after the other."""

    def __init__(self, footage: Footage, reader: str, kind: int, number: int) -> None:
        self._entries = [entry(footage, reader, kind, index % footage.count) for index in range(number)]
        self._pipeline = pipeline(reader, SAMPLING, STEPS)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Any:
        return self._pipeline(dict(self._entries[index]))
