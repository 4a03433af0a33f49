"""Make a long-tailed set of images with a held-out part, as lists for image classification with mmpretrain.

    python data_prep/make_images.py --out data/digit_images
    python data_prep/make_images.py --source fashion-mnist --data DIR --out data/fashion_lt --val-per-class 15
    python data_prep/make_images.py --source cifar --data cifar-100-python.tar.gz --out data/cifar100_lt
    python data_prep/make_images.py --source folder --data DIR --out data/mine
    python data_prep/make_images.py --source lists --data DIR --train-list ImageNet_LT_train.txt --out data/imagenet_lt

Where the package is installed, `cdb-video make-images` is the same command.

A list has one `path label` a line, as CustomDataset of mmpretrain reads it:

    lists/train_imb100.txt  lists/train_imb10.txt  lists/val.txt  lists/test.txt   classes.txt   manifest.json
    images/<part>/<class>/<number>.png    of digits, IDX files and CIFAR; else the lists name files below --data

Sources: digits (scikit-learn's, 32x32, no download); fashion-mnist and idx, folders of IDX files; cifar, the python
version of CIFAR-10 or CIFAR-100; folder, <class>/<picture> or <train|val|test>/<class>/<picture>; lists. Test and
validation images are drawn first, then the class sizes fall by the profile. The same options give the same bytes in the
same environment. The folder appears when it is whole; after a run that was stopped the same command begins anew.

Exit code: 0 the images are there; 2 the source, the options or the folder do not fit; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prep.command import whole_number
from prep.images.cifar import read_cifar_source
from prep.images.class_folders import read_class_folders
from prep.images.data_set import IMAGES, lacking, make, picture_notes, summary
from prep.images.digits import TEST_PER_CLASS, read_digits
from prep.images.division import Options, divide
from prep.images.idx_folder import read_idx_folder
from prep.images.listed_images import read_listed_images
from prep.images.source import ImagesError, Source
from prep.long_tail.arguments import AS_IS, CLASS_ORDER_HELP, imbalance, order
from prep.long_tail.profiles import PROFILES

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c

_SOURCES = ('digits', 'fashion-mnist', 'idx', 'cifar', 'folder', 'lists')
_WITH_TAIL = ('folder', 'lists')
_VAL_PER_CLASS = 20
_IMBALANCES = (100.0, 10.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parse(argv)
    try:
        with sigterm_as_ctrl_c():
            _make(arguments)
    except (OSError, ValueError) as error:
        # The errors of the parts and LockedError are ValueErrors.
        print(f'make_images: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('make_images: interrupted, nothing was written; the same command begins anew.', file=sys.stderr)
        return 130
    return 0


def _make(arguments: argparse.Namespace) -> None:
    source = _read(arguments)
    options = _options(arguments, source)
    division = divide(source, options)
    news, manifest = make(arguments.out, source, options, division, check=not arguments.no_decode)
    print(summary(manifest))
    print(f'paths are relative to {source.root or arguments.out / IMAGES}\n{news}')
    for note in (*source.notes, *picture_notes(manifest), *lacking(source, division)):
        print(f'warning: {note}', file=sys.stderr)


def _read(arguments: argparse.Namespace) -> Source:
    kind, data = arguments.source, arguments.data
    classes = read_class_names(arguments.classes) if arguments.classes else None
    if kind == 'digits':
        return read_digits()
    if kind == 'cifar':
        return read_cifar_source(data)
    if kind == 'folder':
        if arguments.out.resolve().is_relative_to(data.resolve()):
            raise ImagesError(
                f'--out {arguments.out} lies in --data {data}, where every folder is a class: name another'
            )
        return read_class_folders(data)
    if kind == 'lists':
        lists = {part: getattr(arguments, f'{part}_list') for part in ('train', 'val', 'test')}
        return read_listed_images(data, {part: path for part, path in lists.items() if path}, classes)
    return read_idx_folder(data, classes, kind)


def _options(arguments: argparse.Namespace, source: Source) -> Options:
    """The options of the lists, with defaults that depend on what the source has.

    Raises:
        ImagesError: If one asks for a part that the source brings itself.
    """
    for name, part in (('val_per_class', 'val'), ('val_share', 'val'), ('test_per_class', 'test')):
        if getattr(arguments, name) and part in source.parts:
            flag = '--' + name.replace('_', '-')
            raise ImagesError(
                f'{flag} {getattr(arguments, name)}: the source has {part} images of its own; leave it out'
            )
    profile = arguments.profile or ('natural' if source.kind in _WITH_TAIL else 'exponential')
    if profile == 'natural':
        useless = [name for name in ('imbalance', 'largest', 'class_order') if getattr(arguments, name) is not None]
        if useless:
            flags = ', '.join('--' + name.replace('_', '-') for name in useless)
            raise ImagesError(f'--profile natural takes all training images; {flags} belong to exponential and pareto')
    val, test = arguments.val_per_class, arguments.test_per_class
    if val is None:
        val = 0 if arguments.val_share or 'val' in source.parts else _VAL_PER_CLASS
    if test is None:
        test = TEST_PER_CLASS if source.kind == 'digits' else 0
    return Options(
        profile,
        () if profile == 'natural' else tuple(arguments.imbalance or _IMBALANCES),
        arguments.largest,
        val,
        arguments.val_share,
        test,
        arguments.class_order if arguments.class_order != AS_IS else None,
        arguments.seed,
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number between 0 and 1, such as 0.1')
    return share


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder to write, new or empty')
    add('--source', choices=_SOURCES, default='digits', help='default: digits')
    add('--data', type=Path, help='folder or archive of the source; for lists: the folder that they are relative to')
    add('--train-list', type=Path, help='of --source lists: one `path label` a line')
    add('--val-list', type=Path, help='the same for validation')
    add('--test-list', type=Path, help='the same for testing')
    add('--classes', type=Path, help='class names of idx or lists, one a line, in the order of the labels')
    add('--profile', choices=PROFILES, help='default: exponential; of folder and lists natural, which takes all')
    add('--imbalance', type=imbalance, nargs='+', help='largest class over smallest, a list each (default: 100 10)')
    add('--largest', type=whole_number(1), help='training images of the largest class (default: what all allow)')
    add('--class-order', type=order, help=CLASS_ORDER_HELP)
    held = parser.add_mutually_exclusive_group()
    number = f'validation images of every class, before the tail is cut; 0 for none (default: {_VAL_PER_CLASS})'
    held.add_argument('--val-per-class', type=whole_number(0), help=number)
    share = 'share of every class of the long tail, which is then so much smaller: validation as unbalanced as training'
    held.add_argument('--val-share', type=_share, default=0.0, help=share)
    add(
        '--test-per-class',
        type=whole_number(0),
        help=f'where the source has none (default: digits {TEST_PER_CLASS}, else 0)',
    )
    add('--seed', type=whole_number(0), default=0, help='draws the images (default: 0)')
    add(
        '--no-decode',
        action='store_true',
        help='of folder and lists: do not decode the pictures to see that they are whole',
    )
    arguments = parser.parse_args(argv)
    _check_together(parser, arguments)
    return arguments


def _check_together(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """See that the source has what it needs, and that no option is given to one that has no use for it."""
    kind = arguments.source
    used = {'data': kind != 'digits', 'classes': kind in ('idx', 'lists'), 'no_decode': kind in _WITH_TAIL}
    used |= {f'{part}_list': kind == 'lists' for part in ('train', 'val', 'test')}
    useless = [name for name, is_used in used.items() if getattr(arguments, name) and not is_used]
    if useless:
        flags = ', '.join('--' + name.replace('_', '-') for name in useless)
        parser.error(f'--source {kind} has no use for {flags}')
    needed = [name for name in ('data', 'train_list') if used[name] and not getattr(arguments, name)]
    if needed:
        parser.error(f'--source {kind} needs --{needed[0].replace("_", "-")}')


if __name__ == '__main__':
    sys.exit(main())
