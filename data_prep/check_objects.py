"""Check annotations of objects, JSON as of COCO or LVIS, before a detector is trained on them.

    python data_prep/check_objects.py --train data/shapes/annotations/train.json --val data/shapes/annotations/val.json
    python data_prep/check_objects.py --train instances.json --images data/mine/train --json result.json

Where the package is installed, `cdb-video check-objects` is the same command.

Images, categories and their ids; objects without a class or an image; boxes outside, empty masks; images without
objects; classes that a part lacks, pictures in two parts; in files as of LVIS what is said of classes that are not in
an image. With --images the pictures too: whether they are there, whole, and of the size that is annotated.

Exit code: 0 nothing is wrong; 1 something is; 2 it could not be checked; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prep.check.report import check_writable, write_json
from prep.objects.between_parts import compare_parts
from prep.objects.federated import check_federated
from prep.objects.findings import Findings
from prep.objects.objects import check_objects
from prep.objects.part import Part, read_part
from prep.objects.report import print_result, summarise

from cdb_video_files.commands.parser import CommandParser
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c

_PARTS = ('train', 'val', 'test')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parse(argv)
    findings = Findings()
    try:
        if arguments.json is not None:
            check_writable(arguments.json)
        with sigterm_as_ctrl_c():
            summary = summarise(_check(arguments, findings), findings)
        print_result(summary, findings)
        if arguments.json is not None:
            write_json(arguments.json, summary)
    except KeyboardInterrupt:
        print('\nStopped.', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f'check_objects: {error}', file=sys.stderr)
        return 2
    return 1 if summary['problems'] else 0


def _check(arguments: argparse.Namespace, findings: Findings) -> list[Part]:
    absent = [str(folder) for folder in arguments.images if not folder.is_dir()]
    if absent:
        raise ValueError(f'--images {absent[0]} is not a folder: name those that the files are relative to')
    files = {name: getattr(arguments, name) for name in _PARTS}
    parts = [read_part(name, path, findings) for name, path in files.items() if path is not None]
    for part in parts:
        check_objects(part, findings)
        check_federated(part, findings)
    compare_parts(parts, findings)
    if arguments.images:
        from prep.objects.pictures import check_pictures  # decoders, which annotations alone do not need

        for part in parts:
            check_pictures(part, arguments.images, findings)
    return parts


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--train', type=Path, help='annotations that are trained on')
    add('--val', type=Path, help='those of validation')
    add('--test', type=Path, help='those of the test')
    images = 'look at the pictures too: folders that the files are relative to, tried in this order'
    add('--images', type=Path, nargs='+', default=[], help=images)
    add('--json', type=Path, help='file to write the result to, with all cases')
    arguments = parser.parse_args(argv)
    if not any(getattr(arguments, name) for name in _PARTS):
        parser.error('there is nothing to check: name a file with --train, --val or --test')
    return arguments


if __name__ == '__main__':
    sys.exit(main())
