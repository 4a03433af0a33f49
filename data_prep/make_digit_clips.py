"""Make moving digits: scikit-learn's handwritten digits as short encoded clips, long-tailed, with lists for MMAction2.

    python data_prep/make_digit_clips.py --out data/digits

A second small data set, of real images: 1797 digits of 8x8 pixels, ten classes. A clip is one of them, magnified,
moving in a straight line and bouncing off the borders under noise, 16 frames of 32x32 pixels; the class is the digit.
Images are divided among training, validation and test first, so that no image is in two of them. Class sizes fall by a
constant factor from class to class, in an order of the classes that the seed decides, to 1/imbalance of the largest.
The training clips of a stronger imbalance are among those of a weaker one, and few validation clips among many:

    videos/{train,val,test}/*.mp4   classes.txt   manifest.json
    lists/train_imb{10,60,100}.txt   lists/val_{1,2,5,10,20}.txt   lists/test.txt

The same options give the same bytes in the same environment; manifest.json has the SHA-256 of what was drawn (the same
with every encoder), of the clips and of the lists. Exit code 2 if the options or the folder do not fit.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prep.digits.data_set import make
from prep.digits.plan import Options

from cdb_video_files.commands.parser import CommandParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder to write, new or empty')
    add('--seed', type=int, default=0, help='decides everything (default: 0)')
    add('--max-count', type=int, default=100, help='training clips of the largest class (default: 100)')
    add('--imbalance', type=float, nargs='+', default=[10, 60, 100], help='largest over smallest (default: 10 60 100)')
    add('--noise', type=float, default=10.0, help='standard deviation of the noise, of 255 levels (default: 10)')
    arguments = parser.parse_args(argv)
    if arguments.seed < 0 or arguments.max_count < 1 or arguments.noise < 0 or min(arguments.imbalance) < 1:
        parser.error('--seed and --noise must be 0 or more, --max-count and --imbalance 1 or more')
    options = Options(arguments.seed, arguments.max_count, tuple(arguments.imbalance), arguments.noise)
    try:
        manifest = make(arguments.out, options)
    except (OSError, ValueError) as error:
        print(f'make_digit_clips: {error}', file=sys.stderr)
        return 2
    for name, sizes in manifest['clips_per_class'].items():
        print(f'{name:14} {sum(sizes):5} clips, per class {" ".join(map(str, sizes))}')
    print(f'drawn {manifest["sha256_drawn"]}\nlists {manifest["sha256_lists"]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
