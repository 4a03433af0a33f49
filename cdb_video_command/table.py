"""The sub-commands by name: the module that does each, what it needs to be installed, and a line of help."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SubCommand:
    """A sub-command; its module has a `main` that takes the words behind its name and returns the exit status.

    Attributes:
        module: Imported when the sub-command is called.
        extra: Of cdb-video, which brings what the module needs beyond the base.
        help: One line.
        of_data_prep: Whether the module lies in data_prep, which is no package but a shipped folder of commands.
    """

    module: str
    extra: str
    help: str
    of_data_prep: bool = False


SUB_COMMANDS = {
    'list-videos': SubCommand('list_videos', 'prep', 'your own videos -> lists to train from', True),
    'make-images': SubCommand('make_images', 'prep', 'images -> long-tailed lists to train from', True),
    'make-shapes': SubCommand('make_shapes', 'prep', 'drawn shapes with boxes and masks, long-tailed, as LVIS', True),
    'check': SubCommand('check_dataset', 'prep', 'check lists and all that they point at', True),
    'check-objects': SubCommand('check_objects', 'prep', 'check boxes and masks in JSON of COCO or LVIS', True),
    'config': SubCommand('cdb_video_command.config', 'mmaction', 'list the configs that come along, copy one'),
    'train': SubCommand('cdb_video.commands.train', 'mmaction', 'train a config'),
    'test': SubCommand('cdb_video.commands.test', 'mmaction', 'test a checkpoint'),
    'predict': SubCommand('cdb_video.commands.predict', 'mmaction', 'name actions in videos, objects in images'),
    'cross-fit': SubCommand(
        'cdb_video.commands.cross_fit', 'mmaction', 'difficulty of all training samples, without a hold-out'
    ),
    'sweep': SubCommand('cdb_video.commands.sweep', 'mmaction', 'train configs x seeds, resumable, and compare them'),
    'report': SubCommand('cdb_video.commands.report', 'report', 'accuracy, difficulty and mistakes by class'),
    'compare': SubCommand('cdb_video.commands.compare', 'report', 'methods and seeds side by side'),
    'average-splits': SubCommand('cdb_video.commands.average_splits', 'report', 'mean and deviation over splits'),
    'edit-classifier': SubCommand(
        'cdb_video.commands.edit_classifier', 'mmaction', 'tau-normalise, adjust or balance a trained classifier'
    ),
}
"""In the order in which one needs them."""
