"""The advised recipe on a config of every family of mmpretrain: does it build, take a step, equal cross-entropy?

    python -m benchmarks.training.image_families [--families resnet swin_transformer ...] [--folder FOLDER]

Of every folder of mmpretrain's configs the classifier is taken that has the fewest parameters by its metafile and
needs no download; a place for weights that is left empty for the user stays so. Its model is built with the loss that
it was shipped with, with CDBLoss as we advise it (`cdb_video.advice`), and with cross-entropy, each time with the same
parameters. The batch is two images of noise, of 64 pixels or, where the network takes none so small, of the size of its
training; they go through its own data preprocessor, with Mixup and CutMix where it has them.

- *as shipped*: it builds, and the optimizer of the config takes a step.
- *builds*: with CDBLoss in the place of its loss.
- *step*: the optimizer takes a step with a difficulty that differs from class to class; the loss is finite and
  parameters have changed. In single precision.
- *equal*: at difficulty 1 and equal class frequencies loss and gradient of every parameter are those of cross-entropy.
  In double precision, or rounding would be magnified by networks of a hundred layers.

Each family is tried in a process of its own, one at a time, that may take so much memory and processor time; what needs
more is counted as too large or too slow here. With `--folder` each outcome is kept there as soon as it is known, and a
command that is given again goes on after the last one; with each outcome goes the commit that it was found at.

Exit code 1 if the recipe fails in a family whose own config takes a step.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from benchmarks.training.family_trial import TOO_LARGE, YES, configs_folder, prepare, stages

TOO_SLOW = 'too slow here'
STAGES = ('own', 'build', 'step', 'equal')


@dataclass
class Family:
    """What came out for a family.

    Attributes:
        name: Its folder.
        config: The one that was tried; '' = it has no classifier that builds without a download.
        without: Why it has none, '' = it has one.
        side: Of the images, in pixels.
        own: Whether the config as shipped builds and takes a step, or the error.
        build: Whether it builds with CDBLoss.
        step: Whether it takes a step with that.
        equal: Whether it equals cross-entropy, or how far it is away.
        gigabytes: Most memory that its process held, with what it started with.
        commit: That it was tried at.
    """

    name: str
    config: str = ''
    without: str = ''
    side: int = 0
    own: str = ''
    build: str = ''
    step: str = ''
    equal: str = ''
    gigabytes: float = 0.0
    commit: str = ''

    @property
    def is_sound(self) -> bool:
        """Whether its own config takes a step here."""
        return self.own == YES

    @property
    def is_bounded(self) -> bool:
        """Whether memory or time did not suffice for all of it."""
        return any(getattr(self, stage) in (TOO_LARGE, TOO_SLOW) for stage in STAGES)

    @property
    def fails(self) -> bool:
        """Whether the recipe fails where the config as shipped does not."""
        outcomes = (self.build, self.step, self.equal)
        return self.is_sound and any(outcome not in (YES, TOO_LARGE, TOO_SLOW) for outcome in outcomes)


def try_family(folder: Path, configs: Path, seed: int, memory: float, minutes: float) -> Family:
    """Try the smallest classifier of a family in a process of its own.

    The process is a fork of this one, which has imported mmpretrain: to import it takes longer than most families.

    Args:
        folder: Of the family.
        configs: The folder that it is in.
        seed: Of parameters and images.
        memory: GB that the process may take beside what it starts with.
        minutes: Of processor time that it may take.
    """
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_tell_stages, args=(sender, folder, configs, seed, memory, minutes))
    process.start()
    sender.close()
    found: dict[str, Any] = {}
    try:
        while True:
            found |= receiver.recv()
    except EOFError:
        process.join()
    if process.exitcode and 'without' not in found:
        slow = process.exitcode == -signal.SIGXCPU
        found = dict.fromkeys(STAGES, TOO_SLOW if slow else f'its process ended with {process.exitcode}') | found
    return Family(folder.name, **found)


def _tell_stages(sender: Connection, folder: Path, configs: Path, seed: int, memory: float, minutes: float) -> None:
    """What the process of a family does: it sends every stage as soon as it is over."""
    warnings.simplefilter('ignore')  # of the host, at each build
    pages = int(Path('/proc/self/statm').read_text().split()[5])  # of data and stack
    _limit(resource.RLIMIT_DATA, pages * resource.getpagesize() + int(memory * 1e9))
    _limit(resource.RLIMIT_CPU, max(1, round(60 * minutes)))
    _limit(resource.RLIMIT_CORE, 0)
    for found in stages(folder, configs, seed):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        sender.send(found | {'gigabytes': round(peak, 1)})


def _limit(kind: int, amount: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def run(args: argparse.Namespace) -> Iterator[Family]:
    """Every family, a line for each; those that the folder has are taken from there."""
    configs = configs_folder()
    names = sorted(path.name for path in configs.iterdir() if path.is_dir() and path.name != '_base_')
    if unknown := set(args.families or ()) - set(names):
        raise ValueError(f'--families {" ".join(sorted(unknown))}: mmpretrain has {", ".join(names)}')
    settings = {'seed': args.seed, 'memory': args.memory, 'minutes': args.minutes}
    prepare()
    for name in args.families or names:
        family = kept_family(args.folder, name, settings)
        if family is None:
            family = try_family(configs / name, configs, args.seed, args.memory, args.minutes)
            family.commit = args.commit
            if args.folder:
                args.folder.mkdir(parents=True, exist_ok=True)
                (args.folder / f'{name}.json').write_text(json.dumps({'settings': settings, 'family': asdict(family)}))
        print(*asdict(family).values(), sep=' | ', flush=True)
        yield family


def kept_family(folder: Path | None, name: str, settings: dict[str, Any]) -> Family | None:
    """What the folder has of a family; None = nothing, or of other settings."""
    file = folder / f'{name}.json' if folder else None
    if file is None or not file.exists():
        return None
    kept = json.loads(file.read_text())
    return Family(**kept['family']) if kept['settings'] == settings else None


def page(families: Sequence[Family], memory: float, minutes: float) -> str:
    """The families as Markdown."""
    tried = [family for family in families if family.config]
    sound = [family for family in tried if family.is_sound]
    rows = [
        [family.name, f'`{family.config}`', str(family.side), *(getattr(family, stage) for stage in STAGES)]
        for family in tried
    ]
    builds, steps, equals = (sum(getattr(family, stage) == YES for family in sound) for stage in STAGES[1:])
    bounded = ', '.join(family.name for family in tried if family.is_bounded) or 'none'
    reasons = dict.fromkeys(family.without for family in families if not family.config)
    others = '\n'.join(
        f'- {reason}: {", ".join(family.name for family in families if family.without == reason)}'
        for reason in sorted(reasons)
    )
    return f"""# The advised recipe over the families of mmpretrain

