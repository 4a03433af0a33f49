"""Compare runs: methods, seeds, classes; see `cdb_video.commands.compare`."""

from cdb_video.commands.compare import main
from cdb_video_command.ending import run

if __name__ == '__main__':
    run(main)
