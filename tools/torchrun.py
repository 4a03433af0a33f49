"""torchrun, ending with the sentence of the process that failed first; what tools/dist_launch.sh starts.

    python -P tools/torchrun.py [options of torchrun] SCRIPT [arguments]

torchrun itself ends with a traceback of its own and a summary, which hide the reason. Exit code 1 if a process failed.
"""

import signal
import sys
from collections.abc import Mapping, Sequence

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.run import parse_args, run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    try:
        run(parse_args(argv))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        print(f'error: {first_cause(error.failures)}', file=sys.stderr)
        return 1
    return 0


def first_cause(failures: Mapping[int, ProcessFailure]) -> str:
    """The sentence of the process that failed first.

    One that was killed can leave no note, and the others fail because it is gone: it comes before them.

    Args:
        failures: By rank, of those processes of this machine that failed.
    """
    rank = min(failures, key=lambda one: (not _was_killed(failures[one]), _nanoseconds(failures[one])))
    return f'process {rank} failed first: {_sentence(failures[rank])}'


def _was_killed(failure: ProcessFailure) -> bool:
    return failure.exitcode < 0 and not isinstance(failure.message, dict)


def _nanoseconds(failure: ProcessFailure) -> int:
    """When it failed; of a process without a note, when torchrun noticed."""
    message = failure.message
    known = message.get('extraInfo', {}).get('nanoseconds') if isinstance(message, dict) else None
    return int(failure.timestamp * 10**9 if known is None else known)


def _sentence(failure: ProcessFailure) -> str:
    if isinstance(failure.message, dict):
        return str(failure.message['message'])
    if failure.exitcode < 0:
        return f'it was ended by {signal.Signals(-failure.exitcode).name}'
    return f'it ended with exit code {failure.exitcode}; what it said is above'


if __name__ == '__main__':
    raise SystemExit(main())
