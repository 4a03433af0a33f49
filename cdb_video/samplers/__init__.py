"""Samplers that re-balance classes: by difficulty, and by frequency."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.samplers.by_frequency import ProgressiveSampler as ProgressiveSampler
    from cdb_video.samplers.by_frequency import RepeatFactorSampler as RepeatFactorSampler
    from cdb_video.samplers.cdb_image_sampler import CDBImageSampler as CDBImageSampler
    from cdb_video.samplers.cdb_sampler import CDBSampler as CDBSampler
    from cdb_video.samplers.class_sampler import ClassSampler as ClassSampler
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'samplers.by_frequency': ['ProgressiveSampler', 'RepeatFactorSampler'],
            'samplers.cdb_image_sampler': ['CDBImageSampler'],
            'samplers.cdb_sampler': ['CDBSampler'],
            'samplers.class_sampler': ['ClassSampler'],
        },
    )
