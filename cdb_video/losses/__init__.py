"""Losses that weight classes: by difficulty, and by frequency."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.losses.cdb import CDBLoss as CDBLoss
    from cdb_video.losses.class_balanced import ClassBalancedLoss as ClassBalancedLoss
    from cdb_video.losses.class_loss import ClassLoss as ClassLoss
    from cdb_video.losses.equalization import EqualizationLoss as EqualizationLoss
    from cdb_video.losses.ldam import LDAMLoss as LDAMLoss
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'losses.cdb': ['CDBLoss'],
            'losses.class_balanced': ['ClassBalancedLoss'],
            'losses.class_loss': ['ClassLoss'],
            'losses.equalization': ['EqualizationLoss'],
            'losses.ldam': ['LDAMLoss'],
        },
    )
