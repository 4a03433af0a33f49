"""Processor time that one training clip of the full configs takes, by reader.

Makes one 640x480 clip of 72 frames (EGTEA's size; moving blobs under noise), extracts its frames as data_prep does,
and runs the training pipeline of configs/egtea/slowfast_ce.py with each reader. The content decides what decoding
costs, so take the numbers as a comparison of readers, not as those of EGTEA.

    python benchmarks/reading/reader_cost.py [--repeat 20] [--megabits 2]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import av
import cv2
import extract_frames
import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)

CONFIG = Path(__file__).resolve().parents[2] / 'configs/egtea/slowfast_ce.py'
CLIP = 'P01-R01-Bench/P01-R01-Bench-0-3000-F000000-F000072'
FRAMES, WIDTH, HEIGHT = 72, 640, 480


def write_video(path: Path, megabits: float) -> None:
    """Encode the clip as H.264 of about `megabits` Mb/s."""
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8), (2 * WIDTH, 2 * HEIGHT))
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.bit_rate = int(megabits * 1e6)
        for number in range(FRAMES):
            view = scene[2 * number : 2 * number + HEIGHT, 4 * number : 4 * number + WIDTH]
            noisy = np.clip(view + rng.normal(0, 4, view.shape), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format='rgb24')))
        container.mux(stream.encode())


def milliseconds(root: Path, reader: str, repeat: int) -> list[float]:
    """Processor time of `repeat` training clips, in ms, after two that are not counted."""
    os.environ |= {'EGTEA_ROOT': str(root), 'EGTEA_READER': reader}
    settings = Config.fromfile(CONFIG).train_dataloader.dataset
    dataset = DATASETS.build({**settings, 'ann_file': str(root / f'{reader}.txt'), 'classes': ['a', 'b']})
    times = []
    for _ in range(repeat + 2):
        start = time.process_time()
        dataset[0]
        times.append(1000 * (time.process_time() - start))
    return times[2:]


def main() -> None:
    """Print a Markdown table."""
    from mmaction.utils import register_all_modules

    parser = argparse.ArgumentParser(description='Processor time of a training clip by reader.')
    parser.add_argument('--repeat', type=int, default=20)
    parser.add_argument('--megabits', type=float, default=2.0)
    args = parser.parse_args()
    register_all_modules(init_default_scope=True)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        video = root / 'cropped_clips' / f'{CLIP}.mp4'
        write_video(video, args.megabits)
        if extract_frames.main(['--data-root', str(root), '--workers', '1']) != 0:
            raise SystemExit('the frames could not be extracted')
        (root / 'frames.txt').write_text(f'{CLIP} {FRAMES} 0\n')
        for reader in ('decord', 'pyav'):
            (root / f'{reader}.txt').write_text(f'{CLIP}.mp4 0\n')
        print(f'H.264, {8e-6 * video.stat().st_size * 24 / FRAMES:.1f} Mb/s, {args.repeat} clips each')
        print('| reader | median (ms) | fastest | slowest |')
        print('|---|---|---|---|')
        for reader in ('frames', 'decord', 'pyav'):
            times = milliseconds(root, reader, args.repeat)
            print(f'| {reader} | {statistics.median(times):.0f} | {min(times):.0f} | {max(times):.0f} |')


if __name__ == '__main__':
    main()
