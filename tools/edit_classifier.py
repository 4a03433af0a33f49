"""Change the classifier of a trained model without training; see `cdb_video.commands.edit_classifier`."""

from cdb_video.commands.edit_classifier import main
from cdb_video_command.ending import run

if __name__ == '__main__':
    run(main)
