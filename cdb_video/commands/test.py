"""Test a checkpoint with the command of its host in this process: MMAction2, mmpretrain or mmdet.

    cdb-video test CONFIG CHECKPOINT [--work-dir DIR] [--dump predictions.pkl] ...

The options are those of the host, which the `default_scope` of the config names; --dump goes with all; of a detector
it dumps what each labelled object was called. CONFIG may be
a config that came with the package, by its name, as cdb_video::egtea/slowfast_cdbs.py.
"""

from collections.abc import Sequence

from cdb_video.commands.host_command import run_host_command
from cdb_video.launch.commands import test


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    return run_host_command('test', test, argv)
