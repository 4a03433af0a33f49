"""Print the class report of a work directory, and write it as files; see `cdb_video.commands.report`."""

from cdb_video.commands.report import main
from cdb_video_command.ending import run

if __name__ == '__main__':
    run(main)
