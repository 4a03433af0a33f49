"""Hooks about class difficulty."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.hooks.class_difficulty import ClassDifficultyHook as ClassDifficultyHook
    from cdb_video.hooks.difficulty_replay import DifficultyReplayHook as DifficultyReplayHook
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'hooks.class_difficulty': ['ClassDifficultyHook'],
            'hooks.difficulty_replay': ['DifficultyReplayHook'],
        },
    )
