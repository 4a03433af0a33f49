"""Counts per class: of a validation, and of training itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.difficulty.counts import ClassCounts as ClassCounts
    from cdb_video.difficulty.tracking.outcomes import NOT_A_NUMBER as NOT_A_NUMBER
    from cdb_video.metrics.class_accuracy import ClassAccuracy as ClassAccuracy
    from cdb_video.metrics.training_counts import TrainingCounts as TrainingCounts
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'difficulty.counts': ['ClassCounts'],
            'metrics.class_accuracy': ['ClassAccuracy'],
            'difficulty.tracking.outcomes': ['NOT_A_NUMBER'],
            'metrics.training_counts': ['TrainingCounts'],
        },
    )
