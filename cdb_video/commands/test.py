"""Test a checkpoint with the command of its host, MMAction2 or mmpretrain, in this process.

    cdb-video test CONFIG CHECKPOINT [--work-dir DIR] [--dump predictions.pkl] ...

The options are those of the host, which the `default_scope` of the config names; --dump goes with both. CONFIG may be
a config that came with the package, by its name, as cdb_video::egtea/slowfast_cdbs.py.
"""

from collections.abc import Sequence

from cdb_video.commands.host_command import run_host_command
from cdb_video.launch.commands import test


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    return run_host_command('test', test, argv)
