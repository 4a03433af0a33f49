"""Plain loops over clips, a script of its own: nothing but what a loop needs is loaded.

    python benchmarks/extraction/loops.py {decode,cv2} FOLDER OUT

`decode` decodes every frame of the clips in the folders of FOLDER and keeps none; `cv2` writes each as JPEG below OUT,
as scripts do that are written by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import cv2


def decode(clip: Path) -> None:
    """Decode all frames by one thread."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def write_jpegs(clip: Path, out: Path) -> None:
    """Write all frames into a folder named after the clip."""
    folder = out / clip.stem
    folder.mkdir()
    capture = cv2.VideoCapture(str(clip))
    number = 0
    while True:
        there, image = capture.read()
        if not there:
            break
        number += 1
        cv2.imwrite(str(folder / f'img_{number:05d}.jpg'), image)


def main() -> None:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('loop', choices=('decode', 'cv2'))
    parser.add_argument('folder', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for clip in sorted(args.folder.glob('*/*.mp4')):
        if args.loop == 'decode':
            decode(clip)
        else:
            write_jpegs(clip, args.out)


if __name__ == '__main__':
    main()
