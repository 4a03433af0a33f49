"""Train a config with the command of its host in this process: MMAction2, mmpretrain or mmdet.

    cdb-video train CONFIG --seed 0 [--work-dir DIR] [--resume] ...

The options are those of the host, which the `default_scope` of the config names; --seed goes with all. CONFIG may be
a config that came with the package, by its name, as cdb_video::egtea/slowfast_cdbs.py.
"""

from collections.abc import Sequence

from cdb_video.commands.host_command import run_host_command
from cdb_video.launch.commands import train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    return run_host_command('train', train, argv)
