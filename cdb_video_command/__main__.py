"""``python -m cdb_video_command`` is the command `cdb-video`, where no such file was installed."""

from cdb_video_command.main import command

if __name__ == '__main__':
    command()
