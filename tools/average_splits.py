"""Average test results over splits; see `cdb_video.commands.average_splits`."""

from cdb_video.commands.average_splits import main
from cdb_video_command.ending import run

if __name__ == '__main__':
    run(main)
