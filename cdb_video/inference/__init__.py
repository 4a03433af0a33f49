"""A trained model on new videos: what a work directory holds, and what it says of a clip or of a long video."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.inference.load import load as load
    from cdb_video.inference.predict import Predictor as Predictor
    from cdb_video.inference.results import ClassScore as ClassScore
    from cdb_video.inference.results import Failure as Failure
    from cdb_video.inference.results import Prediction as Prediction
    from cdb_video.inference.results import Timeline as Timeline
    from cdb_video.inference.results import Window as Window
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'inference.load': ['load'],
            'inference.predict': ['Predictor'],
            'inference.results': ['ClassScore', 'Failure', 'Prediction', 'Timeline', 'Window'],
        },
    )