{len(families)} folders of configs; {len(tried)} have a classifier that needs no download; {len(sound)} of these build
and take a step as shipped. **With CDBLoss {builds} of {len(sound)} build, {steps} take a step, and {equals} equal
cross-entropy at difficulty 1, loss and gradient.**

A process each, of {memory:g} GB and {minutes:g} minutes of a processor at most. Too large or too slow for that:
{bounded}. Tried at {', '.join(sorted({family.commit for family in families}))}.

{markdown_table(['family', 'config', 'pixels', 'as shipped', 'builds', 'step', 'equal'], rows)}

Without such a classifier, by what their configs are:

{others or '- none'}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--families', nargs='+', help='folders of mmpretrain (default: all)')
    parser.add_argument('--folder', type=Path, help='keeps the outcome of each family, to go on after an interruption')
    parser.add_argument('--memory', type=float, default=8, help='GB that a family may take (default: %(default)s)')
    parser.add_argument('--minutes', type=float, default=10, help='of a processor (default: %(default)s)')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    try:
        families = list(run(args))
    except ValueError as error:
        parser.error(str(error))
    write_results('image_families', args, page(families, args.memory, args.minutes), {'families': families})
    return int(any(family.fails for family in families))


if __name__ == '__main__':
    sys.exit(main())
