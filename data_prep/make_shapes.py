"""Make a long-tailed set of drawn shapes, with boxes and masks in LVIS's format, for detectors of mmdet.

    python data_prep/make_shapes.py --out data/shapes
    python data_prep/make_shapes.py --out data/shapes_imb10 --imbalance 10 --class-order 3
    python data_prep/make_shapes.py --out data/shapes_coco --negatives 1 --unlabelled 0 --id-step 2

Where the package is installed, `cdb-video make-shapes` is the same command.

Twelve classes, some of them alike whatever their number: circle and ellipse, square and rhombus, two stars. Pictures
show several shapes that overlap a little. Training shapes of a class fall by a constant factor from class to class;
validation and test have as many of each.

    images/{train,val,test}/<number>.png   annotations/{train,val,test}.json   classes.txt   manifest.json

Annotations are federated, as LVIS's: some shapes have none, and an image names the classes that are not in it
(neg_category_ids) and those of which more are in it than are annotated (not_exhaustive_category_ids). The same options
give the same bytes in the same environment. The folder appears when it is whole; after a run that was stopped the same
command begins anew.

Exit code: 0 the shapes are there; 2 the options or the folder do not fit; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prep.command import whole_number
from prep.long_tail.arguments import AS_IS, CLASS_ORDER_HELP, imbalance, order
from prep.shapes.data_set import make, summary
from prep.shapes.plan import PARTS, Options, make_plan

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c

_USUAL = Options()
_MOST_IMAGES = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parse(argv)
    options = _options(arguments)
    try:
        with sigterm_as_ctrl_c():
            news, manifest = make(arguments.out, options, make_plan(options))
    except (OSError, ValueError) as error:
        # The errors of the parts and LockedError are ValueErrors.
        print(f'make_shapes: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('make_shapes: interrupted, nothing was written; the same command begins anew.', file=sys.stderr)
        return 130
    print(f'{summary(manifest)}\n{news}')
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        (arguments.train, arguments.val, arguments.test),
        arguments.objects,
        arguments.imbalance,
        arguments.natural_val,
        arguments.class_order if arguments.class_order != AS_IS else None,
        arguments.negatives,
        arguments.unlabelled,
        arguments.size,
        arguments.masks,
        arguments.id_step,
        arguments.seed,
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number from 0 to 1, such as 0.5')
    return share


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder to write, new or empty')
    for part, images in zip(PARTS, _USUAL.images, strict=True):
        least = 1 if part == 'train' else 0
        none = '' if least else '; 0 leaves the part out'
        add(
            f'--{part}',
            type=whole_number(least, _MOST_IMAGES),
            default=images,
            help=f'images (default: {images}){none}',
        )
    add('--objects', type=whole_number(2, 6), default=_USUAL.objects, help='annotated shapes an image (default: 3)')
    add('--imbalance', type=imbalance, default=_USUAL.imbalance, help='largest class over smallest (default: 50)')
    add('--natural-val', action='store_true', help='validation as unbalanced as training, not as many of each class')
    add('--class-order', type=order, help=CLASS_ORDER_HELP)
    negatives = 'of the images that do not show a class, the share that says so (default: 0.5)'
    add('--negatives', type=_share, default=_USUAL.negatives, help=negatives)
    unlabelled = 'share of the images with one shape more, which is not annotated (default: 0.1)'
    add('--unlabelled', type=_share, default=_USUAL.unlabelled, help=unlabelled)
    add('--size', type=whole_number(64, 1024), default=_USUAL.side, help='side of the images in pixels (default: 128)')
    masks = 'polygons along the edges of the pixels, or run lengths of the same pixels (default: polygon)'
    add('--masks', choices=('polygon', 'rle'), default=_USUAL.masks, help=masks)
    steps = 'from one category id to the next (default: 1); 2 gives 1, 3, 5, ..., with gaps as COCO has them'
    add('--id-step', type=whole_number(1, 100), default=_USUAL.id_step, help=steps)
    add('--seed', type=whole_number(0), default=_USUAL.seed, help='draws everything (default: 0)')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
